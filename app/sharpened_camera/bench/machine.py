"""Where the bench runs."""

import contextlib
import platform
from collections.abc import Generator
from importlib.metadata import PackageNotFoundError, version

import psutil

from sharpen_core import machine
from sharpened_camera.bench.results import MachineRow

_LIBRARIES = ("openvino", "onnxruntime", "opencv-python-headless", "numpy", "sharpened-camera")


def describe_machine(threads: int) -> MachineRow:
    """Returns this machine as it is now: to be called before anything is measured."""
    processor, load = machine.this_processor(), machine.load()
    return MachineRow(
        processor=processor.name,
        cores=processor.cores,
        threads=threads,
        features=processor.features,
        system=f"{platform.system()} {platform.release()}",
        versions={"python": platform.python_version()} | {name: _version(name) for name in _LIBRARIES},
        load=None if load is None else round(load, 2),
    )


def can_choose_cores() -> bool:
    """Whether there are several cores here, and a program can be held to some of them; on macOS it cannot."""
    return hasattr(psutil.Process, "cpu_affinity") and len(psutil.Process().cpu_affinity() or ()) > 1


@contextlib.contextmanager
def on_one_core() -> Generator[None]:
    """Whatever this thread starts meanwhile keeps to one core; only where `can_choose_cores`."""
    process = psutil.Process()
    cores = process.cpu_affinity()
    assert cores
    process.cpu_affinity(cores[:1])
    try:
        yield
    finally:
        process.cpu_affinity(cores)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
