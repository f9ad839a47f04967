"""What the governor looks at: how long frames take, how fast they come, how much of the processor is used."""

import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

JUDGED_NS = 500_000_000  # overload that lasts for so long is acted upon
_FEWEST = 5
_OLDEST_NS = 6 * JUDGED_NS  # slow frames are few: they are kept for longer
_FASTEST_NS = 1_000_000_000 // 60  # nobody asks for more frames than that, whatever the camera does
_LOST_OVER_NS = 2_000_000_000  # a single slow frame makes several others drop, which is no overload yet
_SHARE_OVER_NS = 1_000_000_000
_SHARE_STEP_NS = 100_000_000


class Rhythm:
    """How often the camera delivers: the median of its last frames, because drivers deliver unevenly. Used by one thread.

    Args:
        fps: what the camera promises; holds until frames have come.
    """

    def __init__(self, fps: float) -> None:
        self._gaps_ns: deque[float] = deque([1e9 / fps if fps > 0 else 1e9 / 30], maxlen=31)
        self._last: tuple[int, int] | None = None
        self.interval_ns = max(_FASTEST_NS, round(self._gaps_ns[0]))
        """Nanoseconds between two frames of the camera; never less than a sixtieth of a second."""

    def beat(self, seq: int, captured_ns: int) -> None:
        """A frame has come; those between it and the one before were not seen here."""
        if self._last and seq > self._last[0]:
            self._gaps_ns.append((captured_ns - self._last[1]) / (seq - self._last[0]))
            self.interval_ns = max(_FASTEST_NS, round(statistics.median(self._gaps_ns)))
        self._last = seq, captured_ns


class CpuMeter:
    """How much of the machine this process has used over the last second. Used by one thread.

    Args:
        cores: how many make the machine.
        clock: monotonic nanoseconds.
        cpu_s: CPU seconds of all threads of this process so far.
    """

    def __init__(self, cores: int, clock: Callable[[], int] = time.monotonic_ns, cpu_s: Callable[[], float] = time.process_time) -> None:
        self._cores, self._clock, self._cpu_s = cores, clock, cpu_s
        self._marks: deque[tuple[int, float]] = deque()

    def restart(self) -> None:
        """Forgets what was: something else runs now."""
        self._marks.clear()

    def share(self) -> float | None:
        """Used share of the machine, 0 to 1; None until a second has passed. To be called several times a second."""
        now_ns, now_s = self._clock(), self._cpu_s()
        if self._marks and now_ns - self._marks[-1][0] > _SHARE_OVER_NS:
            self._marks.clear()  # nothing was asked during a pause
        if not self._marks or now_ns - self._marks[-1][0] >= _SHARE_STEP_NS:
            self._marks.append((now_ns, now_s))
        while len(self._marks) > 1 and now_ns - self._marks[1][0] >= _SHARE_OVER_NS:
            self._marks.popleft()
        first_ns, first_s = self._marks[0]
        if now_ns - first_ns < _SHARE_OVER_NS:
            return None
        return (now_s - first_s) / ((now_ns - first_ns) / 1e9) / self._cores


@dataclass(frozen=True, slots=True)
class Sample:
    """What one sharpened frame tells.

    Attributes:
        took_ns: what the network and everything around it took.
        interval_ns: between two frames of the camera.
        cpu_share: of the machine, used by this process in the last second, 0 to 1; None while it is not known.
        cpu_ns: CPU time of this process while the frame was sharpened.
        dropped: frames that were replaced by a newer one before they could be sharpened, since the sample before.
        late: how often a frame of the camera had to go out in place of a sharpened one, since the sample before.
    """

    took_ns: int
    interval_ns: int
    cpu_share: float | None = None
    cpu_ns: int = 0
    dropped: int = 0
    late: int = 0


class Window:
    """The samples of the last half second; a few more when they are few."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Sample]] = deque()
        self._losses: deque[tuple[int, int]] = deque()  # (when, frames dropped before this one), of a longer time

    def add(self, now_ns: int, sample: Sample) -> None:
        """Takes a sample in, and lets go of old ones."""
        samples = self._samples
        samples.append((now_ns, sample))
        while samples[0][0] < now_ns - (JUDGED_NS if len(samples) > _FEWEST else _OLDEST_NS):
            samples.popleft()
        self._losses.append((now_ns, sample.dropped))
        while self._losses[0][0] < now_ns - _LOST_OVER_NS:
            self._losses.popleft()

    def clear(self) -> None:
        """Forgets everything: it was about another rung."""
        self._samples.clear()
        self._losses.clear()

    @property
    def full(self) -> bool:
        """Whether there is enough to judge by: at least five samples, over at least four fifths of the half second."""
        if len(self._samples) < _FEWEST:
            return False
        first_ns, first = self._samples[0]
        return self._samples[-1][0] - first_ns + first.took_ns >= 0.8 * JUDGED_NS

    @property
    def median_ms(self) -> float:
        """Median time of a frame."""
        return statistics.median_low(sample.took_ns for _, sample in self._samples) / 1e6

    @property
    def mean_cpu_ms(self) -> float:
        """CPU time of a frame on average."""
        return statistics.fmean(sample.cpu_ns for _, sample in self._samples) / 1e6

    def lost(self, every: int) -> tuple[int, int]:
        """How many frames were dropped within two seconds, of how many that came; zeros before one second is over.

        Args:
            every: 2 where every second frame is left out anyway.
        """
        if not self._losses or self._losses[-1][0] - self._losses[0][0] < _LOST_OVER_NS // 2:
            return 0, 0
        dropped = sum(count for _, count in self._losses)
        return max(0, dropped - (every - 1) * len(self._losses)), dropped + len(self._losses)
