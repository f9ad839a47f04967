import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_core import tuning
from sharpen_core.engines.identity import IdentityEngine
from sharpen_core.engines.select import select_engine
from sharpen_core.errors import EngineCompileFailed
from sharpen_core.frame import Pixels, Size
from sharpen_core.model_store import Model, find_model
from sharpen_core.tiling import TILE_WORKING_BYTES, plan_tiles
from sharpen_core.tuning import LEAST_GAIN, candidates, find_fastest, known_ms, setup_of, tune, verdict
from sharpen_core.tuning_cache import Tuned, TuningCache

SIZE = Size(480, 640)


class Machine:
    """A clock that only goes on while something sharpens, at a speed that the test decides."""

    def __init__(self, frame_ms: dict[int | None, float], noise: Callable[[], float] = lambda: 1.0, compile_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.compiled: list[int | None] = []
        self._frame_ms, self._noise, self._compile_s = frame_ms, noise, compile_s

    def clock(self) -> float:
        return self.now_s

    def restorer_for(self, most_px: int | None) -> "Machine.Restorer":
        self.compiled.append(most_px)
        self.now_s += self._compile_s
        return Machine.Restorer(self, most_px)

    class Restorer:
        def __init__(self, machine: "Machine", most_px: int | None) -> None:
            self._machine, self._most_px = machine, most_px

        def sharpen(self, pixels: Pixels, strength: float = 1.0) -> Pixels:
            self._machine.now_s += self._machine._frame_ms[self._most_px] * self._machine._noise() / 1000
            return pixels


def fastest(machine: Machine, budget_s: float = 100.0) -> tuning.Outcome:
    return find_fastest([None, 1, 2], machine.restorer_for, Size(8, 8), budget_s=budget_s, clock=machine.clock)


def test_a_clearly_faster_plan_is_taken() -> None:
    outcome = fastest(Machine({None: 50, 1: 60, 2: 30}))
    assert outcome == tuning.Outcome(2, pytest.approx(30), sure=True)


def test_in_doubt_the_default_plan_stays() -> None:
    outcome = fastest(Machine({None: 50, 1: 49, 2: 48}))
    assert outcome == tuning.Outcome(None, pytest.approx(50), sure=True)


@given(st.integers(0, 2**32 - 1))
def test_noise_alone_changes_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    outcome = fastest(Machine({None: 50, 1: 80, 2: 55}, noise=lambda: float(random.uniform(1, 1.05))))
    assert outcome.most_px is None


@given(st.floats(0.5, 500), st.floats(0, 3), st.floats(0, 3))
def test_it_takes_no_longer_than_it_may(frame_ms: float, compile_s: float, budget_s: float) -> None:
    machine = Machine({None: frame_ms, 1: frame_ms * 0.9, 2: frame_ms * 0.8}, compile_s=compile_s)
    outcome = fastest(machine, budget_s)
    assert outcome.frame_ms > 0
    # Compiling the default plan is not counted; what has begun is ended, and four frames are sharpened in any case.
    assert machine.now_s <= compile_s + budget_s + compile_s + 6 * frame_ms / 1000 + 1e-6
    assert outcome.sure or machine.now_s >= compile_s + budget_s


def test_what_was_measured_on_a_busy_machine_is_not_sure() -> None:
    times = itertools.cycle([1.0, 2.0, 3.0])
    machine = Machine({None: 50}, noise=lambda: next(times))
    assert not find_fastest([None], machine.restorer_for, Size(8, 8), clock=machine.clock).sure


def test_a_plan_that_does_not_work_is_passed_over() -> None:
    machine = Machine({None: 50, 2: 30})

    def restorer_for(most_px: int | None) -> Machine.Restorer:
        if most_px == 1:
            raise EngineCompileFailed("no")
        return machine.restorer_for(most_px)

    assert find_fastest([None, 1, 2], restorer_for, Size(8, 8), clock=machine.clock, budget_s=100).most_px == 2


@given(st.lists(st.floats(0.2, 3), max_size=12))
def test_only_a_clear_gain_is_a_victory(ratios: list[float]) -> None:
    if verdict(ratios):
        assert np.median(ratios) < 1 - LEAST_GAIN
        assert len(ratios) >= 5
        assert sum(ratio < 1 for ratio in ratios) >= 0.8 * len(ratios)
    if verdict(ratios) is False:
        assert min(ratios) > 1


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_candidates_are_different_plans_that_cost_little_more_than_the_frame(height: int, width: int) -> None:
    manifest, size = find_model("fast").manifest, Size(height, width)
    found = candidates(size, manifest)
    default_px = int(TILE_WORKING_BYTES / manifest.working_bytes_per_px)
    plans = [plan_tiles(size, manifest.input.multiple_px, manifest.halo_px, default_px if px is None else px) for px in found]
    assert found[0] is None
    assert len(set(plans)) == len(plans) <= 6
    assert all(plan.count * plan.tile.height * plan.tile.width <= 1.5 * height * width for plan in plans[1:])


def test_a_small_frame_and_a_network_that_needs_it_whole_have_no_choice() -> None:
    manifest = find_model("fast").manifest
    assert candidates(Size(240, 320), manifest) == [None]
    assert len(candidates(Size(720, 1280), manifest)) > 2
    assert candidates(Size(720, 1280), manifest.model_copy(update={"whole_frame": True})) == [None]


def with_graph(model: Model, sha256: str) -> Model:
    weights = model.graph_files("f32")[1]
    entry = model.manifest.files[weights].model_copy(update={"sha256": sha256})
    return Model(model.folder, model.manifest.model_copy(update={"files": model.manifest.files | {weights: entry}}))


def test_another_model_engine_thread_count_precision_or_size_is_another_setup() -> None:
    model = find_model("fast")
    setups = [
        setup_of(model, select_engine("openvino", 1, "f32"), SIZE),
        setup_of(model, select_engine("openvino", 2, "f32"), SIZE),
        setup_of(model, select_engine("openvino", 1), SIZE),
        setup_of(model, select_engine("onnxruntime", 1), SIZE),
        setup_of(model, select_engine("openvino", 1, "f32"), Size(240, 320)),
        setup_of(with_graph(model, "0" * 64), select_engine("openvino", 1, "f32"), SIZE),
    ]
    assert len({str(setup) for setup in setups}) == len(setups)
    assert setup_of(model, select_engine("openvino", 1, "f32"), SIZE) == setups[0]


def test_it_is_measured_and_remembered(tmp_path) -> None:
    model, engine, cache = find_model("fast"), select_engine("openvino", 1, "f32"), TuningCache(tmp_path / "tuning.json")
    size = Size(32, 48)
    assert tune(model, engine, size, cache, measure=False) is None
    first = tune(model, engine, size, cache)
    assert first is not None
    assert first.most_px is None
    assert tune(model, engine, size, cache, measure=False) == first


def test_what_is_sure_is_measured_once_and_what_is_not_three_times(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, engine, cache = find_model("fast"), select_engine("openvino", 1, "f32"), TuningCache(tmp_path / "tuning.json")
    measured: list[Size] = []
    budgets_s: list[float] = []

    def find(plans, restorer_for, size: Size, *, budget_s: float) -> tuning.Outcome:
        measured.append(size)
        budgets_s.append(budget_s)
        return tuning.Outcome(None, 9.0, sure=size != SIZE)

    monkeypatch.setattr(tuning, "find_fastest", find)
    for _ in range(5):
        for size in (SIZE, Size(8, 8)):
            assert tune(model, engine, size, cache).frame_ms == 9.0
        assert known_ms([model], engine, SIZE, cache) == {model.name: 9.0}
    assert measured.count(SIZE) == 3
    assert measured.count(Size(8, 8)) == 1
    assert known_ms([model], engine, Size(8, 8), cache) == {model.name: 9.0}
    assert budgets_s == [tuning.GLANCE_S, tuning.GLANCE_S, tuning.BUDGET_S, tuning.BUDGET_S]


def test_an_engine_that_computes_nothing_is_not_measured(tmp_path) -> None:
    cache = TuningCache(tmp_path / "tuning.json")
    cache.put(setup_of(find_model("fast"), select_engine("openvino"), SIZE), Tuned(frame_ms=1))
    assert tune(find_model("fast"), IdentityEngine(), SIZE, cache) is None
