"""How a camera that worked is lost, in words that are the same whatever it is read through."""

from sharpen_core.errors import CameraDisconnected, CameraUnplugged
from sharpen_core.frame import Pixels, Size

FIX = "Plug it out and in again"


def not_open(name: str) -> CameraDisconnected:
    """The error of a camera that is read before it is opened."""
    return CameraDisconnected(f"the camera '{name}' is not open")


def unplugged(name: str) -> CameraUnplugged:
    """The error of a camera that has gone."""
    return CameraUnplugged(f"the camera '{name}' was unplugged", "Plug it in again")


def silent(name: str) -> CameraDisconnected:
    """The error of a camera that is there and delivers nothing."""
    return CameraDisconnected(f"the camera '{name}' delivers no frames", FIX)


def of_same_size(name: str, pixels: Pixels, size: Size) -> Pixels:
    """Returns a frame, (H, W, 3), if it has the size that it was opened with.

    Raises:
        CameraDisconnected: it has another one.
    """
    if Size.of(pixels) != size:
        message = f"the camera '{name}' changed from {size} to {Size.of(pixels)}"
        raise CameraDisconnected(message, "Another program changed its settings: close that one, then start again")
    return pixels
