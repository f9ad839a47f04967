"""Why a run stops before its last step, and how it hears of it."""

import signal
import threading
from enum import IntEnum
from types import FrameType
from typing import Any, Self


class Stop(IntEnum):
    """Reasons, the most pressing last."""

    NONE = 0
    TIME = 1
    INTERRUPTED = 2
    TERMINATED = 3
    DIVERGED = 4


class SignalWatch:
    """Notes Ctrl-C and SIGTERM instead of being broken off by them, so that a step is finished and saved. A context manager.

    A second Ctrl-C does what Ctrl-C does elsewhere. Outside the main thread nothing is watched.

    Attributes:
        heard: what was asked for so far.
    """

    def __init__(self) -> None:
        self.heard = Stop.NONE
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.heard is Stop.INTERRUPTED and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.heard = Stop.TERMINATED if number == signal.SIGTERM else Stop.INTERRUPTED
