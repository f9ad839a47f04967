"""What happened, in figures: counts, rates, and latencies by stage."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

WINDOW_NS = 2_000_000_000  # the frame rate is that of the last two seconds
MOST_SEEN_NS = 1_000_000_000  # what was sent last is not what is seen during a pause
RAW = "unsharpened"
SHARP_ALREADY = "sharp already"
STAGES = ("capture", "wait", "sharpen", "send")


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median and tail of a duration in milliseconds."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0

    @classmethod
    def of(cls, durations_ms: list[float]) -> "Percentiles":
        """Percentiles of the durations; zeros if there are none."""
        if not durations_ms:
            return cls()
        return cls(*(round(float(value), 2) for value in np.percentile(durations_ms, [50, 95, 99])))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures of a session up to now.

    Attributes:
        frames_captured, frames_sharpened, frames_sent, frames_dropped: counts since the start. A frame that went out unsharpened
            is sent but not sharpened; one that a newer frame replaced, or that was left out at half the rate, is dropped.
        camera_fps: frames that the camera really delivered per second, over the last two seconds.
        fps: frames sent per second over the last two seconds.
        recent_latency_ms: median latency of those frames.
        recent_cpu_percent: of this process since the snapshot before, 100 for one whole core.
        mean_fps: frames sent per second from the first to the last frame, pauses left out.
        paused_s: how long the session paused because nobody watched.
        first_frame_ms: from the start to the first frame sent.
        latency_ms: from the camera's delivery of a frame to the return of its last send.
        stage_ms: the parts: reading the camera (waiting for it included), waiting between threads, sharpening, sending.
        cpu_percent: of this process since the start, 100 for one whole core.
        peak_rss_mb: largest resident memory so far, in MiB.
        rung: what is done with frames now; empty before that was decided.
        reason: why, one line.
        treated: what the frame that was sent last came from: a rung, "unsharpened" or "sharp already"; empty before the first.
        rung_s: seconds for which what went out came from each of these.
    """

    frames_captured: int = 0
    frames_sharpened: int = 0
    frames_sent: int = 0
    frames_dropped: int = 0
    camera_fps: float = 0.0
    fps: float = 0.0
    recent_latency_ms: float = 0.0
    recent_cpu_percent: float = 0.0
    mean_fps: float = 0.0
    paused_s: float = 0.0
    first_frame_ms: float = 0.0
    latency_ms: Percentiles = field(default_factory=Percentiles)
    stage_ms: dict[str, Percentiles] = field(default_factory=dict[str, Percentiles])
    cpu_percent: float = 0.0
    peak_rss_mb: float = 0.0
    rung: str = ""
    reason: str = ""
    treated: str = ""
    rung_s: dict[str, float] = field(default_factory=dict[str, float])


