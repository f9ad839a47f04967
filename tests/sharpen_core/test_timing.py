import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_core.timing import Timing, race


class Clock:
    """Goes on only while something runs."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def taking(self, seconds: float):
        def call() -> None:
            self.now_s += seconds

        return call


def test_each_call_is_timed_once_a_round_after_a_warm_up() -> None:
    clock = Clock()
    times = race({"slow": clock.taking(0.2), "quick": clock.taking(0.05)}, most_rounds=4, most_s=100, clock=clock)
    assert times == {"slow": pytest.approx([200] * 4), "quick": pytest.approx([50] * 4)}
    assert clock.now_s == pytest.approx(5 * 0.25)


@given(st.integers(1, 9), st.integers(0, 4), st.floats(0, 5))
def test_a_race_ends_in_time(most_rounds: int, least_rounds: int, most_s: float) -> None:
    clock = Clock()
    rounds = len(race({"one": clock.taking(1.0)}, most_rounds=most_rounds, most_s=most_s, least_rounds=least_rounds, clock=clock)["one"])
    assert least_rounds <= rounds <= max(most_rounds, least_rounds)
    assert rounds <= max(least_rounds, most_s + 1)


def test_a_timing_sums_up() -> None:
    timing = Timing.of([10.0, 20.0, 30.0])
    assert (timing.median_ms, timing.runs, timing.fps) == (20.0, 3, 50.0)
    assert 20 < timing.p95_ms <= 30
    with pytest.raises(ValueError, match="nothing"):
        Timing.of([])
