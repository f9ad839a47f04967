"""Questions to device nodes. None of them takes a picture away from a running call."""

import errno
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import CameraDevice, formats_of
from sharpen_core.capture.opencv import OpenCVCamera

CAN_CAPTURE = 0x1
CAN_OUTPUT = 0x2

_VIDIOC_QUERYCAP = 0x80685600
_VIDIOC_REQBUFS = 0xC0145608
_NO_BUFFERS = struct.pack("5I", 0, 1, 1, 0, 0)  # none, of type "video capture", mapped
_CAPABILITY_BYTES = 104
_DEVICE_CAPS_OFFSET_BYTES = 88


@dataclass(frozen=True, slots=True)
class Rate:
    """What a camera really delivers: `fps` as measured, `format` as it says."""

    format: CameraFormat
    fps: float


class Nodes(Protocol):
    """What can be asked of device nodes."""

    def may_open(self, node: Path) -> bool:
        """Whether this user may read and write it."""
        ...

    def capabilities(self, node: Path) -> int | None:
        """V4L2's capabilities of the device; None if it does not tell."""
        ...

    def is_streaming(self, node: Path) -> bool:
        """Whether a program has the buffers, which only one can have."""
        ...

    def formats(self, camera: CameraDevice) -> list[CameraFormat]:
        """What a camera offers, best first."""
        ...

    def measure(self, camera: CameraDevice, seconds: float) -> Rate:
        """Takes pictures for some seconds and counts them. Only for a camera that nobody uses.

        Raises:
            CameraError: it cannot be used.
        """
        ...


class DeviceNodes:
    """Asks the real devices."""

    def may_open(self, node: Path) -> bool:
        """See `Nodes`."""
        return os.access(node, os.R_OK | os.W_OK)

    def capabilities(self, node: Path) -> int | None:
        """See `Nodes`."""
        answer = bytearray(_CAPABILITY_BYTES)
        try:
            _control(node, _VIDIOC_QUERYCAP, answer)
        except OSError:
            return None
        return struct.unpack_from("I", answer, _DEVICE_CAPS_OFFSET_BYTES)[0]

    def is_streaming(self, node: Path) -> bool:
        """See `Nodes`. Asking for no buffers gives none and takes none away, and is refused while another program has them."""
        try:
            _control(node, _VIDIOC_REQBUFS, bytearray(_NO_BUFFERS))
        except OSError as error:
            return error.errno == errno.EBUSY
        return False

    def formats(self, camera: CameraDevice) -> list[CameraFormat]:
        """See `Nodes`."""
        return formats_of(camera)

    def measure(self, camera: CameraDevice, seconds: float) -> Rate:
        """See `Nodes`."""
        source = OpenCVCamera(camera)
        try:
            offered = source.open()
            began_s = now_s = time.monotonic()
            frames = 0
            while now_s - began_s < seconds:
                source.read()
                frames, now_s = frames + 1, time.monotonic()
            return Rate(offered, frames / (now_s - began_s))
        finally:
            source.close()


def _control(node: Path, request: int, data: bytearray) -> None:
    import fcntl  # does not exist on Windows, where there are no nodes

    descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, request, data)
    finally:
        os.close(descriptor)
