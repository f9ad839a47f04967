"""`doctor` and `setup` as a person types them, in a process of their own. On any computer, so without touching it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).with_name("sharpened-camera"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, encoding="utf-8", timeout=60, stdin=subprocess.DEVNULL)


def test_the_doctor_in_words_and_for_programs() -> None:
    words, data = run("doctor"), run("doctor", "--json")
    assert words.stderr == data.stderr == ""
    report = json.loads(data.stdout)
    assert words.returncode == data.returncode == report["exit_code"]
    assert f"name to pick: {report['findings'][-1]['state']}" in words.stdout
    assert "layer-failed" not in {finding["code"] for finding in report["findings"]}


@pytest.mark.parametrize("arguments", [("--dry-run",), ("--dry-run", "--undo"), ()])
def test_setup_without_anybody_to_ask_changes_nothing(arguments: tuple[str, ...]) -> None:
    done = run("setup", *arguments)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 6, 7, 8), done.stderr
    assert done.stdout or done.stderr.startswith("sharpened-camera: ")


@pytest.mark.parametrize("number", ["-1", "256", "many"])
def test_a_number_that_no_device_has(number: str) -> None:
    assert run("setup", "--number", number, "--dry-run").returncode == 2
