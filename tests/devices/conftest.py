"""Boots the guests of the device lab and puts them in order before each test."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from device_lab import LAB, Lab, Machine

RESULTS = Path(__file__).parents[2] / "build/devices"
USERS = dict(os.environ)  # before tests/conftest.py hides the folder where the kernel is kept


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--call-minutes`: how long the long call is."""
    parser.addoption("--call-minutes", type=float, default=0.5, help="how long the call is in which every frame is checked")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what a test does not try on one of the versions of v4l2loopback."""
    items[:] = [item for item in items if _fits(getattr(item, "callspec", None))]


def _fits(callspec: Any) -> bool:
    versions = getattr(callspec.params.get("breakage"), "on", None) if callspec else None
    return versions is None or callspec.params["machine"] in versions


@pytest.fixture(scope="session")
def made() -> Path:
    """The folder with the kernel and its modules."""
    built = subprocess.run([LAB / "build.sh"], capture_output=True, encoding="utf-8", env=USERS)
    if built.returncode == 77:
        pytest.skip(built.stderr.strip().splitlines()[-1])  # says why this machine cannot run them
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.strip())


@pytest.fixture(scope="session", params=["0.12.7", "0.15.0"])
def machine(request: pytest.FixtureRequest, made: Path) -> Iterator[Machine]:
    """A guest with this version of v4l2loopback, the same one for all tests."""
    folder = RESULTS / request.param
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    machine = Machine(made, request.param, folder)
    yield machine
    machine.off()


@pytest.fixture
def lab(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A guest in good order: webcam plugged in, our virtual camera there, nobody using either, no call."""
    name = request.node.name.removeprefix("test_").replace(machine.loopback, "")
    folder = machine.folder / re.sub(r"\W+", "-", name).strip("-")
    folder.mkdir(exist_ok=True)
    machine.boot()
    lab = Lab(machine, folder)
    lab.mend()
    yield lab
    machine.ask("leave_call")
    machine.ask("tidy")
    for log in [*machine.share.glob("*.err"), *machine.share.glob("*.out")]:
        shutil.move(log, folder / log.name)
    if lab.figures:
        (folder / "figures.json").write_text(json.dumps(lab.figures, indent=1), encoding="utf-8")
