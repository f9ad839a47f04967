"""What `sharpen-train doctor` says about machines of every kind."""

import dataclasses
import json

import pytest
import typer

from sharpen_train.commands import doctor as module
from sharpen_train.commands.doctor import GIB, Finding, Machine, State, Torch, doctor, examine, look

LIBRARIES = ("torch", "safetensors", "openvino", "onnxruntime", "onnx", "tensorboard", "nncf", "h5py")
GOOD = Machine(
    python=(3, 12, 1),
    libraries=dict.fromkeys(LIBRARIES, "1.0"),
    broken={},
    torch=Torch({"avx2": True, "avx512_f": True, "avx512_bf16": True}, threads=8),
    nvidia_driver=False,
    encodes_h264=True,
    compiler="/usr/bin/g++",
    free_disk_bytes=100 * GIB,
    free_memory_bytes=16 * GIB,
)


def finding(name: str, **changes: object) -> Finding:
    found = {finding.name: finding for finding in examine(dataclasses.replace(GOOD, **changes))}
    return found[name]


def without(*names: str) -> dict[str, str]:
    return {name: version for name, version in GOOD.libraries.items() if name not in names}


def test_nothing_is_wrong_with_a_good_machine() -> None:
    findings = examine(GOOD)
    assert {finding.state for finding in findings} == {State.OK}
    assert not any(finding.fix for finding in findings)
    assert {*LIBRARIES, "python", "cpu", "gpu", "h264", "compiler", "disk", "memory"} == {finding.name for finding in findings}


@pytest.mark.parametrize(
    ("name", "changes", "state", "words"),
    [
        ("python", {"python": (3, 10, 9)}, State.FAIL, "3.10.9 is too old"),
        ("torch", {"libraries": without("torch"), "torch": None}, State.FAIL, "not installed"),
        ("torch", {"broken": {"torch": "libcudart.so not found"}, "torch": None}, State.FAIL, "libcudart.so not found"),
        ("safetensors", {"libraries": without("safetensors")}, State.FAIL, "checkpoints"),
        ("openvino", {"broken": {"openvino": "no CPU plugin"}}, State.FAIL, "no CPU plugin"),
        ("onnxruntime", {"libraries": without("onnxruntime")}, State.FAIL, "not installed"),
        ("onnx", {"libraries": without("onnx")}, State.WARN, "export"),
        ("tensorboard", {"libraries": without("tensorboard")}, State.WARN, "metrics.csv"),
        ("nncf", {"libraries": without("nncf")}, State.WARN, "int8"),
        ("h5py", {"libraries": without("h5py")}, State.WARN, "squeezenet"),
        ("cpu", {"torch": Torch({"avx2": True}, threads=2)}, State.WARN, "2 threads, AVX2; bf16 is emulated"),
        ("cpu", {"torch": Torch({}, threads=2, gpus=("cuda:0 H, 80 GiB",))}, State.OK, "no vector extensions"),
        ("gpu", {"torch": Torch({}, threads=2, gpus=("cuda:0 H, 80 GiB", "cuda:1 H, 80 GiB"))}, State.OK, "cuda:1"),
        ("gpu", {"torch": Torch({}, threads=2, cuda="12.8")}, State.WARN, "CUDA 12.8"),
        ("gpu", {"nvidia_driver": True}, State.WARN, "without CUDA"),
        ("h264", {"encodes_h264": False}, State.FAIL, "webcam"),
        ("compiler", {"compiler": None}, State.WARN, "train.compile"),
        ("disk", {"free_disk_bytes": 2 * GIB}, State.WARN, "2.0 GiB"),
        ("disk", {"free_disk_bytes": GIB // 2}, State.FAIL, "0.5 GiB"),
        ("memory", {"free_memory_bytes": GIB // 4}, State.FAIL, "0.2 GiB"),
    ],
)
def test_what_is_missing_is_named_with_its_fix(name: str, changes: dict[str, object], state: State, words: str) -> None:
    found = finding(name, **changes)
    assert found.state is state
    assert words in found.found
    assert bool(found.fix) == (state is not State.OK)


def test_without_torch_nothing_is_said_about_what_it_could_use() -> None:
    names = {finding.name for finding in examine(dataclasses.replace(GOOD, libraries=without("torch"), torch=None))}
    assert not names & {"cpu", "gpu"}


def test_this_machine_can_run_the_tests() -> None:
    machine = look()
    assert machine.torch is not None
    assert not machine.broken
    assert {"torch", "openvino", "onnxruntime"} <= machine.libraries.keys()


def test_a_library_that_fails_says_why_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("cannot open libc10.so\nmore")

    monkeypatch.setattr(module, "_look_at_torch", fail)
    machine = look()
    assert machine.broken == {"torch": "cannot open libc10.so"}
    assert machine.torch is None


def test_warnings_pass_and_failures_exit_with_30(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "look", lambda: dataclasses.replace(GOOD, compiler=None))
    doctor()
    assert "warn  compiler: no C++ compiler" in capsys.readouterr().out
    monkeypatch.setattr(module, "look", lambda: dataclasses.replace(GOOD, libraries=without("safetensors")))
    with pytest.raises(typer.Exit) as caught:
        doctor(as_json=True)
    assert caught.value.exit_code == 30
    said = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert said["safetensors"] == {
        "name": "safetensors",
        "state": "fail",
        "found": "not installed; needed for checkpoints",
        "fix": "pip install safetensors",
    }
