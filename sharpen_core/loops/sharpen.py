"""The sharpening thread: one frame in, the same frame out, sharpened or as it came."""

import logging
import time
from dataclasses import dataclass, replace

from sharpen_core.errors import EngineInferenceFailed
from sharpen_core.events import Governed
from sharpen_core.frame import Frame, Size
from sharpen_core.governing.lineup import Lineup
from sharpen_core.governing.rungs import Rung
from sharpen_core.governing.steering import Steering
from sharpen_core.loops.belt import Belt, Preview, Ready
from sharpen_core.stats import SHARP_ALREADY

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sharp:
    """A sharpened frame, what it was sharpened on (or that it was sharp already), and how long that took."""

    frame: Frame
    rung: str
    took_ns: int


class SharpenLoop:
    """Runs in a thread of its own, which alone touches the engine."""

    def __init__(self, belt: Belt, lineup: Lineup) -> None:
        self._belt, self._lineup = belt, lineup
        self._steering: Steering | None = None
        self._told: tuple[Rung, str] | None = None
        self._next_seq = 0
        self._dropped = self._misses = 0

    def run(self) -> None:
        """Sharpens until nothing more comes."""
        belt = self._belt
        try:
            steering = self._begin(belt.format.result().size)
            while True:
                frame = belt.to_sharpen.take()
                if frame.size != steering.size:
                    steering = self._begin(frame.size)
                self._step(steering, frame)
        finally:
            if self._steering:
                self._steering.close()
            belt.to_output.close()

    def _begin(self, size: Size) -> Steering:
        """Loads what sharpens frames of this size; meanwhile they go out as they come."""
        if self._steering:
            self._steering.close()
        self._belt.punctuality.begin()
        self._steering = Steering(self._lineup, size, self._belt.format.result().fps)
        return self._steering

    def _step(self, steering: Steering, frame: Frame) -> None:
        belt, taken_ns = self._belt, time.monotonic_ns()
        if belt.options.lossless:
            self._hand_over(frame, self._sharpened(steering, steering.rung, frame) if belt.strength > 0 else None, taken_ns)
            return
        steering.arrived(frame)
        self._follow(steering)
        rung = steering.rung
        if rung.raw or belt.strength <= 0:
            self._hand_over(frame, None, taken_ns)
            if belt.strength > 0 and (probe := steering.probe()):
                self._sharpened(steering, probe, frame)
        elif belt.punctuality.waits:
            self._hand_over(frame, None, taken_ns)
        elif frame.seq >= self._next_seq:
            self._next_seq = frame.seq + rung.every
            belt.in_work = frame
            sharp = self._sharpened(steering, rung, frame)
            belt.in_work = None
            self._hand_over(frame, sharp, taken_ns)

    def _sharpened(self, steering: Steering, rung: Rung, frame: Frame) -> _Sharp | None:
        """Sharpens a frame and tells the governor; None if the engine fails."""
        belt, began_ns, before_ns = self._belt, time.monotonic_ns(), time.process_time_ns()
        try:
            sharpener = steering.sharpener(rung)
            sharpener.crispness = belt.crispness
            pixels = sharpener.sharpen(frame.pixels, belt.strength)
        except EngineInferenceFailed as error:
            if belt.options.lossless:
                raise
            log.warning("sharpening failed: %s", error)
            steering.failed(f"{error.message}; the picture goes out unsharpened")
            return None
        now_ns = time.monotonic_ns()
        if not belt.options.lossless:
            if not steering.rung.raw:
                belt.punctuality.answered(now_ns - frame.captured_ns)
            steering.took(now_ns - began_ns, time.process_time_ns() - before_ns, *self._trouble())
        return _Sharp(replace(frame, pixels=pixels), SHARP_ALREADY if sharpener.spared else str(rung), now_ns - began_ns)

    def _trouble(self) -> tuple[int, int]:
        """How many frames were dropped before the engine and how many answers were late, since the last call."""
        belt = self._belt
        dropped, self._dropped = belt.to_sharpen.dropped - self._dropped, belt.to_sharpen.dropped
        late, self._misses = belt.punctuality.misses - self._misses, belt.punctuality.misses
        return (0 if belt.passing_by else dropped), late

    def _follow(self, steering: Steering) -> None:
        """Does what the governor says, and says so."""
        belt, now = self._belt, (steering.rung, steering.reason)
        belt.punctuality.expect(steering.period_ns)
        belt.punctuality.loading(steering.loading)
        if now == self._told:
            return
        if self._told is None or self._told[0] != steering.rung:
            belt.punctuality.anew()
        self._told = now
        belt.rung, belt.unsharpened = steering.rung, steering.rung.raw
        belt.stats.governed(*map(str, now))
        belt.on_event(Governed(*now))

    def _hand_over(self, frame: Frame, sharp: _Sharp | None, taken_ns: int) -> None:
        """Hands a frame over, sharpened or as it came; it may be too late for that."""
        after, rung = (sharp.frame, sharp.rung) if sharp else (frame, "")
        ready = Ready(Preview(frame, after), taken_ns - frame.captured_ns, time.monotonic_ns(), rung)
        if self._belt.hand_over(ready) and sharp:
            self._belt.stats.sharpened(sharp.took_ns)
