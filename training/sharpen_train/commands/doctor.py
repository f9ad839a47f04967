"""`sharpen-train doctor`: one line for each thing that training, scoring and export need, with the fix for what is missing."""

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from sharpen_core.errors import SharpenError
from sharpen_train.errors import TrainError

GIB = 1 << 30
OPTIONAL = {
    "onnx": "export",
    "tensorboard": "curves in TensorBoard; metrics.csv is written without it",
    "nncf": "int8 in export",
    "h5py": "weights of the squeezenet loss from a Keras file",
}
"""Libraries that one feature needs, with that feature."""


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one place, and what to do about it."""

    name: str
    state: State
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Torch:
    """What torch can use.

    Attributes:
        cpu: abilities of the processor by torch's names for them.
        threads: CPU threads that it uses by itself.
        gpus: name and memory of each GPU.
        cuda: CUDA version that it was built for; None: built without.
    """

    cpu: Mapping[str, object]
    threads: int
    gpus: tuple[str, ...] = ()
    cuda: str | None = None


@dataclass(frozen=True)
class Machine:
    """What there is to judge.

    Attributes:
        python: version, as (major, minor, micro).
        libraries: version of each library by name; those that are missing are not in it.
        broken: why an installed library cannot be used, by name.
        torch: what torch can use; None when it does not work.
        nvidia_driver: there is an NVIDIA driver.
        encodes_h264: PyAV has libx264.
        compiler: path of the C++ compiler that torch.compile would call; None: there is none.
        free_disk_bytes: room in the current folder.
        free_memory_bytes: memory that programs can still take.
    """

    python: tuple[int, int, int]
    libraries: Mapping[str, str]
    broken: Mapping[str, str]
    torch: Torch | None
    nvidia_driver: bool
    encodes_h264: bool
    compiler: str | None
    free_disk_bytes: int
    free_memory_bytes: int


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what this machine has for training and what is missing, with the fix."""
    findings = examine(look())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            print(f"{finding.state:5s} {finding.name}: {finding.found}" + (f"\n{'':6s}→ {finding.fix}" if finding.fix else ""))
    if any(finding.state is State.FAIL for finding in findings):
        raise typer.Exit(TrainError.exit_code)


def examine(machine: Machine) -> list[Finding]:
    """Returns a finding for everything there is to say about `machine`."""
    return [
        _python(machine),
        _library(machine, "torch", "everything", State.FAIL),
        *([_cpu(machine.torch), _gpu(machine.torch, machine.nvidia_driver)] if machine.torch else []),
        _library(machine, "safetensors", "checkpoints", State.FAIL),
        *(_library(machine, name, "scores of exported models", State.FAIL) for name in ("openvino", "onnxruntime")),
        *(_library(machine, name, feature, State.WARN) for name, feature in OPTIONAL.items()),
        _video(machine),
        _compiler(machine),
        _room("disk", machine.free_disk_bytes, 1, 10, "Free some, or give --run and --data on another disk"),
        _room("memory", machine.free_memory_bytes, 1, 3, "Close programs, or train with --set phase.batch=4"),
    ]


def look() -> Machine:
    """Returns what this machine has. Takes a few seconds: what has to work is really loaded."""
    import psutil

    names = ("torch", "safetensors", "openvino", "onnxruntime", *OPTIONAL)
    libraries = {name: version for name in names if (version := _version(name))}
    checks: dict[str, Callable[[], object]] = {"torch": _look_at_torch, "openvino": _try_openvino, "onnxruntime": _try_onnxruntime}
    broken = {name: reason for name, check in checks.items() if name in libraries and (reason := _failure(check))}
    return Machine(
        python=sys.version_info[:3],
        libraries=libraries,
        broken=broken,
        torch=_look_at_torch() if "torch" in libraries and "torch" not in broken else None,
        nvidia_driver=shutil.which("nvidia-smi") is not None,
        encodes_h264=not _failure(_try_x264),
        compiler=shutil.which(os.environ.get("CXX", "g++")),
        free_disk_bytes=shutil.disk_usage(Path.cwd()).free,
        free_memory_bytes=psutil.virtual_memory().available,
    )


