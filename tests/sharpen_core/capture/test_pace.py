import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_core.capture.pace import Pace


def test_the_first_frame_is_due_at_once(time) -> None:
    Pace(time.clock, time.sleep).wait(0.04)
    assert time.slept_s == []


def test_small_delays_do_not_add_up(time) -> None:
    pace = Pace(time.clock, time.sleep)
    pace.wait(0.04)
    for _ in range(100):
        time.now_s += 0.01  # what the caller needs for its work
        pace.wait(0.04)
    assert time.now_s == pytest.approx(100 + 100 * 0.04)


def test_a_late_caller_gets_no_burst(time) -> None:
    pace = Pace(time.clock, time.sleep)
    pace.wait(0.04)
    time.now_s += 1.0
    pace.wait(0.04)
    assert time.slept_s == []
    pace.wait(0.04)
    assert time.slept_s == [pytest.approx(0.04)]


def test_restarting_forgets_the_plan(time) -> None:
    pace = Pace(time.clock, time.sleep)
    pace.wait(0.04)
    pace.restart()
    pace.wait(0.04)
    assert time.slept_s == []


@given(st.lists(st.floats(0, 0.5), max_size=50), st.floats(0.001, 0.2))
def test_never_faster_than_the_rate(delays_s: list[float], step_s: float) -> None:
    now_s = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    pace = Pace(lambda: now_s, sleep)
    times_s: list[float] = []
    for delay_s in delays_s:
        now_s += delay_s
        pace.wait(step_s)
        times_s.append(now_s)
    for first, last in zip(times_s, times_s[2:], strict=False):
        assert last - first >= step_s - 1e-9  # two steps may hold one catch-up, never more
