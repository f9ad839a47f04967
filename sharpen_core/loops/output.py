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
from sharpen_core.stopgap import Stopgap

SILENT_AFTER_S = 0.25  # an engine that has not answered for this long is passed by
_IDLE_S = 0.1  # how often to look what to send while no frame comes
_PAUSED_S = 0.05  # and whether somebody watches: the picture has to be back within 0.2 s
_COUNT_EVERY_S = 0.5


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
        self._silence_told = False
        self._count_at_s = 0.0
        self._timeout_s: float | None = None if belt.options.lossless else SILENT_AFTER_S

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
                    ready = belt.to_output.take(self._timeout_s)
                except SlotTimeout:
                    self._fill()
                else:
                    self._forward(ready)
                self._mind_the_watchers()
                for outlet in self._outlets:
                    outlet.mend()
        finally:
            for outlet in self._outlets:
                try:
                    outlet.close()
                except OutputError as error:  # a file that cannot be completed
                    self._failed(error)

    def _forward(self, ready: Ready) -> None:
        """Sends a frame, unless a later one has gone out past a silent engine."""
        belt = self._belt
        if self._silence_told and not belt.engine_silent.is_set():
            self._silence_told = False
            belt.on_event(Sharpening())
        frame = ready.preview.after
        if frame.seq <= self._last_seq:
            belt.stale += 1
            return
        self._last_seq = frame.seq
        began_ns = time.monotonic_ns()
        self._send(frame)
        belt.newest = ready.preview
        belt.stats.sent(frame.captured_ns, ready.waited_ns + began_ns - ready.ready_ns, time.monotonic_ns() - began_ns)
        self._stopgap.live(frame)
        if not belt.options.lossless:
            self._timeout_s = SILENT_AFTER_S

    def _send(self, frame: Frame) -> None:
        for outlet in self._outlets:
            outlet.send(frame)

    def _fill(self) -> None:
        """No frame came: passes an engine by that does not answer, or sends what stands in for a camera that does not."""
        belt = self._belt
        if self._engine_is_stuck():
            belt.engine_silent.set()
            if not self._silence_told:
                self._silence_told = True
                belt.on_event(PassingThrough("the engine does not answer, so the picture goes out unsharpened"))
        self._timeout_s = _IDLE_S if belt.awake.is_set() else _PAUSED_S
        standby = belt.standby
        if standby is None and not belt.options.reopen_camera:
            return  # a clip or the test picture may take its time
        if frame := self._stopgap.frame(self._size, standby, belt.silent_s):
            self._send(frame)

    def _engine_is_stuck(self) -> bool:
        since_ns = self._belt.sharpening_since_ns
        return since_ns is not None and time.monotonic_ns() - since_ns > SILENT_AFTER_S * 1e9

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
