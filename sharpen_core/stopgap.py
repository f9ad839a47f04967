"""What goes out while no frame comes from the camera: the last good one at once, then a picture that says what is wrong."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sharpen_core.frame import Frame, Size
from sharpen_core.placeholder import Standby, draw_placeholder
from sharpen_core.reopen import SILENT, UNPLUGGED


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds.

    Attributes:
        repeat_after_s: a camera silent for so long has its last frame sent again.
        hold_s: for so long after it was live, the last frame goes out rather than a placeholder.
        stalled_after_s: a camera silent for so long, whatever its driver says, is said to be. Few deliver less than a frame a second.
        beat_s: between two placeholders: a virtual camera that gets no frames vanishes from the programs' lists.
        first_beats: so many times a new placeholder is sent as often as asked for: a call on a busy computer misses the first ones.
    """

    repeat_after_s: float = 0.5
    hold_s: float = 0.5
    stalled_after_s: float = 2.0
    beat_s: float = 1.0
    first_beats: int = 10


def draw_ahead(size: Size) -> None:
    """Draws the placeholders that are most likely to be needed, in a thread of its own: a busy computer takes half a second for one."""

    def draw() -> None:
        for standby in (UNPLUGGED, SILENT):
            draw_placeholder(size, standby)

    threading.Thread(target=draw, name="draw", daemon=True).start()


class Stopgap:
    """Chooses what to send in place of live frames. Used by one thread.

    Args:
        patience: how long to wait for what.
        clock: monotonic seconds.
    """

    def __init__(self, patience: Patience = Patience(), clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._last: Frame | None = None
        self._live_s = clock()
        self._shown: Standby | None = None
        self._shown_s = 0.0
        self._beats = 0

    def live(self, frame: Frame) -> None:
        """A live frame went out."""
        self._last, self._live_s, self._shown = frame, self._clock(), None

    def frame(self, size: Size, standby: Standby | None, camera_silent_s: float) -> Frame | None:
        """The frame to send now; None for nothing. Called several times a second while no frame comes.

        Args:
            size: of the outputs.
            standby: why there is no picture, if that is known.
            camera_silent_s: since when the camera has delivered nothing.
        """
        patience, now_s = self._patience, self._clock()
        if standby is None and self._last and camera_silent_s >= patience.stalled_after_s:
            standby = SILENT
        if standby and (self._last is None or now_s - self._live_s >= patience.hold_s):
            if standby != self._shown:
                self._beats = 0
            elif self._beats >= patience.first_beats and now_s - self._shown_s < patience.beat_s:
                return None
            self._shown, self._shown_s, self._beats = standby, now_s, self._beats + 1
            return self._again(Frame(draw_placeholder(size, standby), 0, 0))
        if self._last and (standby or camera_silent_s >= patience.repeat_after_s):
            return self._again(self._last)
        return None

    def _again(self, frame: Frame) -> Frame:
        """The picture as one of now; it keeps the number of the last live frame."""
        return Frame(frame.pixels, self._last.seq if self._last else 0, round(self._clock() * 1e9))
