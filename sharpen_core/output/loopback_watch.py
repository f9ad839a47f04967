"""What really happens at a loopback device: who reads it, and whether our frames, and only ours, are written.

Whether somebody reads is known exactly where the driver tells it (v4l2loopback from 0.13 on: whether a program streams). Before,
programs that have the device open count as readers, found in /proc. That shows too little where a program hides its files,
as a browser's sandbox may, so openings and closings are counted too, and the larger number holds: better not to pause than
to pause in a call.

pyvirtualcam 0.15 hides failed writes. The kernel reports every successful write to the node, by whom it does not say: so after
each of ours there must be one, and before the next none.
"""

import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sharpen_core.holders import open_files
from sharpen_core.inotify import FileWatch, Happening

# linux/videodev2.h and v4l2loopback.c of 0.13 and later
_VIDIOC_SUBSCRIBE_EVENT = 0x4020565A
_VIDIOC_DQEVENT = 0x80885659
_CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1
_SEND_INITIAL = 1
_EVENT_BYTES = 136
_PAYLOAD_OFFSET_BYTES = 8
_LOOK_EVERY_S = 1.0
_FAILED_WRITES = 5
_FOREIGN_WRITES = 3


def _in_a_thread(look: Callable[[], None]) -> None:
    threading.Thread(target=look, name="look for readers", daemon=True).start()


class LoopbackWatch:
    """Watches one device from before our first write until we close it. Used by one thread.

    Args:
        node: the device file.
        proc: where the kernel lists processes.
        clock: monotonic seconds.
        aside: runs what takes long, while we go on.
    """

    def __init__(
        self,
        node: Path,
        proc: Path = Path("/proc"),
        clock: Callable[[], float] = time.monotonic,
        aside: Callable[[Callable[[], None]], None] = _in_a_thread,
    ) -> None:
        self._node, self._proc, self._clock, self._aside = node, proc, clock, aside
        self._instance = _instance(node)
        try:
            self._happenings = FileWatch(node, Happening.WRITTEN | Happening.OPENED | Happening.CLOSED)
        except OSError:  # not Linux, or too many watches: we see less, and write all the same
            self._happenings = None
        self._driver_tells = True
        self._opened = 0  # openings less closings since we began
        self._seen: int | None = None  # openings found in /proc
        self._looking = False
        self._look_again = True
        self._all_seen = False
        self._looked_s = 0.0
        self._failed = self._foreign = 0

    @property
    def is_there(self) -> bool:
        """Whether the node still is the device that we opened: a driver that was loaded again makes a new one."""
        return self._instance is not None and _instance(self._node) == self._instance

    @property
    def writes_fail(self) -> bool:
        """Whether our last frames did not reach the device, although nothing said so."""
        return self._failed >= _FAILED_WRITES

    @property
    def others_write(self) -> bool:
        """Whether another program's frames have kept coming between our last ones."""
        return self._foreign >= _FOREIGN_WRITES

    def before_write(self) -> None:
        """To be called before each frame."""
        if self._happenings:
            self._foreign = self._foreign + 1 if self._written() else 0

    def after_write(self) -> None:
        """To be called after each frame."""
        if self._happenings:
            self._failed = 0 if self._written() else self._failed + 1

    def watchers(self) -> int | None:
        """How many programs read the device: 0 or 1 where the driver tells it, else about how many have it open; None: not known yet."""
        if self._driver_tells:
            told = client_usage(self._node)
            if told is not None:
                return told
            self._driver_tells = False
        self._written()  # takes note of openings and closings
        is_old = self._happenings is None and self._clock() - self._looked_s >= _LOOK_EVERY_S
        if (self._look_again or is_old) and not self._looking:
            self._looking, self._look_again, self._looked_s = True, False, self._clock()
            self._aside(self._look)
        if self._seen is None and not self._opened:
            return None
        return max(self._seen or 0, self._opened)

    def _look(self) -> None:
        """Counts the openings in /proc, which takes from 10 ms to a second: by far too long for the thread that sends frames."""
        seen = open_files(self._node, self._proc)
        if not self._look_again:  # else something has changed meanwhile, and it is looked again
            # Closings that came together were told as one: where all openings could be seen before, what is seen now holds.
            if self._all_seen:
                self._opened = min(self._opened, seen)
            self._all_seen = seen >= self._opened
        self._seen, self._looking = seen, False

    def close(self) -> None:
        """Stops watching."""
        if self._happenings:
            self._happenings.close()

    def _written(self) -> bool:
        """Takes note of what has happened; returns whether a write was among it."""
        written = False
        for what in self._happenings.read() if self._happenings else ():
            if what & Happening.WRITTEN:
                written = True
            elif what & (Happening.OPENED | Happening.CLOSED):
                opened = bool(what & Happening.OPENED)
                self._opened = max(0, self._opened + (1 if opened else -1))
                self._all_seen = self._all_seen and not opened
                self._look_again = True
        return written


def client_usage(node: Path) -> int | None:
    """How many programs stream from the device, as the driver tells; None where it does not.

    Asked anew each time, through an opening of its own, since a single event that was missed would hold for ever. Takes 30 us.
    """
    import fcntl  # does not exist on Windows, where nothing here is called

    event = bytearray(_EVENT_BYTES)
    try:
        descriptor = os.open(node, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
        try:
            fcntl.ioctl(descriptor, _VIDIOC_SUBSCRIBE_EVENT, struct.pack("8I", _CLIENT_USAGE, 0, _SEND_INITIAL, 0, 0, 0, 0, 0))
            fcntl.ioctl(descriptor, _VIDIOC_DQEVENT, event)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    return struct.unpack_from("I", event, _PAYLOAD_OFFSET_BYTES)[0]


def _instance(node: Path) -> tuple[int, int, int] | None:
    """What tells this node from one of the same name that was made later; None if there is none."""
    try:
        state = node.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_rdev
