import pytest

from sharpen_core.frame import Size
from sharpen_core.model_store import find_model
from sharpen_train.evaluation import cost
from sharpen_train.evaluation.candidates import CandidateSpec, open_candidate


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(cost, "MOST_S", 0.0)
    monkeypatch.setattr(cost, "FRAME", Size(height=72, width=128))


def test_an_exported_model_is_timed_on_each_engine_that_it_promises():
    measured = cost.measure_cost(open_candidate("fast"), threads=1)
    assert (measured.parameters, measured.kmac_per_px) == (37756, 2.85)
    always = {"openvino/f32", "openvino/int8", "onnxruntime/f32"}
    assert always <= set(measured.timings) <= always | {"openvino/bf16"}
    for timing in measured.timings.values():
        assert 0 < timing.p50_ms <= timing.p95_ms
        assert timing.frames == cost.LEAST_FRAMES
        assert not timing.scaled


def test_a_chosen_precision_is_timed_alone():
    assert set(cost.measure_cost(open_candidate("fast@f32"), threads=1).timings) == {"openvino/f32"}


def test_a_network_is_timed_in_torch_and_a_huge_one_by_a_tile(monkeypatch):
    candidate = open_candidate(CandidateSpec(str(find_model("fast").folder / "weights.safetensors")))
    assert not cost.measure_cost(candidate, threads=1).timings["torch/f32"].scaled
    monkeypatch.setattr(cost, "MOST_KMAC_PER_PX", 1)
    monkeypatch.setattr(cost, "PROBE", Size(height=32, width=32))
    assert cost.measure_cost(candidate, threads=1).timings["torch/f32"].scaled


def test_the_machine_is_named_and_a_busy_one_is_called_so(monkeypatch):
    monkeypatch.setattr(cost, "load", lambda: 0.2)
    assert cost.describe_machine(3).endswith(", 3 threads")
    monkeypatch.setattr(cost, "load", lambda: 4.0)
    assert "3 threads, busy with other work (load 4.0)" in cost.describe_machine(3)
