"""Makes a file or a drawn picture arrive as a camera's frames would."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Monotonic seconds, as `time.monotonic`."""

Sleep = Callable[[float], None]
"""Waits for so many seconds, as `time.sleep`."""


class Pace:
    """Waits until the next frame is due. One thread uses it.

    Frames are due at times that were planned ahead, so that small delays do not add up. A caller who comes late by
    more than a frame starts a new plan instead of getting the missed frames in a burst.
    """

    def __init__(self, clock: Clock = time.monotonic, sleep: Sleep = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._due_s: float | None = None

    def restart(self) -> None:
        """Forgets the plan: the next frame is due at once."""
        self._due_s = None

    def wait(self, step_s: float) -> None:
        """Returns when `step_s` seconds have passed since the frame before was due."""
        now_s = self._clock()
        due_s = now_s if self._due_s is None else self._due_s + step_s
        if now_s < due_s:
            self._sleep(due_s - now_s)
        elif now_s - due_s > step_s:
            due_s = now_s
        self._due_s = due_s
