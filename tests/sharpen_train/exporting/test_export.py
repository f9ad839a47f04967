import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from safetensors.torch import load_file

from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.errors import ModelCorrupt
from sharpen_core.frame import Size
from sharpen_core.model_store import MANIFEST, Parity, Precision, read_model
from sharpen_core.restorer import Restorer
from sharpen_train.architectures import build
from sharpen_train.distil.restore import load_run, restore
from sharpen_train.errors import CheckpointError, ConfigError, DataError, ExportError
from sharpen_train.exporting import parity
from sharpen_train.exporting.export import ExportOptions, export

SIZE = Size(119, 161)


def test_every_engine_gives_the_picture_of_the_run(run: Path, exported: Path) -> None:
    model = read_model(exported)
    picture = scene(SIZE, 7)
    expected = restore(load_run(run), picture).astype(int)
    for engine in (OpenVINOEngine(2, "f32"), OnnxRuntimeEngine(2)):
        for most_px in (10**9, 8000):
            result = Restorer(model, engine, SIZE, most_px=most_px).sharpen(picture)
            assert np.abs(result.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("precision", "mean_abs"), [("f16", 0.1), ("int8", 2.0)])
def test_precisions_with_a_graph_of_their_own_are_small_and_close(run: Path, exported: Path, precision: Precision, mean_abs: float) -> None:
    model = read_model(exported)
    picture = scene(SIZE, 3)
    restorer = Restorer(model, OpenVINOEngine(2, precision), SIZE)
    assert restorer.precision == precision
    difference = np.abs(restorer.sharpen(picture).astype(int) - restore(load_run(run), picture))
    assert 0 < difference.mean() <= mean_abs
    weights = {name: entry.bytes for name, entry in model.manifest.files.items() if name.endswith(".bin")}
    assert weights[f"model-{precision}.bin"] < 0.55 * weights["model.bin"]


def test_the_manifest_tells_what_the_run_was(exported: Path) -> None:
    manifest = read_model(exported).manifest
    assert {path.name for path in exported.iterdir()} == {MANIFEST, *manifest.files}
    assert (manifest.name, manifest.architecture, manifest.parameters) == ("mine", "guided-lean-16-32x3", 37756)
    assert (manifest.halo_px, manifest.input.multiple_px, manifest.whole_frame) == (20, 4, False)
    assert manifest.kmac_per_px == pytest.approx(2.85, abs=0.01)
    assert set(manifest.parity) >= {"onnxruntime/f32", "openvino/f32", "openvino/f16", "openvino/int8"}
    assert (manifest.training["steps"], manifest.training["minutes"], manifest.training["note"]) == (200, 3.0, "of a note")
    assert manifest.scores["heavy"].psnr_db == 32
    assert manifest.int8 is not None
    assert manifest.int8.psnr_loss_db <= 1
    assert manifest.int8.pictures == 8


def test_the_card_tells_scores_parity_loss_credits_and_limits(exported: Path) -> None:
    card = (exported / "card.md").read_text(encoding="utf-8")
    for words in ("# A test", "Pictures of nobody.", "| heavy | 30.00 / 0.800 ", "+2.00", "openvino/int8", "8 bits change", "## Limits"):
        assert words in card


def test_training_can_go_on_from_the_weights(run: Path, exported: Path) -> None:
    network = build("guided-lean-16-32x3")
    network.load_state_dict(load_file(exported / "weights.safetensors"))
    picture = scene(Size(32, 48))
    np.testing.assert_array_equal(restore(network.eval(), picture), restore(load_run(run), picture))


def test_without_options_the_model_lies_in_the_run_and_bears_its_name(run: Path) -> None:
    manifest = export(run)
    assert manifest.name == "my-run"
    assert read_model(run / "export").manifest == manifest
    assert manifest.int8 is None
    assert not any("int8" in name or "f16" in name for name in manifest.files)


