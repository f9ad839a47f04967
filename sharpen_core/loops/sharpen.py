"""The sharpening thread: one frame in, the same frame out, sharpened or as it came."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from sharpen_core.errors import EngineInferenceFailed
from sharpen_core.events import PassingThrough, Sharpening
from sharpen_core.frame import Frame, Size
from sharpen_core.keep_up import KeepUp
from sharpen_core.loops.belt import Belt, Preview, Ready
from sharpen_core.restorer import Restorer

log = logging.getLogger(__name__)


class SharpenLoop:
    """Runs in a thread of its own, which alone touches the engine."""

    def __init__(self, belt: Belt, restorer_for: Callable[[Size], Restorer]) -> None:
        self._belt, self._restorer_for = belt, restorer_for
        self._keep_up = KeepUp()

    def run(self) -> None:
        """Sharpens until nothing more comes."""
        belt = self._belt
        try:
            restorer = self._restorer_for(belt.format.result().size)
            belt.engine_silent.clear()
            while True:
                frame = belt.to_sharpen.take()
                taken_ns = time.monotonic_ns()
                if frame.size != restorer.size:
                    restorer = self._restorer_for(frame.size)
                belt.sharpening_since_ns = taken_ns
                after = self._sharpened(restorer, frame)
                belt.sharpening_since_ns = None
                belt.engine_silent.clear()
                belt.to_output.put(Ready(Preview(frame, after), taken_ns - frame.captured_ns, time.monotonic_ns()))
        finally:
            belt.to_output.close()

    def _sharpened(self, restorer: Restorer, frame: Frame) -> Frame:
        """Returns the sharpened frame, or the frame itself when it is to pass through."""
        belt, keep_up = self._belt, self._keep_up
        before = keep_up.passing_reason
        strength = belt.strength
        if strength <= 0 or not (belt.options.lossless or keep_up.wants()):
            return frame
        began_ns = time.monotonic_ns()
        try:
            after = replace(frame, pixels=restorer.sharpen(frame.pixels, strength))
        except EngineInferenceFailed as error:
            if belt.options.lossless:
                raise
            log.warning("sharpening failed: %s", error)
            keep_up.failed(error.message)
            after = frame
        else:
            took_ns = time.monotonic_ns() - began_ns
            if not belt.options.lossless:
                keep_up.took(took_ns)
            if keep_up.passing_reason is None:
                belt.stats.sharpened(took_ns)
        if keep_up.passing_reason != before:
            reason = keep_up.passing_reason
            belt.on_event(PassingThrough(reason) if reason else Sharpening())
        return frame if keep_up.passing_reason else after
