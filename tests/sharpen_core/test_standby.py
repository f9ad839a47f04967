"""The parts that keep a session alive, one by one, with clocks of the tests' own."""

import threading
import time
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.errors import CameraBusy, CameraDisconnected, CameraError, CameraNotFound, CameraUnplugged
from sharpen_core.frame import Frame, Size
from sharpen_core.placeholder import Standby, draw_placeholder
from sharpen_core.reopen import SILENT, UNPLUGGED, Backoff, describe_loss
from sharpen_core.stats import Stats
from sharpen_core.stopgap import Patience, Stopgap, draw_ahead
from sharpen_core.watch import Watch

SIZE = Size(90, 160)
WORDS = Standby("Camera unplugged", "Plug it in again.")


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


# ---- backing off ------------------------------------------------------------------------------------------------------


def test_pauses_grow_to_two_seconds_and_begin_anew() -> None:
    backoff = Backoff()
    assert [backoff.next_s() for _ in range(6)] == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]
    backoff.restart()
    assert backoff.next_s() == 0.25


def test_a_device_that_is_away_is_looked_for_every_second() -> None:
    backoff = Backoff()
    assert [backoff.next_s(absent=True) for _ in range(6)] == [0.25, 0.5, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("error", "title", "message"),
    [
        (CameraNotFound("x", "Cameras here: 0 'Desk'"), "Camera unplugged", "the camera 'Lid' was unplugged"),
        (CameraUnplugged("the camera 'Lid' was unplugged", "Plug it in again"), "Camera unplugged", "the camera 'Lid' was unplugged"),
        (CameraBusy("the camera 'Lid' is used by zoom"), "Camera in use by another program", "the camera 'Lid' is used by zoom"),
        (CameraDisconnected("the camera 'Lid' delivers no frames", "Plug it out"), SILENT.title, "the camera 'Lid' delivers no frames"),
        (CameraError("something", ""), SILENT.title, "something"),
    ],
)
def test_a_loss_has_words_for_the_user_and_for_the_call(error: CameraError, title: str, message: str) -> None:
    loss = describe_loss("Lid", error)
    assert (loss.standby.title, loss.message) == (title, message)
    assert loss.standby.detail.endswith(".")
    assert not loss.hint.endswith(".")


# ---- what goes out meanwhile ------------------------------------------------------------------------------------------


def frame(number: int = 7) -> Frame:
    return Frame(np.full((*SIZE, 3), 50, np.uint8), number, 1)


def test_first_the_last_frame_then_the_placeholder_for_a_second_and_once_a_second() -> None:
    clock = Clock()
    stopgap = Stopgap(Patience(), clock)
    stopgap.live(frame())
    sent: list[tuple[float, str]] = []
    for step in range(35):
        clock.now_s = 100 + step / 10
        if given := stopgap.frame(SIZE, WORDS, step / 10):
            assert given.seq == 7
            assert given.captured_ns == round(clock.now_s * 1e9)
            sent.append((round(step / 10, 1), "last" if given.pixels.max() == 50 else "words"))
    assert [at for at, what in sent if what == "last"] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert [at for at, what in sent if what == "words"] == [*(step / 10 for step in range(5, 15)), 2.4, 3.4]


def test_other_words_are_shown_at_once() -> None:
    clock = Clock()
    stopgap = Stopgap(Patience(hold_s=0, first_beats=1), clock)
    stopgap.live(frame())
    assert stopgap.frame(SIZE, WORDS, 1.0)
    assert stopgap.frame(SIZE, WORDS, 1.0) is None
    assert stopgap.frame(SIZE, SILENT, 1.0)


def test_a_silent_camera_is_said_to_be_silent_after_two_seconds() -> None:
    clock = Clock()
    stopgap = Stopgap(Patience(), clock)
    assert stopgap.frame(SIZE, None, 60.0) is None  # before the first frame there is nothing to say
    stopgap.live(frame())
    clock.now_s += 0.4
    assert stopgap.frame(SIZE, None, 0.4) is None
    clock.now_s += 0.2
    again = stopgap.frame(SIZE, None, 0.6)
    assert again is not None
    assert again.pixels.max() == 50
    clock.now_s += 1.5
    silent = stopgap.frame(SIZE, None, 2.1)
    assert silent is not None
    assert np.array_equal(silent.pixels, draw_placeholder(SIZE, SILENT))


