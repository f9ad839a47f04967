"""The governor alone, on machines that are only arithmetic: every simulated second takes no time."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.governing.costs import Costs
from sharpen_core.governing.forecast import Forecast, Limits, first_rung
from sharpen_core.governing.governor import MOST_WAIT_NS, SPARE, Governor
from sharpen_core.governing.load import Sample
from sharpen_core.governing.rungs import Rung, build_ladder

FAMILY = ("nafnet-tiny", "balanced", "fast")
KMAC = {"nafnet-tiny": 7.9, "balanced": 7.0, "fast": 5.7}
LOADING_S = 0.7


@dataclass
class Machine:
    """A camera and a processor.

    Attributes:
        whole_ms: what a whole frame really takes each model.
        slowness: how much slower the machine is at a moment, in seconds.
        noise: standard deviation of a frame's time, as a share of it.
        spikes: share of frames that take five times as long.
        halo: cost of an area beyond its share of the picture, which the governor does not know.
        overhead: share of the machine that everything around the network uses.
    """

    models: tuple[str, ...] = FAMILY
    whole_ms: dict[str, float] = field(default_factory=lambda: {"nafnet-tiny": 60.0, "balanced": 28.0, "fast": 15.0})
    cpu: float = 1.0
    engine: float = 1.0
    fps: Callable[[float], float] = lambda now_s: 30.0
    slowness: Callable[[float], float] = lambda now_s: 1.0
    noise: float = 0.1
    spikes: float = 0.01
    halo: float = 0.05
    overhead: float = 0.05
    seed: int = 0
    known_ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now_ns = 1_000_000_000
        self._random = random.Random(self.seed)
        self.ladder = build_ladder(self.models)
        interval_ns = round(1e9 / self.fps(0))
        forecast = Forecast(
            self.ladder, Costs(self.ladder, KMAC, self.known_ms, clock=lambda: self.now_ns), Limits(self.cpu, self.engine), interval_ns
        )
        start, reason = first_rung(forecast, self.known_ms, SPARE)
        self.governor = Governor(forecast, start, reason, clock=lambda: self.now_ns)
        self.governor.loaded(self.governor.rung.model or "", self.whole_ms[self.governor.rung.model or ""])
        self.went: list[tuple[float, Rung]] = [(0.0, self.governor.rung)]
        self.reasons = [self.governor.reason]
        self._loaded_at_s: float | None = None
        self._next = self._dropped = 0

    @property
    def now_s(self) -> float:
        return self.now_ns / 1e9 - 1

    def true_ms(self, rung: Rung, now_s: float) -> float:
        part = 1.0 if rung.area >= 1 else min(1.0, rung.area + self.halo)
        return self.whole_ms[rung.model] * part * self.slowness(now_s) if rung.model else 0.0

    def true_share(self, rung: Rung, now_s: float) -> float:
        busy = min(1.0, self.true_ms(rung, now_s) * self.fps(now_s) / 1000 / rung.every)
        return min(1.0, self.overhead + busy * self.engine)

    def run(self, until_s: float) -> "Machine":
        free_at_s = 0.0
        while self.now_s < until_s:
            self.now_ns += round(1e9 / self.fps(self.now_s))
            self._load()
            if self.governor.rung.raw:
                if probe := self.governor.probe():
                    self._frame(probe)
            elif self.now_s < free_at_s:
                self._dropped += 1
            elif self._next <= 0:
                self._next = self.governor.rung.every
                free_at_s = self.now_s + self._frame(self.governor.rung)
            self._next -= 1
            if self.governor.rung != self.went[-1][1]:
                self.went.append((self.now_s, self.governor.rung))
                self.reasons.append(self.governor.reason)
        return self

    def _load(self) -> None:
        if not (model := self.governor.wanted):
            self._loaded_at_s = None
        elif self._loaded_at_s is None:
            self._loaded_at_s = self.now_s + LOADING_S
        elif self.now_s >= self._loaded_at_s:
            self.governor.loaded(model, self.whole_ms[model] * self.slowness(self.now_s))

    def _frame(self, rung: Rung) -> float:
        spike = 5.0 if self._random.random() < self.spikes else 1.0
        ms = self.true_ms(rung, self.now_s) * spike * max(0.3, self._random.gauss(1, self.noise))
        began_ns, self.now_ns = self.now_ns, self.now_ns + round(ms * 1e6)
        share = self.true_share(self.governor.rung, self.now_s) * max(0.5, self._random.gauss(1, self.noise / 4))
        dropped, self._dropped = self._dropped, 0
        settled = self.now_s - self.went[-1][0] >= 1
        interval_ns, cpu_ns = round(1e9 / self.fps(self.now_s)), round(ms * self.engine * 1e6)
        self.governor.took(Sample(round(ms * 1e6), interval_ns, min(1.0, share) if settled else None, cpu_ns, dropped))
        self.now_ns = began_ns  # frames come beside the network
        return ms / 1000

    def holds(self, rung: Rung, spare: float = 0.0) -> bool:
        """Whether a rung really fits now."""
        if rung.raw:
            return True
        in_time = self.true_ms(rung, self.now_s) * (1 + spare) <= 1000 / self.fps(self.now_s) * rung.every
        return in_time and (self.cpu >= 1 or self.true_share(rung, self.now_s) * (1 + spare) <= self.cpu)

    @property
    def switches(self) -> int:
        return len(self.went) - 1


def test_the_ladder_goes_from_all_to_nothing_and_a_named_model_is_never_replaced() -> None:
    ladder = build_ladder(FAMILY)
    assert [str(rung) for rung in ladder] == [
        "nafnet-tiny", "balanced", "fast",
        "nafnet-tiny on 60 % of the picture", "balanced on 60 % of the picture", "fast on 60 % of the picture",
        "nafnet-tiny on 35 % of the picture", "balanced on 35 % of the picture", "fast on 35 % of the picture",
        "fast on 35 % of the picture, every second frame", "unsharpened",
    ]  # fmt: skip
    assert {rung.model for rung in build_ladder(["balanced"])} == {"balanced", None}


def test_a_fast_machine_climbs_to_the_top_at_once_and_stays() -> None:
    machine = Machine(whole_ms={"nafnet-tiny": 15.0, "balanced": 9.0, "fast": 5.0}).run(120)
    assert [str(rung) for _, rung in machine.went] == ["fast", "nafnet-tiny"]
    assert machine.went[1][0] < 4
    assert machine.governor.reason == "nafnet-tiny: there is room for it"


def test_what_was_measured_before_is_where_it_begins() -> None:
    known_ms = {"nafnet-tiny": 60.0, "balanced": 26.0, "fast": 15.0}
    machine = Machine(known_ms=known_ms, whole_ms=known_ms)
    assert machine.governor.reason == "balanced instead of nafnet-tiny: 26 ms per frame when it was last measured, 33 ms are there"
    machine.run(30)
    assert "nafnet-tiny" not in {rung.model for _, rung in machine.went if rung.area >= 1}


def test_a_model_that_is_slower_than_its_work_lets_expect_is_measured_before_it_is_shown() -> None:
    machine = Machine(models=("nafnet-tiny", "fast"), whole_ms={"nafnet-tiny": 70.0, "fast": 15.0}).run(200)
    assert all(rung.area < 0.5 for _, rung in machine.went if rung.model == "nafnet-tiny")
    assert machine.switches <= 4


def test_overload_is_left_within_a_second_and_said_in_one_line() -> None:
    machine = Machine(models=("nafnet-tiny",), whole_ms={"nafnet-tiny": 41.0}, noise=0, spikes=0).run(5)
    (at_s, rung), reason = machine.went[1], machine.reasons[1]
    assert at_s < 0.8
    assert rung == Rung("nafnet-tiny", 0.6)
    assert reason == "nafnet-tiny on 60 % of the picture: 41 ms per frame, 33 ms are there"


def test_the_cpu_limit_is_kept_and_said_in_one_line() -> None:
    machine = Machine(models=("fast",), whole_ms={"fast": 19.0}, cpu=0.5, noise=0, spikes=0).run(60)
    assert machine.reasons[1] == "fast on 60 % of the picture: using 62 % of the CPU, 50 % are allowed"
    assert machine.went[1][0] < 3.5
    assert machine.switches == 1


def test_nothing_fits_and_it_comes_back_when_the_machine_is_free_again() -> None:
    machine = Machine(slowness=lambda now_s: 40.0 if 10 < now_s < 30 else 1.0)
    machine.run(29)
    assert machine.governor.rung.raw
    machine.run(90)
    assert str(machine.governor.rung) in ("balanced", "fast")
    assert machine.switches <= 8


def test_a_machine_that_is_far_too_slow_is_seldom_asked_whether_it_still_is() -> None:
    machine = Machine(models=("fast",), whole_ms={"fast": 500.0})
    machine.run(20)
    assert machine.governor.rung.raw
    probes = [0]
    frame = machine._frame
    machine._frame = lambda rung: (probes.append(1), frame(rung))[1]  # type: ignore[method-assign]
    machine.run(80)
    assert 10 <= sum(probes) <= 60 / 2


def test_a_short_burst_of_other_work_costs_a_few_seconds() -> None:
    machine = Machine(models=("fast",), slowness=lambda now_s: 4.0 if 10 < now_s < 11 else 1.0, noise=0.1).run(60)
    assert machine.governor.rung == Rung("fast")
    back_s = machine.went[-1][0]
    assert 12 < back_s < 25
    assert machine.switches <= 4


def test_single_spikes_change_nothing() -> None:
    machine = Machine(models=("fast",), spikes=0.03).run(120)
    assert machine.switches == 0


def test_thermal_throttling_is_followed_down_and_up() -> None:
    def slowness(now_s: float) -> float:
        return 1 + 2 * min(1.0, max(0.0, now_s - 20) / 100) if now_s < 200 else 1.0

    machine = Machine(models=("balanced", "fast"), slowness=slowness)
    machine.run(199)
    assert machine.holds(machine.governor.rung)
    assert machine.governor.rung.model
    down = machine.switches
    machine.run(420)
    assert machine.governor.rung in (Rung("balanced"), Rung("balanced", 0.6))
    assert down <= 8
    assert machine.switches <= 16


def test_half_the_rate_only_where_the_camera_is_fast_enough() -> None:
    slow = {"fast": 120.0}
    machine = Machine(models=("fast",), whole_ms=slow).run(20)
    assert machine.governor.rung == Rung("fast", 0.35, 2)
    machine = Machine(models=("fast",), whole_ms=slow, fps=lambda now_s: 24.0).run(20)
    assert machine.governor.rung.raw
    darker = Machine(models=("fast",), whole_ms=slow, fps=lambda now_s: 30.0 if now_s < 10 else 15.0).run(40)
    assert darker.governor.rung == Rung("fast", 0.35)


def test_each_failed_try_waits_twice_as_long_up_to_two_minutes() -> None:
    """The machine is fast enough only until something better is tried."""
    machine = Machine(models=("fast",), whole_ms={"fast": 40.0}, noise=0, spikes=0)
    machine.slowness = lambda now_s: 1.0 if machine.governor.rung.area >= 1 else 0.5
    machine.halo = 0.0
    machine.governor._forecast.costs.learn = lambda index, ratio: None  # type: ignore[method-assign]
    machine.run(1200)
    tries = [at_s for at_s, rung in machine.went if rung.area >= 1 and at_s > 0]
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps == sorted(gaps, key=round)
    assert gaps[-1] == pytest.approx(MOST_WAIT_NS / 1e9, abs=3)
    assert machine.switches < 40


def test_a_model_that_cannot_be_loaded_is_left_out() -> None:
    machine = Machine(whole_ms={"nafnet-tiny": 10.0, "balanced": 8.0, "fast": 5.0})
    machine.governor.unusable("nafnet-tiny")
    machine.run(30)
    assert machine.governor.rung == Rung("balanced")


def test_a_failing_engine_is_left_at_once_and_tried_again_later() -> None:
    machine = Machine(models=("fast",), noise=0, spikes=0).run(5)
    machine.governor.failed("the engine stumbled")
    assert machine.governor.rung.raw
    assert machine.governor.reason == "unsharpened: the engine stumbled"
    assert machine.governor.probe() is None
    machine.run(30)
    assert machine.governor.rung == Rung("fast")


def test_a_failing_model_gives_way_to_another_one() -> None:
    machine = Machine(whole_ms={"nafnet-tiny": 10.0, "balanced": 8.0, "fast": 5.0}, spikes=0).run(8)
    assert machine.governor.rung == Rung("nafnet-tiny")
    machine.governor.failed("out of memory")
    assert machine.governor.rung == Rung("fast")
    assert machine.governor.wanted == "balanced"
    machine.run(12)
    assert machine.governor.rung == Rung("balanced")


@settings(max_examples=20, deadline=None)
@given(
    slow=st.floats(0.2, 12),
    surprise=st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)),
    cpu=st.sampled_from([0.25, 0.5, 0.75, 1.0]),
    engine=st.sampled_from([0.5, 1.0]),
    named=st.booleans(),
    noise=st.floats(0, 0.2),
    halo=st.floats(0, 0.2),
    seed=st.integers(0, 99),
)
def test_it_always_settles_on_something_that_fits_and_stays_there(
    slow: float, surprise: tuple[float, float], cpu: float, engine: float, named: bool, noise: float, halo: float, seed: int
) -> None:
    models = ("balanced",) if named else FAMILY
    whole_ms = {"fast": 10 * slow, "balanced": 12 * slow * surprise[0], "nafnet-tiny": 14 * slow * surprise[1]}
    machine = Machine(models, whole_ms, cpu, engine, noise=noise, halo=halo, seed=seed)
    machine.run(120)
    early = machine.switches
    machine.run(300)
    assert machine.switches <= 24
    assert machine.switches - early <= 6
    assert machine.holds(machine.governor.rung, -0.1)
    better = machine.ladder[: machine.ladder.index(machine.governor.rung)]
    assert not [rung for rung in better if rung.every == 1 and machine.holds(rung, 0.5)]
