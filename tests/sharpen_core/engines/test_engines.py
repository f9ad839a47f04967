import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from pictures import scene

from sharpen_core.engines import openvino
from sharpen_core.engines.base import Engine, Precision
from sharpen_core.engines.identity import IdentityEngine
from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.engines.select import default_threads, select_engine
from sharpen_core.errors import EngineCompileFailed, EngineUnavailable, ModelCorrupt, ModelIncompatible
from sharpen_core.frame import Size
from sharpen_core.model_store import FileEntry, Model, Quantisation, find_model, list_models
from sharpen_core.specialists import fitting

REAL: dict[str, Callable[[], Engine]] = {
    "openvino": lambda: OpenVINOEngine(threads=2, precision="f32"),
    "onnxruntime": lambda: OnnxRuntimeEngine(threads=2),
}


@pytest.fixture(params=[*REAL, "identity"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return REAL[request.param]() if request.param in REAL else IdentityEngine()


@pytest.fixture(params=REAL)
def real_engine(request: pytest.FixtureRequest) -> Engine:
    return REAL[request.param]()


@pytest.mark.parametrize("size", [Size(64, 64), Size(48, 100), Size(4, 4)])
def test_every_engine_keeps_shape_and_type(engine: Engine, size: Size) -> None:
    result = engine.compile(find_model("fast"), size).infer(scene(size))
    assert result.shape == (*size, 3)
    assert result.dtype == np.uint8


def test_several_users_at_once_get_what_one_gets(real_engine: Engine) -> None:
    size, model = Size(48, 64), find_model("fast")
    pictures = [scene(size, seed) for seed in range(12)]
    alone, shared = real_engine.compile(model, size), real_engine.compile(model, size, users=3)
    expected = [alone.infer(picture).copy() for picture in pictures]
    with ThreadPoolExecutor(3) as users:
        np.testing.assert_array_equal(list(users.map(shared.infer, pictures)), expected)


@pytest.mark.parametrize("name", [model.name for model in list_models()[0]])
def test_golden_numbers(real_engine: Engine, name: str) -> None:
    model = find_model(name)
    golden = np.load(model.file("golden.npz"))
    gauge = model.gauge()
    assert gauge is not None
    mtf = gauge.read_whole(golden["input"])
    result = real_engine.compile(fitting(model, mtf), Size.of(golden["input"])).infer(golden["input"], mtf)
    assert np.abs(result.astype(int) - golden["output"]).max() <= 1


def test_both_engines_give_the_same_picture() -> None:
    size = Size(240, 320)
    frame = scene(size)
    results = [make().compile(find_model("fast"), size).infer(frame).astype(int) for make in REAL.values()]
    assert np.abs(results[0] - results[1]).max() <= 1


def test_low_precision_stays_within_what_the_manifest_promises() -> None:
    model = find_model("fast")
    golden = np.load(model.file("golden.npz"))
    gauge = model.gauge()
    assert gauge is not None
    mtf = gauge.read_whole(golden["input"])
    network = OpenVINOEngine(threads=2, precision="bf16").compile(fitting(model, mtf), Size.of(golden["input"]))
    assert network.precision == "bf16"
    difference = np.abs(network.infer(golden["input"], mtf).astype(int) - golden["output"])
    assert difference.mean() <= 0.5
    assert difference.max() <= 12


def test_low_precision_is_not_used_for_a_model_that_does_not_promise_it() -> None:
    model = find_model("fast")
    unchecked = Model(model.folder, model.manifest.model_copy(update={"parity": {}}))
    assert OpenVINOEngine(threads=1).compile(unchecked, Size(32, 32)).precision == "f32"
    for precision in ("f16", "int8"):
        with pytest.raises(ModelIncompatible, match=f"the model 'fast' has no {precision}. It has: f32$"):
            OpenVINOEngine(threads=1, precision=precision).compile(unchecked, Size(32, 32))


def quantised(psnr_loss_db: float, worst_psnr_loss_db: float) -> Model:
    """`fast`, whose 8 bits were measured to cost so much."""
    model = find_model("fast")
    cost = Quantisation(method="", psnr_loss_db=psnr_loss_db, worst_psnr_loss_db=worst_psnr_loss_db, pictures=32)
    return Model(model.folder, model.manifest.model_copy(update={"int8": cost}))


def test_light_is_8_bits_where_they_cost_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    size, dear = Size(32, 32), OpenVINOEngine(threads=1).compile(find_model("fast"), Size(32, 32)).precision
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    light = OpenVINOEngine(threads=1, light=True)
    assert light.compile(quantised(-0.02, 0.2), size).precision == "int8"
    assert light.compile(quantised(0.12, 0.2), size).precision == dear, "too much on average"
    assert light.compile(quantised(0.0, 0.7), size).precision == dear, "too much for one picture"
    assert OpenVINOEngine(threads=1, precision="f32", light=True).compile(quantised(0.0, 0.0), size).precision == "f32"
    assert light.fingerprint != OpenVINOEngine(threads=1).fingerprint, "their times are not each other's"
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert OpenVINOEngine(threads=1, light=True).compile(quantised(0.0, 0.0), size).precision == dear


@pytest.mark.parametrize("precision", ["f16", "int8"])
def test_each_precision_reads_the_graph_of_its_own(precision: Precision, tmp_path: Path) -> None:
    """The default model's graph stands where the smaller one would: what is loaded from there is what is computed."""
    model = find_model("fast")
    files, parity = dict(model.manifest.files), dict(model.manifest.parity)
    for name in model.graph_files("f32"):
        own = name.replace("model", f"model-{precision}")
        shutil.copy(model.folder / name, tmp_path / own)
        files[own] = files[name]
    parity[f"openvino/{precision}"] = parity["openvino/f32"]
    other = Model(tmp_path, model.manifest.model_copy(update={"files": files, "parity": parity}))
    network = OpenVINOEngine(threads=1, precision=precision).compile(other, Size(32, 32))
    assert network.precision == precision
    frame = scene(Size(32, 32))
    expected = OpenVINOEngine(threads=1, precision="f32").compile(model, Size(32, 32)).infer(frame)
    np.testing.assert_array_equal(network.infer(frame), expected)
    (tmp_path / other.graph_files(precision)[1]).write_bytes(b"")
    with pytest.raises(ModelCorrupt):
        OpenVINOEngine(threads=1, precision=precision).compile(other, Size(32, 32))


def test_bfloat16_is_refused_on_a_cpu_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldCpu:
        available_devices: ClassVar = ["CPU"]

        def get_property(self, *_: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "shared_core", OldCpu)
    with pytest.raises(EngineUnavailable, match="this CPU does not compute in bf16"):
        OpenVINOEngine(threads=1, precision="bf16")


def test_ctrl_c_survives_networks_that_were_freed() -> None:
    """Two cores that are freed in the order in which they were made leave signal handlers a stack that is gone."""
    lines = (
        "import os, signal, time",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",  # also where the tests run in the background, deaf to it
        "from sharpen_core.engines.openvino import OpenVINOEngine",
        "from sharpen_core.frame import Size",
        "from sharpen_core.model_store import find_model",
        "first, second = (OpenVINOEngine(1).compile(find_model('fast'), Size(16, 16)) for _ in range(2))",
        "del first",
        "del second",
        "os.kill(os.getpid(), signal.SIGINT)",
        "time.sleep(60)",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, encoding="utf-8", timeout=60)
    assert "KeyboardInterrupt" in done.stderr, done.returncode


def test_values_saturate_instead_of_wrapping(real_engine: Engine) -> None:
    """Black beside white makes a sharpener overshoot both ends; a missing clamp would turn white into black."""
    size = Size(64, 64)
    frame = np.zeros((*size, 3), np.uint8)
    frame[:, 32:] = 255
    result = real_engine.compile(find_model("fast"), size).infer(frame).astype(int)
    assert np.abs(result[8:-8, 8:24]).max() < 64
    assert np.abs(result[8:-8, 40:-8] - 255).max() < 64


def test_a_broken_graph_is_an_engine_error(real_engine: Engine, tmp_path: Path) -> None:
    model = find_model("fast")
    shutil.copytree(model.folder, tmp_path / "m")
    import hashlib

    files = dict(model.manifest.files)
    for name in (model.onnx_file, model.graph_files("f32")[0]):
        (tmp_path / "m" / name).write_bytes(b"garbage")
        files[name] = FileEntry(sha256=hashlib.sha256(b"garbage").hexdigest(), bytes=7)
    broken = Model(tmp_path / "m", model.manifest.model_copy(update={"files": files}))
    with pytest.raises(EngineCompileFailed, match="cannot load the model"):
        real_engine.compile(broken, Size(32, 32))


def test_a_file_with_a_wrong_checksum_is_never_loaded(real_engine: Engine, tmp_path: Path) -> None:
    model = find_model("fast")
    shutil.copytree(model.folder, tmp_path / "m")
    for name in (model.onnx_file, model.graph_files("f32")[1]):
        with (tmp_path / "m" / name).open("ab") as file:
            file.write(b"\0")
    with pytest.raises(ModelCorrupt):
        real_engine.compile(Model(tmp_path / "m", model.manifest), Size(32, 32))


def test_engines_are_chosen_by_name_or_automatically(monkeypatch: pytest.MonkeyPatch) -> None:
    assert select_engine("auto").name == "openvino"
    assert select_engine("onnxruntime").name == "onnxruntime"
    with pytest.raises(EngineUnavailable, match=r"there is no engine 'tpu'.*openvino"):
        select_engine("tpu")
    assert default_threads() >= 1

    with pytest.raises(EngineUnavailable, match=r"ONNX Runtime computes in f32, not in int8.*--engine openvino"):
        select_engine("onnxruntime", precision="int8")

    def missing(threads: int, precision: Precision | None, light: bool) -> Engine:
        raise EngineUnavailable("OpenVINO is not installed")

    monkeypatch.setitem(__import__("sharpen_core.engines.select", fromlist=["ENGINES"]).ENGINES, "openvino", missing)
    assert select_engine("auto").name == select_engine("auto", precision="f32").name == "onnxruntime"
    with pytest.raises(EngineUnavailable, match=r"OpenVINO is not installed; ONNX Runtime computes in f32.*Leave out --precision int8"):
        select_engine("auto", precision="int8")
