from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.governing.punctuality import FORGIVEN_EVERY_NS, HOLD_NS, LEAST_NS, MOST_HOLD_NS, Punctuality

MS = 1_000_000
PERIOD_NS = 1_000_000_000 // 30


@dataclass
class Clock:
    now_ns: int = 10**12

    def __call__(self) -> int:
        return self.now_ns


@dataclass
class Stream:
    """A camera of 30 frames a second, an engine that answers after a time of its own, and an output that minds the limit."""

    clock: Clock
    punctuality: Punctuality

    def frame(self, answer_ms: float) -> str:
        """One frame; returns what went out for it: "sharp", or "raw"."""
        began_ns = self.clock.now_ns
        passed = self.punctuality.late
        if not passed and answer_ms * MS > (limit_ns := self.punctuality.limit_ns):
            self.clock.now_ns = began_ns + limit_ns
            self.punctuality.missed()
            passed = True
        self.clock.now_ns = began_ns + round(answer_ms * MS)
        self.punctuality.answered(round(answer_ms * MS))
        self.clock.now_ns = max(self.clock.now_ns, began_ns + PERIOD_NS)
        return "raw" if passed else "sharp"


@pytest.fixture
def stream() -> Stream:
    clock = Clock()
    return Stream(clock, Punctuality(clock))


def warm(stream: Stream) -> None:
    for _ in range(3):
        stream.frame(20)
    assert not stream.punctuality.late


def test_a_network_that_was_just_loaded_proves_itself_by_three_answers(stream: Stream) -> None:
    assert [stream.frame(ms) for ms in (300, 20, 20, 20, 20)] == ["raw", "raw", "raw", "raw", "sharp"]
    assert stream.punctuality.misses == 0


def test_a_frame_that_is_a_little_late_now_and_then_is_forgiven(stream: Stream) -> None:
    warm(stream)
    for _ in range(5):
        assert stream.frame(60) == "sharp"
        assert [stream.frame(20) for _ in range(70)] == ["sharp"] * 70


def test_a_second_one_within_two_seconds_is_not(stream: Stream) -> None:
    warm(stream)
    assert stream.frame(60) == "sharp"
    assert stream.frame(20) == "sharp"
    assert stream.frame(55) == "raw"
    assert stream.punctuality.misses == 1


def test_no_frame_stands_for_longer_than_two_intervals(stream: Stream) -> None:
    warm(stream)
    assert stream.punctuality.limit_ns == 2 * PERIOD_NS
    assert stream.frame(400) == "raw"


def test_after_a_late_one_the_picture_stays_as_it_comes_for_half_a_second(stream: Stream) -> None:
    warm(stream)
    went = [stream.frame(200)] + [stream.frame(20) for _ in range(30)]
    raw = went.index("sharp")
    assert set(went[:raw]) == {"raw"}
    assert set(went[raw:]) == {"sharp"}
    assert HOLD_NS <= (raw - 1) * PERIOD_NS <= HOLD_NS + 2 * PERIOD_NS


def test_answers_have_to_be_in_time_without_a_break(stream: Stream) -> None:
    warm(stream)
    stream.frame(200)
    for _ in range(20):
        assert [stream.frame(ms) for ms in (20, 20, 20, 20, 20, 80)] == ["raw"] * 6


def test_relapses_wait_twice_as_long_each_up_to_eight_seconds(stream: Stream) -> None:
    warm(stream)
    holds: list[int] = []
    for _ in range(7):
        stream.frame(200)
        began_ns = stream.clock.now_ns
        while stream.punctuality.late:
            stream.frame(20)
        holds.append(round((stream.clock.now_ns - began_ns) / HOLD_NS))
    assert holds == [1, 2, 4, 8, 16, 16, 16]
    assert MOST_HOLD_NS == 16 * HOLD_NS
    for _ in range(400):
        stream.frame(20)
    stream.frame(200)  # long after the last one it is no relapse
    began_ns = stream.clock.now_ns
    while stream.punctuality.late:
        stream.frame(20)
    assert round((stream.clock.now_ns - began_ns) / HOLD_NS) == 1


def test_what_is_late_while_networks_are_loaded_comes_back_after_that_and_is_no_relapse(stream: Stream) -> None:
    warm(stream)
    punctuality = stream.punctuality
    for _ in range(6):
        punctuality.loading(True)
        assert stream.frame(200) == "raw"
        assert punctuality.waits
        assert [stream.frame(20) for _ in range(60)] == ["raw"] * 60
        punctuality.loading(False)
        assert not punctuality.waits
        began_ns = stream.clock.now_ns
        while punctuality.late:
            stream.frame(20)
        assert round((stream.clock.now_ns - began_ns) / HOLD_NS) == 1
    assert punctuality.misses == 0


def test_at_the_beginning_a_slow_answer_shows_that_loading_had_better_be_waited_for(stream: Stream) -> None:
    punctuality = stream.punctuality
    punctuality.loading(True)
    assert not punctuality.waits  # it may be quick enough
    assert stream.frame(200) == "raw"
    assert punctuality.waits
    punctuality.loading(False)
    assert not punctuality.waits
    assert [stream.frame(20) for _ in range(4)] == ["raw", "raw", "raw", "sharp"]  # nothing to make up for
    assert punctuality.misses == 0


def test_loading_alone_is_no_reason_to_show_frames_as_they_come(stream: Stream) -> None:
    stream.punctuality.loading(True)
    warm(stream)
    assert [stream.frame(20) for _ in range(60)] == ["sharp"] * 60


def test_another_rung_may_show_itself_at_once(stream: Stream) -> None:
    warm(stream)
    stream.frame(200)
    stream.punctuality.anew()
    assert [stream.frame(20) for _ in range(4)] == ["raw", "raw", "raw", "sharp"]


def test_half_the_rate_has_twice_the_time_and_a_fast_camera_has_fifty_milliseconds(stream: Stream) -> None:
    stream.punctuality.expect(2 * PERIOD_NS)
    assert stream.punctuality.limit_ns == 4 * PERIOD_NS
    stream.punctuality.expect(1_000_000_000 // 120)
    assert stream.punctuality.limit_ns == LEAST_NS


@settings(max_examples=40, deadline=None)
@given(answers=st.lists(st.one_of(st.floats(1, 45), st.floats(1, 400)), min_size=60, max_size=400))
def test_whatever_the_engine_does_the_picture_does_not_blink(answers: list[float]) -> None:
    clock = Clock()
    stream = Stream(clock, Punctuality(clock))
    spans: list[tuple[str, int]] = []
    for answer_ms in answers:
        what = stream.frame(answer_ms)
        if not spans or spans[-1][0] != what:
            spans.append((what, clock.now_ns))
    raw_ns = [end_ns - began_ns for (what, began_ns), (_, end_ns) in pairwise(spans[1:]) if what == "raw"]
    assert all(lasted_ns >= HOLD_NS - 2 * PERIOD_NS for lasted_ns in raw_ns)
    assert len(spans) <= 3 + 2 * (clock.now_ns - 10**12) / (HOLD_NS + HOLD_NS / 4)


def test_forgiveness_is_counted_from_the_last_late_answer(stream: Stream) -> None:
    warm(stream)
    assert stream.frame(60) == "sharp"
    stream.clock.now_ns += FORGIVEN_EVERY_NS
    assert stream.frame(60) == "sharp"