def test_a_model_is_written_again_from_itself(exported: Path, dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "mine")
    before = read_model(exported).manifest
    manifest = export(tmp_path / "mine", options=ExportOptions(calibration=dataset, accuracy_limit_db=1))
    assert read_model(tmp_path / "mine").manifest == manifest
    told = {"name", "title", "architecture", "parameters", "training", "scores", "input", "halo_px", "parity", "int8"}
    assert manifest.model_dump(include=told) == before.model_dump(include=told)
    assert manifest.files.keys() == before.files.keys()
    for name in ("card.md", "weights.safetensors"):
        assert (tmp_path / "mine" / name).read_bytes() == (exported / name).read_bytes()


def test_a_model_written_again_elsewhere_may_get_other_words(exported: Path, dataset: Path, tmp_path: Path) -> None:
    options = ExportOptions(name="other", title="Another", credits_text="Someone.", calibration=dataset, accuracy_limit_db=1)
    manifest = export(exported, tmp_path / "other", options)
    assert (manifest.name, manifest.title) == ("other", "Another")
    card = (tmp_path / "other/card.md").read_text(encoding="utf-8")
    assert "Someone." in card
    assert "Pictures of nobody." not in card
    assert read_model(exported).name == "mine"


def test_a_model_that_cannot_be_written_again_says_why_and_stays(exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mine"
    shutil.copytree(exported, copy)
    with pytest.raises(DataError, match=r"chosen by pictures.*--calibration"):
        export(copy)
    (copy / "weights.safetensors").write_bytes(b"less")
    with pytest.raises(ModelCorrupt, match=r"weights\.safetensors"):
        export(copy)
    manifest = (copy / MANIFEST).read_text(encoding="utf-8")
    (copy / MANIFEST).write_text(manifest.replace("guided-lean-16-32x3", "from-the-future"), encoding="utf-8")
    with pytest.raises(ConfigError, match="no architecture 'from-the-future'"):
        export(copy)
    assert (copy / "model.xml").read_bytes() == (exported / "model.xml").read_bytes()


def test_a_model_that_fails_the_gate_replaces_nothing(run: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(exported, tmp_path / "mine")
    monkeypatch.setitem(parity.LIMITS, "openvino/f32", Parity.model_construct(max_abs=1, mean_abs=-1.0))
    with pytest.raises(ExportError, match=r"openvino/f32 differs from the trained network.*At most"):
        export(run, tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == {
        path.name: path.read_bytes() for path in exported.iterdir()
    }


def test_bfloat16_is_promised_only_where_it_is_close(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parity.LIMITS, parity.OPTIONAL, Parity.model_construct(max_abs=1, mean_abs=-1.0))
    assert parity.OPTIONAL not in export(run, tmp_path / "mine").parity
    assert OpenVINOEngine(1).compile(read_model(tmp_path / "mine"), Size(32, 32)).precision == "f32"


def test_a_folder_of_something_else_is_never_replaced(run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ExportError, match="a folder of something else"):
        export(run, tmp_path)
    with pytest.raises(ExportError, match="a folder of something else"):
        export(run, tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_bad_input_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not the folder of a run"):
        export(tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"'\.\./evil' cannot be the name"):
        export(run, tmp_path / "out", ExportOptions(name="../evil"))
    with pytest.raises(DataError, match=r"no folder .*none.*--calibration"):
        export(run, tmp_path / "out", ExportOptions(int8=True, calibration=tmp_path / "none"))
    (tmp_path / "run").mkdir()
    for name in ("config.toml", "checkpoints"):
        (tmp_path / "run" / name).symlink_to(run / name)
    (tmp_path / "run" / "scores.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ExportError, match=r"scores .* are damaged"):
        export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_program_runs_an_exported_folder_in_8_bits(exported: Path) -> None:
    program = Path(sys.executable).with_name("sharpened-camera")
    arguments = "run --camera test --size 160x120 --fastest --frames 5 --output none --precision int8 --json --model"
    done = subprocess.run([program, *arguments.split(), exported], capture_output=True, encoding="utf-8", timeout=60, env=os.environ)
    report = json.loads(done.stdout)
    assert (report["model"], report["precision"], report["frames_sharpened"]) == ("mine", "int8", 5)
