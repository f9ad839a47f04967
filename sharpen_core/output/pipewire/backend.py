"""A driver for pyvirtualcam that publishes through PipeWire, and comes back by itself when the daemon is started again."""

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpen_core.errors import OutputDriverMissing, OutputError
from sharpen_core.frame import Size
from sharpen_core.output.pipewire.source import VideoFormat, VideoSource

log = logging.getLogger(__name__)

BACKEND = "pipewire"
_RETRY_S = 0.25


class PipeWireBackend:
    """Publishes frames in I420, NV12 or YUYV, of any even size and any rate.

    Follows the contract of pyvirtualcam's `Backend`: keyword arguments only, `close` is called once, nothing follows it. All
    calls come from one thread. While the daemon is away frames are dropped, and every quarter of a second `send` tries again.

    Attributes:
        reconnects: how many times it came back.
    """

    def __init__(
        self,
        *,
        width: int,
        height: int,
        fps: float,
        fourcc: int,
        device: str | None,
        clock: Callable[[], float] = time.monotonic,
        **_: Any,
    ) -> None:
        """Publishes a camera.

        Args:
            width: in pixels.
            height: in pixels.
            fps: that readers are told.
            fourcc: of the frames, as libyuv numbers them.
            device: the name that people see.
            clock: monotonic seconds; for tests.

        Raises:
            OutputDriverMissing: PipeWire is not installed or does not run.
            OutputFormatUnsupported: the size or format is not possible.
        """
        self._fourcc = fourcc
        self._name = device or "Sharpened Camera"
        self._clock = clock
        self._offer = VideoFormat(fourcc.to_bytes(4, "little").decode("ascii", "replace"), Size(height, width), fps)
        self._source: VideoSource | None = VideoSource(self._name, self._offer)
        self._next_try_s = 0.0
        self.reconnects = 0

    def send(self, frame: NDArray[np.uint8]) -> None:
        """Gives a frame to all readers; without any, or without a daemon, it is dropped.

        Args:
            frame: flat, C-contiguous uint8.
        """
        if self._source is not None and self._source.is_lost():
            log.warning("PipeWire is gone; the camera %s comes back with it", self._name)
            self._let_go()
        if self._source is None:
            self._come_back()
        if self._source is not None:
            self._source.publish(frame)

    def _come_back(self) -> None:
        if self._clock() < self._next_try_s:
            return
        self._next_try_s = self._clock() + _RETRY_S
        try:
            self._source = VideoSource(self._name, self._offer)
        except (OutputDriverMissing, OutputError) as error:
            log.debug("not yet: %s", error)
            return
        self.reconnects += 1
        log.warning("PipeWire is back, and the camera %s with it", self._name)

    @property
    def is_there(self) -> bool:
        """Whether the daemon has the camera; False between its end and our return."""
        return self._source is not None and not self._source.is_lost()

    def watchers(self) -> int:
        """How many programs read now."""
        return self._source.watchers() if self._source is not None else 0

    def close(self) -> None:
        """Leaves PipeWire's graph, and ends every thread that libpipewire started."""
        self._let_go()

    def _let_go(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def device(self) -> str:
        """The name that people see."""
        return self._name

    def native_fourcc(self) -> int:
        """The format of the frames, which readers get as they are."""
        return self._fourcc


def register() -> str:
    """Makes the driver known to pyvirtualcam; returns the name to give to its `Camera`."""
    import pyvirtualcam  # loads a native library that recording and enhancing do not need

    pyvirtualcam.register_backend(BACKEND, PipeWireBackend)
    return BACKEND
