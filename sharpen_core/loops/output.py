"""The output thread: every frame to every output, and something to look at while none comes."""

import time
from collections.abc import Callable, Sequence

from sharpen_core.errors import OutputError
from sharpen_core.events import PassingThrough, Sharpening
from sharpen_core.frame import Frame, Size
from sharpen_core.loops.belt import Belt, Ready
from sharpen_core.loops.outlet import Outlet
from sharpen_core.output.base import Output
from sharpen_core.slot import SlotTimeout
from sharpen_core.stopgap import Stopgap, draw_ahead

_WAIT_S = 0.25  # for a frame, before something else is looked for to send
_TOLD_AFTER_NS = 1_000_000_000  # shorter lateness is over before anybody could read of it
_IDLE_S = 0.1  # how often to look what to send while no frame comes
_PAUSED_S = 0.05  # and whether somebody watches: the picture has to be back within 0.2 s
_COUNT_EVERY_S = 0.5
_DRAW_AHEAD_AT = 30  # frames: not while everything is being loaded


class OutputLoop:
    """Runs in a thread of its own, which alone touches the outputs."""

    def __init__(self, belt: Belt, outputs: Sequence[Output], running: Callable[[], None], failed: Callable[[OutputError], None]) -> None:
        """Opens nothing yet.

        Args:
            belt: between the threads.
            outputs: where frames go.
            running: to be called when all outputs were tried.
            failed: takes an error that must not keep the other outputs from being closed.
        """
        self._belt, self._running, self._failed = belt, running, failed
        self._outlets = [Outlet(output, belt.options, belt.on_event) for output in outputs]
        self._stopgap = Stopgap(belt.options.patience)
        self._size = Size(0, 0)
        self._last_seq = -1
        self._lateness_told = self._drawn_ahead = False
        self._count_at_s = 0.0
        self._timeout_s = _WAIT_S

    def run(self) -> None:
        """Sends until nothing more comes, then closes all outputs."""
        belt = self._belt
        try:
            camera = belt.format.result()
            self._size = belt.options.output_size or camera.size
            for outlet in self._outlets:
                outlet.open_first(self._size, camera.fps)
            self._running()
            while True:
                try:
                    ready = belt.to_output.take(self._patience_s())
                except SlotTimeout:
                    self._fill()
                else:
                    self._forward(ready)
                self._tell_lateness()
                self._mind_the_watchers()
                for outlet in self._outlets:
                    outlet.mend()
        finally:
            self._count_left()
            for outlet in self._outlets:
                try:
                    outlet.close()
                except OutputError as error:  # a file that cannot be completed
                    self._failed(error)

    def _forward(self, ready: Ready) -> None:
        """Sends a frame, unless a later one has gone out past a late engine."""
        belt = self._belt
        frame = ready.preview.after
        if frame.seq <= self._last_seq:
            return
        belt.dropped += frame.seq - self._last_seq - 1
        self._last_seq = frame.seq
        began_ns = time.monotonic_ns()
        self._send(frame)
        belt.newest = ready.preview
        belt.stats.sent(frame.captured_ns, ready.waited_ns + began_ns - ready.ready_ns, time.monotonic_ns() - began_ns, ready.rung)
        self._stopgap.live(frame)
        if belt.options.reopen_camera and not self._drawn_ahead and frame.seq >= _DRAW_AHEAD_AT:
            self._drawn_ahead = True
            draw_ahead(self._size)
        self._timeout_s = _WAIT_S

    def _count_left(self) -> None:
        """What was captured and will not be sent any more was dropped."""
        captured = self._belt.captured
        if captured:
            self._belt.dropped += captured.seq - self._last_seq

    def _send(self, frame: Frame) -> None:
        for outlet in self._outlets:
            outlet.send(frame)

    # ---- when no frame comes -----------------------------------------------------------------------------------------

    def _patience_s(self) -> float | None:
        """How long to wait for a frame: until the one in work is late, or until one that comes now could be."""
        belt = self._belt
        if belt.options.lossless:
            return None
        if belt.passing_by:
            return self._timeout_s
        left_ns = belt.punctuality.limit_ns
        if frame := belt.in_work:
            left_ns -= time.monotonic_ns() - frame.captured_ns
        return min(self._timeout_s, max(0.001, left_ns / 1e9))

    def _fill(self) -> None:
        """No frame came: goes past an engine that is late, or sends what stands in for a camera that does not deliver."""
        belt = self._belt
        if self._engine_is_late():
            belt.punctuality.missed()  # first, so that capture hands on what comes after
            if (frame := belt.captured) and belt.claim(frame):
                self._forward(belt.past_the_network(frame))
            return
        self._timeout_s = _IDLE_S if belt.awake.is_set() else _PAUSED_S
        standby = belt.standby
        if standby is None and not belt.options.reopen_camera:
            return  # a clip or the test picture may take its time
        if frame := self._stopgap.frame(self._size, standby, belt.silent_s):
            self._send(frame)

    def _engine_is_late(self) -> bool:
        belt, frame = self._belt, self._belt.in_work
        if frame is None or belt.passing_by:
            return False
        return time.monotonic_ns() - frame.captured_ns >= belt.punctuality.limit_ns

    def _tell_lateness(self) -> None:
        """Says once that the engine does not keep up, and once that it does again; not while that is because networks are loaded."""
        belt, frame = self._belt, self._belt.in_work
        stuck_ns = time.monotonic_ns() - frame.captured_ns if frame else 0  # perhaps on its very first frame
        late = belt.strength > 0 and not belt.punctuality.waits and max(belt.punctuality.missed_for_ns, stuck_ns) > _TOLD_AFTER_NS
        if late and not self._lateness_told:
            belt.on_event(PassingThrough("the engine does not answer in time, so the picture goes out unsharpened"))
        elif self._lateness_told and not belt.passing_by:
            belt.on_event(Sharpening())
        self._lateness_told = late or (self._lateness_told and belt.passing_by)

    def _mind_the_watchers(self) -> None:
        """Pauses when nobody watches, and ends the pause as soon as somebody does."""
        belt, now_s = self._belt, time.monotonic()
        paused = not belt.awake.is_set()
        if belt.options.lossless or (now_s < self._count_at_s and not paused):
            return
        self._count_at_s = now_s + _COUNT_EVERY_S
        over = belt.watch.is_over(outlet.watchers() for outlet in self._outlets)
        if over and not paused:
            belt.pause()
            self._timeout_s = _PAUSED_S
        elif paused and not over:
            belt.resume()
