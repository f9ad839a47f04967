"""Frames that go past the network."""

import threading
from dataclasses import replace

from sharpen_core.crispness import Crispener
from sharpen_core.frame import Frame, Size


class Bypass:
    """Crispens frames in which the network has no part: a few milliseconds, and the picture hardly jumps when the network comes or goes.

    Any thread may ask.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size: Size | None = None
        self._crispener = Crispener(Size(0, 0))

    def treated(self, frame: Frame, crispness: float) -> Frame:
        """Returns the frame crispened; at a crispness of 0 the frame itself."""
        if crispness <= 0:
            return frame
        with self._lock:
            if frame.size != self._size:
                self._size, self._crispener = frame.size, Crispener(frame.size)
            self._crispener.crispness = crispness
            self._crispener.look(frame.pixels)
            pixels = self._crispener.apply(frame.pixels)
        return frame if pixels is frame.pixels else replace(frame, pixels=pixels)
