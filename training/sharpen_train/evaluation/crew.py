"""A few processes that score pictures side by side."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self, TypeVar

import cv2

from sharpen_train.errors import TrainError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew:
    """Calls functions on many items, in `processes` spawned processes, or in this one if that is 1. A context manager.

    Leaving it for whatever reason ends the processes at once; they ignore Ctrl-C themselves, and end with their parent.
    """

    def __init__(self, processes: int) -> None:
        self._pool: ProcessPoolExecutor | None = None
        if processes > 1:
            # Spawned: a forked process inherits OpenCV's threads in a state in which they hang.
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=_prepare_worker)

    def map(self, function: Callable[[Item], Result], items: Sequence[Item], advance: Callable[[], None]) -> list[Result]:
        """Returns `function` of every item, in order. Function, items and results must be picklable.

        Args:
            function: what to call; its errors are raised here.
            items: what to call it with.
            advance: called after each.

        Raises:
            TrainError: a process was killed.
        """
        if self._pool is None:
            results: list[Result] = []
            for item in items:
                results.append(function(item))
                advance()
            return results
        try:
            futures = self._submit(self._pool, function, items)
            for future in as_completed(futures):
                future.result()
                advance()
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise TrainError("a process that scored pictures was killed, perhaps for want of memory", "Try --workers 1.") from error

    @staticmethod
    def _submit(pool: ProcessPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Future[Result]]:
        """Hands out the work. Processes are started here and inherit the mask: Ctrl-C while one imports would print a traceback."""
        if sys.platform == "win32":
            return [pool.submit(function, item) for item in items]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return [pool.submit(function, item) for item in items]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._pool is None:
            return
        if kind is not None:
            for child in multiprocessing.active_children():
                child.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.join,), daemon=True).start()


def _end_with(parent_ends: Callable[[], None]) -> None:
    """A parent that is killed cannot end its processes, and they would wait for work for ever."""
    parent_ends()
    os._exit(1)
