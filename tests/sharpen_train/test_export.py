import json
from pathlib import Path

import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.frame import Size
from sharpen_core.model_store import MANIFEST, read_model
from sharpen_core.restorer import Restorer
from sharpen_train import export as export_module
from sharpen_train.errors import CheckpointError, ExportError
from sharpen_train.evaluate import evaluate, summarise, tune_unsharp, worst_gain_db
from sharpen_train.export import export
from sharpen_train.loop import load_run, restore


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mine"
    export(trained, folder, "mine", "A test", {})
    return folder


def test_an_exported_model_runs_and_gives_the_trained_picture_on_every_engine(trained: Path, exported: Path) -> None:
    model = read_model(exported)
    picture = sharp_picture(Size(120, 161), 7)
    expected = restore(load_run(trained), picture).astype(int)
    for engine in (OpenVINOEngine(2, "f32"), OnnxRuntimeEngine(2)):
        for most_px in (10**9, 6000):
            result = Restorer(model, engine, Size(120, 161), most_px=most_px).sharpen(picture)
            # The right edge may differ: the runtime pads to what the network divides, evaluation to eight.
            assert np.abs(result[:, :-12].astype(int) - expected[:, :-12]).max() <= 1


def test_every_file_is_listed_and_the_card_tells_the_parity(exported: Path) -> None:
    model = read_model(exported)
    assert {path.name for path in exported.iterdir()} == {MANIFEST, *model.manifest.files}
    assert set(model.manifest.parity) == {"onnxruntime/f32", "openvino/f32", "openvino/bf16"}
    assert "openvino/bf16" in (exported / "card.md").read_text()


def test_a_model_that_fails_the_parity_gate_replaces_nothing(trained: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (exported / MANIFEST).read_bytes()
    impossible = {name: limit.model_copy(update={"mean_abs": -1.0}) for name, limit in export_module.MOST_BY_NAME.items()}
    monkeypatch.setattr(export_module, "MOST_BY_NAME", impossible)
    with pytest.raises(ExportError, match="differs from the trained network"):
        export(trained, exported, "mine", "A test", {})
    assert (exported / MANIFEST).read_bytes() == before
    assert [path.name for path in exported.parent.iterdir()] == ["mine"]


def test_a_folder_of_something_else_is_never_replaced(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="a folder of something else"):
        export(trained, tmp_path, "mine", "A test", {})
    assert (tmp_path / "thesis.txt").exists()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not the folder of a run"):
        export(tmp_path, tmp_path / "out", "mine", "A test", {})


def test_doing_nothing_scores_as_the_input_and_unsharp_is_tuned(pictures: Path) -> None:
    results = evaluate(lambda picture: picture, pictures, progress=lambda line: None)
    scores = summarise(results)
    assert list(scores) == ["heavy", "heavy+jpeg", "medium", "medium+jpeg", "low", "low+jpeg"]
    for score in scores.values():
        assert score.psnr_db == score.input_psnr_db
        assert score.ssim == score.input_ssim
    assert scores["heavy"].unsharp_psnr_db > scores["heavy"].input_psnr_db
    assert worst_gain_db(results)[0] == 0.0
    json.dumps({name: score.model_dump() for name, score in scores.items()})


def test_a_heavier_blur_is_given_a_stronger_mask() -> None:
    truths = [sharp_picture(Size(160, 160), seed) for seed in range(3)]
    strengths = [sigma_px * amount for sigma_px, amount in (tune_unsharp(truths, level, False) for level in ("low", "heavy"))]
    assert strengths[0] < strengths[1]
