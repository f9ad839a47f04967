"""The one-place hand-over between two threads."""

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class SlotClosed(Exception):
    """The slot was closed: its user ends its loop."""


class SlotTimeout(Exception):
    """Nothing came in time."""


class Slot(Generic[T]):
    """Holds at most one item: the newest.

    Normally a new item replaces one that was not taken, which is counted as dropped; frames are never queued, so
    latency cannot grow. A lossless slot makes `put` wait instead. Any thread may call anything.
    """

    def __init__(self, *, lossless: bool = False) -> None:
        self._lossless = lossless
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Items that were replaced before anyone took them."""
        with self._changed:
            return self._dropped

    def put(self, item: T) -> None:
        """Hands an item over; never blocks unless the slot is lossless.

        Raises:
            SlotClosed: the slot is closed.
        """
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._closed or not self._items)
            if self._closed:
                raise SlotClosed
            self._dropped += len(self._items)
            self._items = [item]
            self._changed.notify_all()

    def take(self, timeout_s: float | None = None) -> T:
        """Waits for an item and removes it. An item that was put before the close is still given out.

        Raises:
            SlotClosed: the slot is closed and empty.
            SlotTimeout: nothing came within `timeout_s`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not self._items:
                if self._closed:
                    raise SlotClosed
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise SlotTimeout
                self._changed.wait(left)
            item = self._items.pop()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Ends the hand-over and wakes everyone who waits; may be called again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