# ---- the placeholder --------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 400), width=st.integers(1, 400), title=st.text(max_size=60), detail=st.text(max_size=60))
def test_it_can_be_drawn_at_any_size_with_any_words(height: int, width: int, title: str, detail: str) -> None:
    pixels = draw_placeholder(Size(height, width), Standby(title, detail))
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8
    assert not pixels.flags.writeable


@pytest.mark.parametrize("size", [Size(720, 1280), Size(480, 640), Size(640, 360)])
def test_it_is_dark_and_calm_with_words_that_stand_out_and_fit(size: Size) -> None:
    words = Standby("Camera in use by another program", "Close that program: the picture comes back by itself.")
    grey = cv2.cvtColor(np.array(draw_placeholder(size, words)), cv2.COLOR_RGB2GRAY)
    assert np.median(grey) < 40
    ink = grey > 200
    assert 0.004 < ink.mean() < 0.08
    rows, columns = np.nonzero(ink)
    assert columns.min() > 0.04 * size.width
    assert columns.max() < 0.96 * size.width
    assert rows.max() < 0.9 * size.height


def test_it_is_drawn_once_and_differs_by_its_words() -> None:
    assert draw_placeholder(SIZE, WORDS) is draw_placeholder(SIZE, WORDS)
    assert not np.array_equal(draw_placeholder(Size(360, 640), WORDS), draw_placeholder(Size(360, 640), SILENT))


# ---- who watches ------------------------------------------------------------------------------------------------------


def watch_of(clock: Clock) -> Watch:
    watch = Watch(5.0, clock)
    watch.hidden = watch.wanted = True
    return watch


def test_it_is_over_after_five_seconds_without_a_watcher() -> None:
    clock = Clock()
    watch = watch_of(clock)
    assert not watch.is_over([0, 0])
    clock.now_s += 4.9
    assert not watch.is_over([0, 0])
    clock.now_s += 0.2
    assert watch.is_over([0, 0])
    assert not watch.is_over([0, 1])
    assert not watch.is_over([0, 0])  # the five seconds begin again


@pytest.mark.parametrize("counts", [[1], [None], [0, None]])
def test_a_watcher_or_not_knowing_keeps_it_going(counts: list[int | None]) -> None:
    clock = Clock()
    watch = watch_of(clock)
    watch.is_over(counts)
    clock.now_s += 60
    assert not watch.is_over(counts)


@pytest.mark.parametrize("attribute", ["hidden", "wanted"])
def test_a_window_that_is_seen_or_a_user_who_forbids_it_keeps_it_going(attribute: str) -> None:
    clock = Clock()
    watch = watch_of(clock)
    watch.is_over([0])
    clock.now_s += 60
    setattr(watch, attribute, False)
    assert not watch.is_over(iter([0]))


def test_pauses_are_counted_and_left_out_of_the_rate() -> None:
    now_ns = [1_000_000_000]
    stats = Stats(clock=lambda: now_ns[0])
    for second in range(21):
        now_ns[0] = 1_000_000_000 * (1 + second)
        if second == 5:
            stats.paused()
        elif second == 15:
            stats.resumed()
        if not 5 <= second < 15:
            stats.sent(now_ns[0], 0, 0)
    figures = stats.snapshot(0)
    assert figures.paused_s == 10.0
    assert figures.mean_fps == 1.0
    stats.paused()
    now_ns[0] += 3_000_000_000
    assert stats.snapshot(0).paused_s == 13.0


def test_what_will_most_likely_be_needed_is_drawn_ahead() -> None:
    size = Size(90, 161)
    draw_ahead(size)
    deadline = time.monotonic() + 10
    while any(thread.name == "draw" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    before = draw_placeholder.cache_info()
    for standby in (UNPLUGGED, SILENT):
        draw_placeholder(size, standby)
    assert draw_placeholder.cache_info().misses == before.misses
