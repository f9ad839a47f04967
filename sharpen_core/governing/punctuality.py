"""When the camera's own frame goes out in place of a sharpened one that is late, and when sharpened ones come back.

The rule:

- A frame is late when there is no answer one and a half of the output's intervals after its capture (at least 50 ms, which nobody sees).
- Now and then that is forgiven: when no frame was late in the last two seconds, one may take half an interval more. The picture before it
  stands for a moment, which is seen less than a soft frame among sharp ones.
- Otherwise the camera's newest frame goes out at once, and all that follow as they come. The engine goes on beside: its answers are not
  shown but timed. Sharpened frames come back when its answers have been in time for half a second without a break.
- Each relapse within ten seconds doubles that half second, up to eight. So the picture cannot blink, whatever the engine does.
- What is late while networks are loaded beside the frames is put down to that: it is no relapse, nothing more is computed meanwhile, and
  sharpened frames come back when the loading is over. So it is at the beginning, too, before anything sharpened was shown.
"""

import threading
import time
from collections.abc import Callable

LEAST_NS = 50_000_000
FORGIVEN_EVERY_NS = 2_000_000_000
HOLD_NS = 500_000_000
MOST_HOLD_NS = 8_000_000_000
RELAPSE_NS = 10_000_000_000
PROOF = 3  # answers in time before anything sharpened is shown, also by an engine that has just been loaded


class Punctuality:
    """Keeps the rule. Any thread may call anything.

    It begins late, with nothing to make up for: the first answers of a network that was just loaded are slow.

    Args:
        clock: monotonic nanoseconds.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._period_ns = 1_000_000_000 // 30
        self._late = True
        self._hold_ns = 0
        self._began_ns: int | None = None  # the first of the answers in time
        self._in_time = 0
        self._missed_ns: int | None = None
        self._back_ns: int | None = None
        self._slow_ns: int | None = None
        self._misses = 0
        self._loading = False

    @property
    def late(self) -> bool:
        """Whether frames go out as they came."""
        return self._late

    @property
    def missed_for_ns(self) -> int:
        """Since when frames go out as they came because one was late; 0 while that is not the reason."""
        missed_ns = self._missed_ns
        return self._clock() - missed_ns if missed_ns is not None else 0

    @property
    def misses(self) -> int:
        """How often a frame was late so far, not counting while networks were loaded."""
        return self._misses

    @property
    def limit_ns(self) -> int:
        """How old a frame without an answer may become now."""
        with self._lock:
            forgiven = self._slow_ns is None or self._clock() - self._slow_ns >= FORGIVEN_EVERY_NS
            return max(LEAST_NS, (4 if forgiven else 3) * self._period_ns // 2)

    def expect(self, period_ns: int) -> None:
        """From now on the output has this interval."""
        self._period_ns = period_ns

    def loading(self, now: bool) -> None:
        """Whether networks are being loaded beside the frames."""
        self._loading = now

    @property
    def waits(self) -> bool:
        """Whether frames go out as they came until networks are loaded; to compute any would only put that off."""
        return self._loading and self._missed_ns is not None

    def missed(self) -> None:
        """A frame was late."""
        with self._lock:
            if self._late:
                return
            now_ns = self._clock()
            relapse = self._back_ns is not None and now_ns - self._back_ns < RELAPSE_NS and not self._loading
            self._hold_ns = min(MOST_HOLD_NS, 2 * self._hold_ns) if relapse and self._hold_ns else HOLD_NS
            self._misses += not self._loading
            self._late, self._missed_ns, self._in_time = True, now_ns, 0

    def answered(self, age_ns: int) -> None:
        """The engine has answered; the frame is `age_ns` old."""
        with self._lock:
            now_ns = self._clock()
            in_time = age_ns <= max(LEAST_NS, 3 * self._period_ns // 2)
            if not in_time or self.waits:
                self._slow_ns, self._in_time = now_ns, 0
                if self._late and self._loading and self._missed_ns is None:
                    self._missed_ns = now_ns
                return
            if self._in_time == 0:
                self._began_ns = now_ns
            self._in_time += 1
            if self._late and self._in_time >= PROOF and now_ns - (self._began_ns or 0) >= self._hold_ns:
                self._late, self._missed_ns, self._back_ns = False, None, now_ns

    def anew(self) -> None:
        """Another engine or rung answers from now on: a few answers in time will do, and what was is no relapse."""
        with self._lock:
            self._hold_ns, self._in_time, self._slow_ns, self._back_ns = 0, 0, None, None

    def begin(self) -> None:
        """Nothing answers yet: a network is being loaded."""
        self.anew()
        with self._lock:
            self._late, self._missed_ns = True, None
