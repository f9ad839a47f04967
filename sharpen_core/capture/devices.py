"""Which cameras this machine has, what they are called and what they can do."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.pipewire.listing import PREFIX, is_real, list_nodes
from sharpen_core.errors import CameraNotFound
from sharpen_core.frame import Size
from sharpen_core.holders import holders

OWN_NAME = "Sharpened Camera"

# DirectShow, since Media Foundation takes 4 to 20 s to open many cameras.
_BACKENDS = {"Linux": cv2.CAP_V4L2, "Windows": cv2.CAP_DSHOW, "Darwin": cv2.CAP_AVFOUNDATION}
# What OpenCV decodes, best first. Read as anything else, a camera delivers errors or wrong colours.
_PIXEL_FORMATS = ("MJPG", "JPEG", "YUYV", "UYVY", "NV12", "NV21", "YU12", "YV12", "BGR3", "RGB3", "XR24", "AR24", "GREY")
_PIPEWIRE_INDEX = 1000  # above every number of OpenCV's
_LASTING_LINKS = ("by-id/*", "by-path/*")
_VIRTUAL_NAMES = ("virtual", "unity video capture", "dummy video device", "droidcam", "obs-camera")


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera that is plugged in.

    Attributes:
        name: what the system calls it.
        index: OpenCV's number for it; means this camera only together with `backend`. PipeWire's number, and 1000, for one of its cameras.
        backend: OpenCV's number for the system's camera interface, such as `cv2.CAP_V4L2`.
        path: the device node, "pipewire:" and the name of a node there, or the system's identifier. May be empty.
        vid, pid: USB vendor and product, None where the system does not tell.
    """

    name: str
    index: int
    backend: int
    path: str
    vid: int | None = None
    pid: int | None = None

    @property
    def stable_path(self) -> str:
        """The path by which to remember the camera: on Linux a link of udev's that names it or its socket, where there is one.

        A node's number means another camera when cameras come and go.
        """
        if self.path.startswith("/dev/"):
            node = os.path.realpath(self.path)
            for link in (link for links in _LASTING_LINKS for link in sorted(Path("/dev/v4l").glob(links))):
                if os.path.realpath(link) == node:
                    return str(link)
        return self.path

    @property
    def is_virtual(self) -> bool:
        """Whether a program, not a lens, feeds it. Such a camera is never taken unasked: it might be our own output."""
        if self.path.startswith(PREFIX):
            return not is_real(self.path)
        node = Path("/sys/class/video4linux") / Path(self.path).name
        if self.path.startswith("/dev/") and "/devices/virtual/" in os.path.realpath(node):
            return True
        return any(part in self.name.lower() for part in _VIRTUAL_NAMES)


def list_cameras() -> list[CameraDevice]:
    """Lists the cameras, real ones first, each once. Our own virtual camera is left out. Opens none of them.

    Those that exist in PipeWire only are among them, on Linux.
    """
    # Imported here because it is slow and only needed when somebody asks.
    from cv2_enumerate_cameras import enumerate_cameras

    backend = _BACKENDS.get(platform.system(), cv2.CAP_ANY)
    found: dict[str, CameraDevice] = {}
    for info in enumerate_cameras(backend):
        name, path = (info.name or f"Camera {info.index}").strip(), info.path or ""
        if OWN_NAME.lower() in name.lower():
            continue
        # On Linux, a node's symbolic links lead to one camera.
        key = os.path.realpath(path) if path.startswith("/dev/") else path or str(info.index)
        found.setdefault(key, CameraDevice(name, info.index, backend, path, info.vid, info.pid))
    for node in list_nodes() if platform.system() == "Linux" else ():
        if OWN_NAME.lower() not in node.name.lower():
            found[node.path] = CameraDevice(node.name, _PIPEWIRE_INDEX + node.number, cv2.CAP_ANY, node.path)
    return sorted(found.values(), key=lambda camera: (camera.is_virtual, camera.index))


def find_camera(text: str, path: str | None = None) -> CameraDevice:
    """Finds a camera by its path, name, number or a part of its name, tried in this order; case does not matter.

    Args:
        text: what the user said.
        path: of several cameras with this name, the one with this lasting path is meant.

    Raises:
        CameraNotFound: no camera fits; the hint lists those that exist.
    """
    cameras = list_cameras()
    wanted = text.strip().lower()
    named = [camera for camera in cameras if wanted in (camera.path.lower(), camera.name.lower()) or _same_node(text, camera)]
    for camera in [camera for camera in named if path and camera.stable_path == path] + named:
        return camera
    by_number = [camera for camera in cameras if wanted.isdigit() and camera.index == int(wanted)]
    by_part = [camera for camera in cameras if wanted and not wanted.isdigit() and wanted in camera.name.lower()]
    for camera in by_number + by_part:
        return camera
    raise CameraNotFound(f"there is no camera '{text}'", describe_cameras(cameras))


def describe_cameras(cameras: list[CameraDevice]) -> str:
    """One line that tells which cameras can be chosen; for hints."""
    if not cameras:
        return "No camera was found: plug one in, or use `--camera test`"
    return "Cameras here: " + ", ".join(f"{camera.index} '{camera.name}'" for camera in cameras) + "; or use `--camera test`"


def formats_of(device: CameraDevice) -> list[CameraFormat]:
    """Lists the sizes and pixel formats that a camera offers and that can be read, each with its highest rate.

    Largest first, then fastest, then the pixel format that is best to ask for. Empty where the system does not tell: everywhere
    but on Linux, and when the node cannot be opened.
    """
    if not device.path.startswith("/dev/"):
        return []
    from linuxpy.video.device import Device, V4L2Error

    best: dict[tuple[Size, str], float] = {}
    try:
        with Device(device.path) as node:
            for offer in _offers(node):
                fourcc = int(offer.pixel_format).to_bytes(4, "little").decode("ascii", "replace").strip()
                if fourcc in _PIXEL_FORMATS:
                    key = (Size(offer.height, offer.width), fourcc)
                    best[key] = max(best.get(key, 0.0), float(offer.max_fps))
    except (OSError, V4L2Error):
        return []
    formats = [CameraFormat(size, fps, pixel_format) for (size, pixel_format), fps in best.items()]
    return sorted(formats, key=lambda one: (-one.size.height * one.size.width, -one.fps, _PIXEL_FORMATS.index(one.pixel_format)))


def _offers(node: Any) -> Iterator[Any]:
    """Yields linuxpy's `FrameType` for each format, size and rate at which an open device captures.

    Not `node.info.frame_types`: linuxpy 0.25 also walks through what the device overlays, and ends in an UnboundLocalError.
    """
    from linuxpy.video.device import BufferType, FrameSizeType

    for kind in node.info.buffer_formats(BufferType.VIDEO_CAPTURE):
        for size in node.info.format_frame_sizes(kind.pixel_format):
            if size.type == FrameSizeType.DISCRETE:
                yield from node.info.fps_intervals(kind.pixel_format, size.info.width, size.info.height)


def holders_of(device: CameraDevice, proc: Path = Path("/proc")) -> list[str]:
    """Names the other programs that have the camera open, as far as this user may see; Linux only, elsewhere empty.

    Args:
        device: a camera with a device node.
        proc: where the kernel lists processes.
    """
    return holders(Path(device.path), proc) if device.path.startswith("/dev/") else []


def _same_node(text: str, camera: CameraDevice) -> bool:
    """Whether both lead to one node, such as /dev/v4l/by-id/... and /dev/video0."""
    return text.startswith("/dev/") and os.path.realpath(text) == os.path.realpath(camera.path)
