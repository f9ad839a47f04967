"""Models of several sets of weights, and compact ones."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pictures import scene
from safetensors.torch import load_file

from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.frame import Size
from sharpen_core.gauge import BANDS
from sharpen_core.model_store import MANIFEST, Model, Precision, read_model
from sharpen_core.restorer import Restorer
from sharpen_train.architectures import build
from sharpen_train.architectures.specialists import HEAVY, MEDIUM, Specialists
from sharpen_train.config import Config, Data, Phase
from sharpen_train.config import Model as ModelSettings
from sharpen_train.distil.checkpoint import weights_to_bytes
from sharpen_train.distil.restore import load_run, restore
from sharpen_train.exporting.export import ExportOptions, export
from sharpen_train.exporting.install import Outcome, install

ARCH = "guided-lean-16-32x3-trio"
SIZE = Size(96, 128)
NAMES = {f"model{precision}-{number}.xml" for precision in ("", "-f16", "-int8") for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def trio(run: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of specialists, who add half, all and double of what one network does."""
    folder = tmp_path_factory.mktemp("runs") / "trio"
    (folder / "checkpoints/best").mkdir(parents=True)
    config = Config(data=Data(path=str(dataset)), model=ModelSettings(arch=ARCH), phase=(Phase(preset="levels"),))
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    network = build(ARCH)
    assert isinstance(network, Specialists)
    network.load_state_dict(network.adapted(load_file(run / "checkpoints/best/weights.safetensors")))
    with torch.no_grad():
        for member, factor in zip(network.networks, (0.5, 1, 2), strict=True):
            for weight in member.tail.parameters():
                weight *= factor
    (folder / "checkpoints/best/weights.safetensors").write_bytes(weights_to_bytes(network.state_dict()))
    return folder


@pytest.fixture(scope="module")
def family(trio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "trio"
    export(trio, folder, ExportOptions(f16=True, int8=True, accuracy_limit_db=9))
    return folder


@pytest.fixture(scope="module")
def compact(trio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "compact"
    export(trio, folder, ExportOptions(int8=True, accuracy_limit_db=9, compact=True))
    return folder


def sharpened(model: Model, engine: OpenVINOEngine | OnnxRuntimeEngine, mean: float) -> np.ndarray:
    picture, mtf = scene(SIZE), np.full(BANDS, mean, np.float32)
    return engine.compile(model, SIZE).infer(picture, mtf).astype(int)


def test_each_set_of_weights_has_its_graphs(family: Path) -> None:
    manifest = read_model(family).manifest
    assert manifest.bounds == (HEAVY, MEDIUM)
    assert manifest.parameters == 37756
    assert set(manifest.files) >= NAMES | {f"model-{number}.onnx" for number in (1, 2, 3)}
    assert {path.name for path in family.iterdir()} == {MANIFEST, *manifest.files}
    assert "3 sets of weights, for frames of a mean MTF up to 0.46, up to 0.65, and above" in (family / "card.md").read_text("utf-8")


@pytest.mark.parametrize("engine", [OpenVINOEngine(1, "f32"), OnnxRuntimeEngine(1)], ids=["openvino", "onnxruntime"])
def test_the_sets_are_those_of_the_members(family: Path, engine: OpenVINOEngine | OnnxRuntimeEngine) -> None:
    model = read_model(family)
    added = [np.abs(sharpened(replace(model, number=number), engine, 0.5) - scene(SIZE)).mean() for number in range(3)]
    assert added[0] < 0.7 * added[1] < 0.7 * 0.7 * added[2]


@pytest.mark.parametrize("level", [0.0, 0.8, 1.6])
def test_a_picture_is_sharpened_by_the_weights_for_its_softness(trio: Path, family: Path, level: float) -> None:

    picture = scene(SIZE, 3) if not level else np.asarray(cv2.GaussianBlur(scene(SIZE, 3), (0, 0), level), np.uint8)
    result = Restorer(read_model(family), OpenVINOEngine(1, "f32"), SIZE).sharpen(picture).astype(int)
    assert np.abs(result - restore(load_run(trio), picture)).max() <= 1


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_a_compact_model_is_small_and_gives_the_same(family: Path, compact: Path, precision: Precision) -> None:
    small, large = read_model(compact), read_model(family)
    assert set(small.graph_files("int8")) == {"model-int8-2.xml.gz", "model-int8-2.bin"}
    assert sum(entry.bytes for entry in small.manifest.files.values()) < 0.5 * sum(entry.bytes for entry in large.manifest.files.values())
    engine = OpenVINOEngine(1, precision)
    for number in range(3):
        results = [sharpened(replace(model, number=number), engine, 0.5) for model in (small, large)]
        assert np.abs(results[0] - results[1]).mean() <= (0.05 if precision == "f32" else 1)


def test_a_compact_model_installs(compact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPENED_CAMERA_MODELS", str(tmp_path))
    model, outcome = install(compact)
    assert (model.name, outcome) == ("trio", Outcome.NEW)
