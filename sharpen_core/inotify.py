"""What happens to a file, as Linux tells it, without looking again and again.

Fifty lines around three calls of the C library rather than a dependency; see `man 7 inotify`.
"""

import contextlib
import ctypes
import os
import struct
from enum import IntFlag
from pathlib import Path

_HEADER = struct.Struct("iIII")  # which watch, what, cookie, length of the name that follows
_READ_BYTES = 4096


class Happening(IntFlag):
    """What may happen to a file, as the kernel numbers it."""

    WRITTEN = 0x02
    CLOSED_BY_WRITER = 0x08
    CLOSED_BY_READER = 0x10
    OPENED = 0x20
    CLOSED = CLOSED_BY_WRITER | CLOSED_BY_READER


class FileWatch:
    """Collects what any program does to one file or device node, until it is closed.

    Of equal happenings that follow each other only one is kept until it is read.

    Args:
        path: what to watch; this user must be allowed to read it.
        wanted: what to be told of.

    Raises:
        OSError: it cannot be watched, or this is not Linux.
    """

    def __init__(self, path: Path, wanted: Happening) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        if not hasattr(library, "inotify_init1"):
            raise OSError("this system has no inotify")
        self._descriptor = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 failed")
        if library.inotify_add_watch(self._descriptor, os.fsencode(path), int(wanted)) < 0:
            number = ctypes.get_errno()
            self.close()
            raise OSError(number, f"{path} cannot be watched: {os.strerror(number)}")

    def read(self) -> list[Happening]:
        """What has happened since the last call, in order; empty after `close`. Never waits."""
        found: list[Happening] = []
        with contextlib.suppress(OSError):  # BlockingIOError: nothing more
            while self._descriptor >= 0:
                data = os.read(self._descriptor, _READ_BYTES)
                offset = 0
                while offset < len(data):
                    _, what, _, name_bytes = _HEADER.unpack_from(data, offset)
                    found.append(Happening(what & 0xFFF))
                    offset += _HEADER.size + name_bytes
        return found

    def close(self) -> None:
        """Stops watching; may be called again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
