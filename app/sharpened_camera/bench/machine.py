"""Where the bench runs."""

import platform
from importlib.metadata import PackageNotFoundError, version

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


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
