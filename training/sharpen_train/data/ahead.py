"""Work done ahead of time by other processes, delivered in order."""

import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from typing import Generic, TypeVar

from sharpen_train.errors import DataError

Item = TypeVar("Item")
_LOOK_S = 1.0  # how often a silent worker is looked after


class Ahead(Generic[Item]):
    """Yields work(start), work(start + 1), ... without end, made by `workers` processes.

    Worker w of W makes every W-th item into a bounded queue of its own, and they are taken in turn: so the order does
    not depend on who is faster. Workers are spawned: forked ones inherit OpenCV's threads in a state in which they
    hang. They import no torch, start within a second, ignore Ctrl-C, which is the parent's to handle, and end with it.
    """

    def __init__(self, work: Callable[[int], Item], start: int, workers: int, prefetch: int) -> None:
        """Starts the processes.

        Args:
            work: what is done for a number; picklable, like its results.
            start: first number.
            workers: processes, at least one.
            prefetch: items that each worker makes ahead.
        """
        context = multiprocessing.get_context("spawn")
        self._queues: list[Queue[Item | Exception]] = [context.Queue(prefetch) for _ in range(workers)]
        self._processes: list[SpawnProcess] = [
            context.Process(target=_serve, args=(work, start + at, workers, box), daemon=True) for at, box in enumerate(self._queues)
        ]
        for process in self._processes:
            process.start()

    def __iter__(self) -> Iterator[Item]:
        """Yields the items.

        Raises:
            DataError: a worker was killed.
            Exception: what a worker raised.
        """
        try:
            while self._processes:
                for box, process in zip(self._queues, self._processes, strict=True):
                    yield self._next(box, process)
        finally:
            self.close()

    def _next(self, box: "Queue[Item | Exception]", process: SpawnProcess) -> Item:
        while True:
            try:
                item = box.get(timeout=_LOOK_S)
            except queue.Empty:
                if process.is_alive():
                    continue
                raise DataError("a process that prepares batches was killed", "Memory may be short: use fewer workers.") from None
            if isinstance(item, Exception):
                raise item
            return item

    def close(self) -> None:
        """Ends the processes; may be called twice."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        for box in self._queues:
            box.close()
        self._processes, self._queues = [], []


def _serve(work: Callable[[int], Item], start: int, stride: int, box: "Queue[Item | Exception]") -> None:
    """Runs in the worker: works until it is ended."""
    obey_parent()
    number = start
    try:
        while True:
            box.put(work(number))
            number += stride
    except Exception as exc:  # the top of a process: whatever it is, it is raised in the parent
        if not hasattr(exc, "hint"):
            exc.add_note(traceback.format_exc())
        box.put(exc)


def obey_parent() -> None:
    """Makes this worker ignore Ctrl-C, which the parent handles, and end when the parent does, even if that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