def _version(name: str) -> str | None:
    """Returns the version of a library, which some builds give under another name; None if it is not installed."""
    if importlib.util.find_spec(name) is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "installed"


def _failure(check: Callable[[], object]) -> str:
    """Returns why `check` fails, in one line; empty when it does not."""
    try:
        check()
    except SharpenError as error:
        return error.message
    except Exception as error:  # a broken library fails in any way it likes: that is what is asked here
        return (str(error) or type(error).__name__).splitlines()[0]
    return ""


def _look_at_torch() -> Torch:
    import torch

    gpus: list[str] = []
    if torch.cuda.is_available():
        properties = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        gpus = [f"cuda:{number} {found.name}, {found.total_memory / GIB:.0f} GiB" for number, found in enumerate(properties)]
    return Torch(torch.cpu.get_capabilities(), torch.get_num_threads(), tuple(gpus), torch.version.cuda)


def _try_openvino() -> None:
    from sharpen_core.engines.openvino import shared_core

    shared_core().get_property("CPU", "FULL_DEVICE_NAME")


def _try_onnxruntime() -> None:
    import onnxruntime

    onnxruntime.get_available_providers()


def _try_x264() -> None:
    import av.codec

    av.codec.Codec("libx264", "w")


def _python(machine: Machine) -> Finding:
    version = ".".join(map(str, machine.python))
    if machine.python < (3, 11, 0):
        return Finding("python", State.FAIL, f"{version} is too old", "Install Python 3.11 or newer")
    return Finding("python", State.OK, version)


def _library(machine: Machine, name: str, feature: str, without: State) -> Finding:
    if name not in machine.libraries:
        return Finding(name, without, f"not installed; needed for {feature}", f"pip install {name}")
    if name in machine.broken:
        return Finding(
            name, without, f"{machine.libraries[name]} does not work: {machine.broken[name]}", f"pip install --force-reinstall {name}"
        )
    return Finding(name, State.OK, machine.libraries[name])


def _cpu(torch: Torch) -> Finding:
    """The processor: what decides the precision to train in."""
    names = {"avx2": "AVX2", "avx512_f": "AVX-512", "avx512_bf16": "AVX-512 bf16", "amx_bf16": "AMX bf16"}
    abilities = [name for key, name in names.items() if torch.cpu.get(key)]
    found = f"{torch.threads} threads, {', '.join(abilities) or 'no vector extensions that torch names'}"
    if torch.gpus or torch.cpu.get("avx512_bf16") or torch.cpu.get("amx_bf16"):
        return Finding("cpu", State.OK, found)
    return Finding("cpu", State.WARN, f"{found}; bf16 is emulated", "Train in f32: --set train.precision=f32")


def _gpu(torch: Torch, nvidia_driver: bool) -> Finding:
    if torch.gpus:
        return Finding("gpu", State.OK, "; ".join(torch.gpus))
    if torch.cuda:
        return Finding("gpu", State.WARN, f"none that CUDA {torch.cuda} can use; training runs on the CPU", "Try nvidia-smi")
    if nvidia_driver:
        fix = "Install torch for CUDA as https://pytorch.org/get-started/locally says"
        return Finding("gpu", State.WARN, "there is an NVIDIA driver, but this torch is built without CUDA", fix)
    return Finding("gpu", State.OK, "none; training runs on the CPU")


def _video(machine: Machine) -> Finding:
    if machine.encodes_h264:
        return Finding("h264", State.OK, "PyAV with libx264")
    fix = "pip install --force-reinstall --only-binary :all: av"
    return Finding("h264", State.FAIL, "PyAV has no libx264; the presets webcam and complex need it", fix)


def _compiler(machine: Machine) -> Finding:
    if machine.compiler:
        return Finding("compiler", State.OK, machine.compiler)
    return Finding("compiler", State.WARN, "no C++ compiler; train.compile=true needs one", "Install g++, or leave train.compile at false")


def _room(name: str, free_bytes: int, least_gib: int, good_gib: int, fix: str) -> Finding:
    state = State.OK if free_bytes >= good_gib * GIB else State.WARN if free_bytes >= least_gib * GIB else State.FAIL
    return Finding(name, state, f"{free_bytes / GIB:.1f} GiB free", "" if state is State.OK else fix)
