"""Do no harm: when sharpening is too slow or fails, frames go out as they came until it works again."""

import statistics
import time
from collections import deque
from collections.abc import Callable

SLOWEST_NS = 1_000_000_000 // 15  # below 15 frames per second a sharp picture is worse than a smooth one
PROBE_EVERY_NS = 2_000_000_000
GOOD_PROBES = 3
JUDGED_FRAMES = 10


class KeepUp:
    """Decides frame by frame whether to sharpen. Used by one thread.

    Too slow means: the median of the last ten frames took longer than a fifteenth of a second. From then on one frame
    every two seconds is tried; after three good tries in a row sharpening goes on.

    Args:
        clock: monotonic nanoseconds.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._took_ns: deque[int] = deque(maxlen=JUDGED_FRAMES)
        self._good_probes = 0
        self._next_probe_ns = 0
        self.passing_reason: str | None = None
        """Why frames pass through unsharpened; None while they are sharpened."""

    def wants(self) -> bool:
        """Whether the next frame is to be sharpened: always, or now and then while passing through."""
        return self.passing_reason is None or self._clock() >= self._next_probe_ns

    def took(self, duration_ns: int) -> None:
        """A frame was sharpened in `duration_ns`."""
        if self.passing_reason is None:
            self._took_ns.append(duration_ns)
            if len(self._took_ns) == JUDGED_FRAMES and statistics.median(self._took_ns) > SLOWEST_NS:
                median_ms = statistics.median(self._took_ns) / 1e6
                self._pass_through(f"this machine needs {median_ms:.0f} ms for a frame, so the picture goes out unsharpened")
            return
        self._good_probes = self._good_probes + 1 if duration_ns < SLOWEST_NS else 0
        self._next_probe_ns = self._clock() + PROBE_EVERY_NS
        if self._good_probes >= GOOD_PROBES:
            self.passing_reason = None
            self._took_ns.clear()

    def failed(self, what: str) -> None:
        """The engine failed on a frame."""
        self._pass_through(f"{what}; the picture goes out unsharpened")

    def _pass_through(self, reason: str) -> None:
        self.passing_reason = reason
        self._good_probes = 0
        self._next_probe_ns = self._clock() + PROBE_EVERY_NS
