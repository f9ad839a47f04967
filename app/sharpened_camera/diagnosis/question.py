"""Questions to drivers and daemons, which may never answer."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Question(Generic[T]):
    """A question that is being answered in a thread of its own, which a hanging driver may keep for ever.

    Args:
        ask: answers it.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._answer: Future[T] = Future()
        threading.Thread(target=self._run, args=(ask,), name="question", daemon=True).start()

    def _run(self, ask: Callable[[], T]) -> None:
        try:
            self._answer.set_result(ask())
        except Exception as error:  # handed on to who waits for the answer
            self._answer.set_exception(error)

    def result(self, give_up_s: float) -> T | None:
        """The answer; None if it has not come by then, in monotonic seconds.

        Raises:
            Exception: what the question raised.
        """
        try:
            return self._answer.result(max(0.0, give_up_s - time.monotonic()))
        except TimeoutError:
            return None
