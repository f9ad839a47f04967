"""Turns what the user wrote after `--camera` into a source of frames."""

from pathlib import Path

from sharpen_core.capture.base import Camera
from sharpen_core.capture.clip import ClipCamera
from sharpen_core.capture.devices import CameraDevice, find_camera, list_cameras
from sharpen_core.capture.opencv import OpenCVCamera
from sharpen_core.capture.pipewire.camera import PipeWireCamera, is_pipewire
from sharpen_core.capture.testchart import USUAL_SIZE, TestChartCamera
from sharpen_core.frame import Size

TEST_CHART = "test"

_USUAL_FPS = 30.0
# Pictures too: they are no clips, but the clip reader's error says what to do with them.
_MEDIA_SUFFIXES = (
    ".264", ".265", ".3gp", ".asf", ".avi", ".flv", ".gif", ".h264", ".h265", ".hevc", ".m2ts", ".m4v", ".mjpeg", ".mjpg",
    ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv", ".y4m",
    ".bmp", ".jpeg", ".jpg", ".png", ".webp",
)  # fmt: skip


def select_camera(
    text: str | None,
    size: Size | None = None,
    fps: float | None = None,
    *,
    path: str | None = None,
    paced: bool = True,
    loop: bool = True,
) -> Camera:
    """Chooses a source of frames; nothing is opened yet.

    Args:
        text: "test" for the test chart; a clip's path; a camera's name, a part of it, its number or path; or None for
            the first real camera, or the test chart on a machine without one.
        size: of the frames; None for the source's own (the test chart's is 1280x720).
        fps: to ask a camera for, 30 unless given; clips keep their own rate.
        path: the lasting path of the camera that is meant, should several have this name.
        paced: whether clips and the test chart deliver in real time; cameras always do.
        loop: whether a clip starts again at its end.

    Raises:
        CameraNotFound: `text` is no file and no camera has that name.
    """
    if text is not None and text != TEST_CHART:
        if _is_clip(text):
            return ClipCamera(Path(text), size, loop, paced)
        return _device_camera(find_camera(text, path), size, fps or _USUAL_FPS)
    device = None if text == TEST_CHART else _first_real_camera()
    if device is None:
        return TestChartCamera(size or USUAL_SIZE, fps or _USUAL_FPS, paced)
    return _device_camera(device, size, fps or _USUAL_FPS)


def _device_camera(device: CameraDevice, size: Size | None, fps: float) -> Camera:
    return (PipeWireCamera if is_pipewire(device) else OpenCVCamera)(device, size, fps)


def is_device(camera: Camera) -> bool:
    """Whether it can be unplugged, and come back: unlike a clip or the test chart."""
    return not isinstance(camera, ClipCamera | TestChartCamera)


def _first_real_camera() -> CameraDevice | None:
    return next((camera for camera in list_cameras() if not camera.is_virtual), None)


def _is_clip(text: str) -> bool:
    """Whether the text means a file, which need not exist: a wrong file name should be answered with "no such file"."""
    path = Path(text)
    if path.is_file():
        return True
    if text.startswith(("/dev/", "\\\\?\\")):
        return False
    if path.suffix.lower() not in _MEDIA_SUFFIXES and "/" not in text and "\\" not in text:
        return False
    # Some cameras have a slash in their names.
    return all(text.lower() not in (camera.name.lower(), camera.path.lower()) for camera in list_cameras())
