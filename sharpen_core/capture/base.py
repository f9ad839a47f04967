"""What every source of frames offers."""

from dataclasses import dataclass
from typing import Protocol

from sharpen_core.frame import Pixels, Size


class EndOfClip(Exception):
    """A clip that does not loop has shown its last frame. Not an error."""


@dataclass(frozen=True, slots=True)
class CameraFormat:
    """What a camera really delivers after it was opened.

    Attributes:
        size: of every frame until the camera is closed.
        fps: nominal rate; the real one is measured from the frames.
        pixel_format: how the device encodes frames, such as "MJPG", "YUYV" or a codec's name.
    """

    size: Size
    fps: float
    pixel_format: str


class Camera(Protocol):
    """A source of frames.

    One thread calls `open`, then `read` as often as it likes, then `close`, which may follow a failure and may be
    called twice. After `close` a camera can be opened again.
    """

    @property
    def name(self) -> str:
        """What a person calls this camera."""
        ...

    def open(self) -> CameraFormat:
        """Takes hold of the device.

        Raises:
            CameraNotFound, CameraBusy, CameraFormatUnsupported, MediaError: it cannot be used.
        """
        ...

    def read(self) -> Pixels:
        """Waits for the next frame and returns it: (H, W, 3) uint8 RGB, C-contiguous, owned by the caller.

        Raises:
            CameraDisconnected: the device stopped delivering; CameraUnplugged where that is known to be the reason.
            EndOfClip: a clip is over.
        """
        ...

    def close(self) -> None:
        """Lets go of the device."""
        ...