class Stats:
    """Collects the figures of one session; any thread may call anything.

    Args:
        keep: how many of the latest frames the percentiles cover, which bounds the memory.
        clock: monotonic nanoseconds.
    """

    def __init__(self, keep: int = 20_000, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._captured = self._sharpened = self._sent = 0
        self._latencies: deque[float] = deque(maxlen=keep)
        self._stages: dict[str, deque[float]] = {stage: deque(maxlen=keep) for stage in STAGES}
        self._captured_ns: deque[int] = deque(maxlen=1000)
        self._recent: deque[tuple[int, float]] = deque(maxlen=1000)  # (sent, latency in ms)
        self._began_ns = clock()
        self._first_sent_ns = self._last_sent_ns = 0
        self._paused_ns = 0  # without the pause that lasts
        self._pause_began_ns: int | None = None
        self._rung = self._reason = ""
        self._sent_on = ""  # what the frame that was sent last came from
        self._rung_ns: dict[str, int] = {}
        self._process = psutil.Process()
        self._cpu_began_s = self._cpu_s()
        self._cpu_before = (self._began_ns, self._cpu_began_s)

    def captured(self, took_ns: int) -> None:
        """A frame came from the camera; reading it took `took_ns`."""
        now = self._clock()
        with self._lock:
            self._captured += 1
            self._captured_ns.append(now)
            self._stages["capture"].append(took_ns / 1e6)

    def sharpened(self, took_ns: int) -> None:
        """A frame was sharpened."""
        with self._lock:
            self._sharpened += 1
            self._stages["sharpen"].append(took_ns / 1e6)

    def governed(self, rung: str, reason: str) -> None:
        """Frames are treated so from now on."""
        with self._lock:
            self._rung, self._reason = rung, reason

    def sent(self, captured_ns: int, waited_ns: int, took_ns: int, rung: str = "") -> None:
        """A frame went out to every output.

        Args:
            captured_ns: when the camera delivered it.
            waited_ns: how long it waited between threads.
            took_ns: how long sending took.
            rung: what it was sharpened on, or that it was sharp already; empty for a frame as it came.
        """
        now = self._clock()
        with self._lock:
            if self._sent:
                seen_ns = min(now - self._last_sent_ns, MOST_SEEN_NS)
                self._rung_ns[self._sent_on] = self._rung_ns.get(self._sent_on, 0) + seen_ns
            self._sent_on = rung or RAW
            self._sent += 1
            self._first_sent_ns = self._first_sent_ns or now
            self._last_sent_ns = now
            self._latencies.append((now - captured_ns) / 1e6)
            self._recent.append((now, self._latencies[-1]))
            self._stages["wait"].append(waited_ns / 1e6)
            self._stages["send"].append(took_ns / 1e6)

    def paused(self) -> None:
        """A pause begins."""
        with self._lock:
            self._pause_began_ns = self._clock()

    def resumed(self) -> None:
        """The pause is over."""
        with self._lock:
            if self._pause_began_ns is not None:
                self._paused_ns += self._clock() - self._pause_began_ns
            self._pause_began_ns = None

    def snapshot(self, dropped: int) -> Snapshot:
        """Returns the figures; `dropped` is counted by the slots."""
        now = self._clock()
        with self._lock:  # only copies: the threads that carry frames wait for it
            counts = (self._captured, self._sharpened, self._sent)
            captured_ns, recent, latencies = list(self._captured_ns), list(self._recent), list(self._latencies)
            stages = {stage: list(values) for stage, values in self._stages.items()}
            before, self._cpu_before = self._cpu_before, (now, self._cpu_s())
            now_cpu, first_ns, last_ns = self._cpu_before, self._first_sent_ns, self._last_sent_ns
            rung, reason, treated, rung_ns = self._rung, self._reason, self._sent_on, dict(self._rung_ns)
            over_ns, lasting_ns = self._paused_ns, now - (self._pause_began_ns or now)
        recent = [(at, latency_ms) for at, latency_ms in recent if now - at <= WINDOW_NS]
        return Snapshot(
            *counts,
            frames_dropped=dropped,
            camera_fps=_rate_of([at for at in captured_ns if now - at <= WINDOW_NS]),
            fps=_rate_of([at for at, _ in recent]),
            recent_latency_ms=Percentiles.of([latency_ms for _, latency_ms in recent]).p50,
            recent_cpu_percent=_share(before, now_cpu),
            mean_fps=_rate(counts[-1] - 1, last_ns - first_ns - over_ns),
            paused_s=round((over_ns + lasting_ns) / 1e9, 2),
            first_frame_ms=round((first_ns - self._began_ns) / 1e6, 1) if first_ns else 0.0,
            latency_ms=Percentiles.of(latencies),
            stage_ms={stage: Percentiles.of(values) for stage, values in stages.items()},
            cpu_percent=_share((self._began_ns, self._cpu_began_s), now_cpu),
            peak_rss_mb=round(peak_rss_bytes(self._process) / 2**20, 1),
            rung=rung,
            reason=reason,
            treated=treated,
            rung_s={name: round(lasted_ns / 1e9, 2) for name, lasted_ns in rung_ns.items()},
        )

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def _share(before: tuple[int, float], after: tuple[int, float]) -> float:
    """CPU use between two moments, each (monotonic ns, CPU seconds), in percent of one core."""
    lasted_s = (after[0] - before[0]) / 1e9
    return round(100 * (after[1] - before[1]) / lasted_s, 1) if lasted_s > 0 else 0.0


def _rate_of(moments_ns: list[int]) -> float:
    return _rate(len(moments_ns) - 1, moments_ns[-1] - moments_ns[0]) if len(moments_ns) > 1 else 0.0


def _rate(count: int, lasted_ns: int) -> float:
    return round(count / (lasted_ns / 1e9), 2) if lasted_ns > 0 else 0.0


def peak_rss_bytes(process: psutil.Process) -> int:
    """Largest resident memory of this process so far; the present one where the system keeps no peak."""
    try:  # not getrusage: its peak includes that of the program which started this one
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        memory = process.memory_info()
        return getattr(memory, "peak_wset", memory.rss)
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), process.memory_info().rss)
