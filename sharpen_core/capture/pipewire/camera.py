"""A camera that PipeWire has and that has no device node for us."""

import time

from sharpen_core.capture import losses
from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import CameraDevice, describe_cameras, list_cameras
from sharpen_core.capture.pipewire.listing import PREFIX, find_node
from sharpen_core.capture.pipewire.pixels import name_of, to_rgb
from sharpen_core.capture.pipewire.stream import VideoSink
from sharpen_core.capture.testchart import USUAL_SIZE
from sharpen_core.errors import (
    CameraDisconnected,
    CameraError,
    CameraFormatUnsupported,
    CameraNotFound,
    OutputDriverMissing,
)
from sharpen_core.frame import Pixels, Size
from sharpen_core.pipewire.connection import Connection

_FIRST_FRAME_S = 5.0  # as long as any camera may take to start
_GRACE_S = 2.0
_LOOK_S = 0.1
_KNOWN_S = 2.0


class PipeWireCamera:
    """Delivers what a camera of PipeWire's graph sees.

    It is known by its node's name, which stays the same when it is plugged in again. The size is that of the first frame.

    Args:
        device: from `list_cameras`, with a path that begins with "pipewire:".
        size: that the camera must deliver; None asks for 1280x720 and takes what comes.
        fps: to ask for; the camera may deliver less.
    """

    def __init__(self, device: CameraDevice, size: Size | None = None, fps: float = 30.0) -> None:
        self._device, self._wanted, self._fps = device, size, fps
        self._sink: VideoSink | None = None
        self._size = USUAL_SIZE

    @property
    def name(self) -> str:
        """What the system calls the camera."""
        return self._device.name

    def open(self) -> CameraFormat:
        """Takes hold of the camera and waits for its first frame, which is thrown away.

        Raises:
            CameraNotFound: it is not in the graph (any more), or PipeWire does not run.
            CameraFormatUnsupported: it does not deliver the size that is wanted, or nothing that we can read.
            CameraError: it delivers nothing.
        """
        self.close()
        self._sink = sink = self._connect()
        try:
            self._size = Size.of(self._read(sink, _FIRST_FRAME_S))
        except CameraDisconnected as error:
            agreed = sink.agreed is not None
            self.close()
            if agreed:
                raise CameraError(error.message, error.hint) from error
            wanted = f"{self._wanted}" if self._wanted else "anything that can be read"
            message = f"the camera '{self.name}' does not deliver {wanted} through PipeWire"
            raise CameraFormatUnsupported(message, "Choose another size, or none") from error
        assert sink.agreed is not None  # a picture came
        return CameraFormat(self._size, sink.agreed.fps or self._fps, name_of(sink.agreed))

    def read(self) -> Pixels:
        """Waits for the next frame: (H, W, 3) uint8 RGB, C-contiguous, owned by the caller.

        Raises:
            CameraUnplugged: it has left the graph, or PipeWire has ended.
            CameraDisconnected: no frame came for 2 s, or frames changed their size.
        """
        if self._sink is None:
            raise losses.not_open(self.name)
        return losses.of_same_size(self.name, self._read(self._sink, _GRACE_S), self._size)

    def close(self) -> None:
        """Lets go of the camera."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def _connect(self) -> VideoSink:
        gone = CameraNotFound(f"the camera '{self.name}' is not there any more", describe_cameras(list_cameras()))
        try:
            connection = Connection()
        except OutputDriverMissing as error:
            raise gone from error
        known = connection.wait_known(_KNOWN_S)
        target = find_node(connection, self._device.path) if known else None
        if target is None:
            connection.close()
            raise gone
        size = self._wanted or USUAL_SIZE
        return VideoSink(connection, target, size, max(1, round(self._fps)), exactly=self._wanted is not None)

    def _read(self, sink: VideoSink, patience_s: float) -> Pixels:
        """Reads a frame; damaged ones are passed over."""
        give_up_s = time.monotonic() + patience_s
        while time.monotonic() < give_up_s:
            taken = sink.take(_LOOK_S)
            if taken and (pixels := to_rgb(*taken)) is not None:
                return pixels
            if sink.is_lost:
                raise losses.unplugged(self.name)
        raise losses.silent(self.name)


def is_pipewire(device: CameraDevice) -> bool:
    """Whether a camera is read through PipeWire."""
    return device.path.startswith(PREFIX)
