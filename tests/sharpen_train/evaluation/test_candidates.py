import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.errors import EngineUnavailable, ModelCorrupt, ModelIncompatible
from sharpen_core.frame import Size
from sharpen_core.model_store import find_model
from sharpen_train.errors import CheckpointError, ConfigError
from sharpen_train.evaluation.candidates import CandidateSpec, label_specs, open_candidate, usable_device

FAST = find_model("fast").folder


def test_a_run_its_weights_and_its_exported_model_are_the_same_filter(run):
    picture = cv2.GaussianBlur(sharp_picture(Size(96, 128), 1), (0, 0), 1.0)
    candidates = [open_candidate(str(what)) for what in (run, FAST / "weights.safetensors", FAST, "fast")]
    assert [candidate.kind for candidate in candidates] == ["run", "weights", "model", "model"]
    assert [candidate.name for candidate in candidates] == ["my-run", "weights", "fast", "fast"]
    assert {candidate.parameters for candidate in candidates} == {37756}
    for candidate in candidates:
        assert candidate.kmac_per_px == pytest.approx(2.85, abs=0.01)
        difference = candidate.restore(picture).astype(int) - candidates[0].restore(picture)
        assert np.abs(difference).max() <= 1
    assert np.abs(candidates[0].restore(picture).astype(int) - picture).max() > 10


def test_a_model_may_be_followed_by_a_precision():
    candidate = open_candidate("fast@f32")
    assert (candidate.name, candidate.runs_on) == ("fast@f32", "openvino, f32")
    assert open_candidate(CandidateSpec("fast", engine="onnxruntime")).runs_on == "onnxruntime, f32"
    with pytest.raises(ModelIncompatible, match="has no f16"):
        open_candidate("fast@f16")


def test_candidates_that_are_named_alike_are_told_apart(tmp_path):
    twin = shutil.copytree(FAST, tmp_path / "twin")
    specs = label_specs([CandidateSpec("fast"), CandidateSpec(str(twin))])
    assert [spec.label for spec in specs] == ["fast", str(twin)]
    truth = shutil.copy(FAST / "weights.safetensors", tmp_path / "truth.safetensors")
    assert label_specs([CandidateSpec(str(truth))])[0].label == "truth (model)"
    with pytest.raises(ConfigError, match="given twice"):
        label_specs([CandidateSpec("fast"), CandidateSpec("fast")])


def test_what_is_nothing_is_refused_with_a_list(tmp_path):
    with pytest.raises(ConfigError, match="no model 'swift'") as caught:
        open_candidate("swift")
    assert "fast" in caught.value.hint
    with pytest.raises(CheckpointError, match="neither a run nor a model"):
        open_candidate(str(tmp_path))


def test_damage_is_noticed_before_anything_runs(tmp_path):
    damaged = shutil.copytree(FAST, tmp_path / "damaged")
    (damaged / "model-3.bin").write_bytes(b"nothing")
    with pytest.raises(ModelCorrupt, match=r"model-3\.bin"):
        open_candidate(str(damaged))
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(Path(FAST / "weights.safetensors").read_bytes()[:5000])
    with pytest.raises(CheckpointError):
        open_candidate(str(weights))


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(CheckpointError, match="another architecture"):
        open_candidate(CandidateSpec(str(FAST / "weights.safetensors"), arch="plain-16x4"))


def test_engines_and_devices_are_checked():
    with pytest.raises(EngineUnavailable, match="no engine 'abacus'"):
        open_candidate(CandidateSpec("fast", engine="abacus"))
    assert usable_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match="no device 'abacus'"):
        usable_device("abacus")
