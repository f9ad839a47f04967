"""Whether anybody watches: when nobody does, there is nothing to capture and to sharpen."""

import time
from collections.abc import Callable, Iterable

PAUSE_AFTER_S = 5.0


class Watch:
    """Decides when to pause. One thread asks; any thread may set `hidden` and `wanted`.

    Attributes:
        hidden: our own window shows no picture: it is minimised, or there is none.
        wanted: the user wants pauses.
    """

    def __init__(self, after_s: float = PAUSE_AFTER_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.hidden = False
        self.wanted = False
        self._after_s, self._clock = after_s, clock
        self._unwatched_since_s: float | None = None

    @property
    def possible(self) -> bool:
        """Whether it depends on the outputs' watchers alone; while not, nobody needs to be counted."""
        return self.hidden and self.wanted

    def is_over(self, watchers: Iterable[int | None]) -> bool:
        """Whether nobody has watched for so long that a pause begins, or lasts.

        Args:
            watchers: of each output; None, which means that it cannot be known, counts as watched.
        """
        if not self.possible or any(count is None or count > 0 for count in watchers):
            self._unwatched_since_s = None
            return False
        now_s = self._clock()
        if self._unwatched_since_s is None:
            self._unwatched_since_s = now_s
        return now_s - self._unwatched_since_s >= self._after_s
