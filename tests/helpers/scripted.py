"""Cameras, networks and outputs that do what a test tells them."""

import threading
from collections.abc import Callable

import numpy as np

from sharpen_core.capture.base import CameraFormat, EndOfClip
from sharpen_core.engines.base import Precision
from sharpen_core.frame import Frame, Pixels, Size

SIZE = Size(48, 64)


class ScriptedCamera:
    """Delivers grey frames, whose value is their number, as fast as they are read; `before_read` may wait or raise."""

    name = "scripted"

    def __init__(self, frames: int | None = None, before_read: Callable[[int], None] = lambda number: None, size: Size = SIZE) -> None:
        self._frames, self._before_read, self._size = frames, before_read, size
        self._number = 0
        self.opened = self.closed = 0
        self.threads: set[str] = set()

    def open(self) -> CameraFormat:
        self.opened += 1
        self.threads.add(threading.current_thread().name)
        return CameraFormat(self._size, 30.0, "GREY")

    def read(self) -> Pixels:
        if self._number == self._frames:
            raise EndOfClip
        self._before_read(self._number)
        self._number += 1
        return np.full((*self._size, 3), self._number % 256, np.uint8)

    def close(self) -> None:
        self.closed += 1
        self.threads.add(threading.current_thread().name)


class ScriptedRestorer:
    """Stands where a Restorer stands; adds 100 to every value. `before` may wait or raise."""

    precision: Precision = "f32"

    def __init__(self, size: Size, before: Callable[[], None] = lambda: None) -> None:
        self.size = size
        self.area = 1.0
        self.crispness = 0.0
        self.computed_share = 0.0
        self.loading = self.spared = False
        self._before = before
        self.remembered = 0
        """How many pictures it has seen since it last forgot them."""

    def asked_for(self, area: float) -> float:
        return area

    def forget(self) -> None:
        self.remembered = 0

    def sharpen(self, pixels: Pixels, strength: float = 1.0) -> Pixels:
        self._before()
        self.remembered += 1
        return pixels + np.uint8(100)


class ScriptedOutput:
    """Keeps what it was sent; `before_send` may wait or raise."""

    name = "scripted"

    def __init__(self, before_send: Callable[[Frame], None] = lambda frame: None, open_error: Exception | None = None) -> None:
        self._before_send, self.open_error = before_send, open_error
        self.frames: list[Frame] = []
        self.opened: list[Size] = []
        self.watched: int | None = None
        self.closed = 0

    def open(self, size: Size, fps: float) -> None:
        if self.open_error:
            raise self.open_error
        self.opened.append(size)

    def send(self, frame: Frame) -> None:
        self._before_send(frame)
        self.frames.append(frame)

    def watchers(self) -> int | None:
        return self.watched

    def close(self) -> None:
        self.closed += 1
