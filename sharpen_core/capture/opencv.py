"""A real camera, through OpenCV."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from sharpen_core.capture import losses
from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import CameraDevice, describe_cameras, formats_of, holders_of, list_cameras
from sharpen_core.capture.identity import Identity
from sharpen_core.capture.pace import Clock, Sleep
from sharpen_core.capture.testchart import USUAL_SIZE
from sharpen_core.errors import CameraBusy, CameraDisconnected, CameraError, CameraFormatUnsupported, CameraNotFound
from sharpen_core.frame import Pixels, Size

_FIRST_FRAME_S = 5.0  # some cameras need seconds to start; what fails for longer is broken
_GRACE_S = 2.0
_RETRY_S = 0.02
_NAP_S = 1.0  # clocks that drift apart by less were not stopped by a sleeping computer


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    # OpenCV's own names.
    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, Any]: ...  # noqa: D102
    def set(self, propId: int, value: float, /) -> bool: ...  # noqa: D102, N803
    def get(self, propId: int, /) -> float: ...  # noqa: D102, N803
    def release(self) -> None: ...  # noqa: D102


def slept_s() -> float:
    """How long this computer has slept since it was started, in seconds; 0 on systems that do not tell."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class OpenCVCamera:
    """Delivers what a camera sees.

    Opened again after it was lost, it is looked for by its path and name: its number may be another one.

    MJPG is asked for first, since uncompressed video is too much for USB 2 at 1280x720 (5 frames a second). The size
    is that of the first frame that really comes, whatever the driver claims.
    """

    def __init__(
        self,
        device: CameraDevice,
        size: Size | None = None,
        fps: float = 30.0,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        slept: Clock = slept_s,
        capture: Callable[[int, int], Capture] = cv2.VideoCapture,
        cameras: Callable[[], list[CameraDevice]] | None = None,
    ) -> None:
        """Only remembers; `open` takes hold of the camera.

        Args:
            device: from `list_cameras`.
            size: that the camera must deliver; None asks for 1280x720 and takes what comes.
            fps: to ask for; the camera may deliver less.
            clock: monotonic seconds; for tests.
            sleep: waits for seconds; for tests.
            slept: how long the computer has slept, in seconds; for tests.
            capture: makes a `cv2.VideoCapture` from index and backend; for tests.
            cameras: lists the cameras, as `list_cameras`; for tests.
        """
        self._device = device
        self._wanted = size
        self._fps = fps
        self._clock = clock
        self._sleep = sleep
        self._slept = slept
        self._slept_s = 0.0  # when the last frame came
        self._identity: Identity | None = None  # once it has worked
        self._make_capture = capture
        self._cameras = cameras
        self._capture: Capture | None = None
        self._size = USUAL_SIZE

    @property
    def name(self) -> str:
        """What the system calls the camera."""
        return self._device.name

    def open(self) -> CameraFormat:
        """Takes hold of the camera and waits for its first frame, which is thrown away.

        Raises:
            CameraNotFound: it is not plugged in (any more).
            CameraBusy: another program holds it.
            CameraFormatUnsupported: it delivers another size than the one that is wanted.
            CameraError: this user may not open it.
        """
        self.close()
        _quieten()
        if self._identity:
            self._device = self._identity.find()
        try:
            opened = self._open()
        except BaseException:
            self.close()
            raise
        self._identity = self._identity or Identity(self._device, self._cameras or list_cameras)
        self._identity.note(self._device)
        return opened

    def read(self) -> Pixels:
        """Waits for the next frame: (H, W, 3) uint8 RGB, C-contiguous, owned by the caller.

        Raises:
            CameraUnplugged: it has gone; noticed at once on Linux, elsewhere after those 2 s, and only when it is opened again.
            CameraDisconnected: no frame came for 2 s, or none when the computer woke from sleep, or frames changed their size.
        """
        if self._capture is None:
            raise losses.not_open(self.name)
        return losses.of_same_size(self.name, self._read(self._capture, _GRACE_S), self._size)

    def close(self) -> None:
        """Lets go of the camera."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def _open(self) -> CameraFormat:
        self._slept_s = self._slept()
        self._capture = capture = self._make_capture(self._device.index, self._device.backend)
        if not capture.isOpened():
            self.close()  # our own hold must not count when we look who holds it
            raise _open_error(self._device)
        self._configure(capture)
        try:
            self._size = Size.of(self._read(capture, _FIRST_FRAME_S))
        except CameraDisconnected as error:
            # Linux lets many programs open a camera; only the start of its stream fails.
            self.close()
            raise _open_error(self._device, stalled=True) from error
        if self._wanted and self._wanted != self._size:
            raise _size_error(self._device, self._wanted, self._size)
        fps = capture.get(cv2.CAP_PROP_FPS)
        return CameraFormat(self._size, fps if 0 < fps < 1000 else self._fps, _fourcc_name(capture))

    def _configure(self, capture: Capture) -> None:
        """Asks for format, size, rate and one buffer, in this order: a size is only offered within a format."""
        size = self._wanted or USUAL_SIZE
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*_choose_fourcc(self._device, size)))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size.height)
        capture.set(cv2.CAP_PROP_FPS, self._fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def _read(self, capture: Capture, patience_s: float) -> Pixels:
        """Reads a frame; single failures, such as a damaged JPEG, are passed over."""
        give_up_s = self._clock() + patience_s
        while True:
            try:
                delivered, picture = capture.read()
            except cv2.error:
                delivered, picture = False, None
            if delivered and picture is not None and picture.size:
                self._slept_s = self._slept()
                return _to_rgb(picture)
            if _is_gone(self._device):
                raise losses.unplugged(self.name)
            if self._slept() - self._slept_s > _NAP_S:
                raise CameraDisconnected(f"the camera '{self.name}' did not wake up with the computer", losses.FIX)
            if self._clock() >= give_up_s:
                raise losses.silent(self.name)
            self._sleep(_RETRY_S)


def _quieten() -> None:
    """Keeps OpenCV from writing to standard error, and a stalled driver from blocking a read for 10 s."""
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _to_rgb(picture: Any) -> Pixels:
    """Converts what OpenCV delivers, BGR or grey, to a new (H, W, 3) uint8 RGB array."""
    grey = picture.ndim == 2 or picture.shape[2] == 1
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _choose_fourcc(device: CameraDevice, size: Size) -> str:
    """MJPG, unless the camera says that it has this size, in colour, only in another format."""
    offered = [offer.pixel_format for offer in formats_of(device) if offer.size == size and offer.pixel_format != "GREY"]
    return "MJPG" if "MJPG" in offered or not offered else offered[0]


def _fourcc_name(capture: Capture) -> str:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    name = (code & 0xFFFFFFFF).to_bytes(4, "little").decode("ascii", "replace").strip("\0 ")
    return name if name.isalnum() else "unknown"


def _is_gone(device: CameraDevice) -> bool:
    return device.path.startswith("/dev/") and not Path(device.path).exists()


def _size_error(device: CameraDevice, wanted: Size, got: Size) -> CameraFormatUnsupported:
    sizes = list(dict.fromkeys(str(offer.size) for offer in formats_of(device)))
    hint = f"It offers {', '.join(sizes)}" if sizes else f"Use `--size {got}`"
    return CameraFormatUnsupported(f"the camera '{device.name}' delivers {got}, not {wanted}", hint)


def _open_error(device: CameraDevice, stalled: bool = False) -> CameraError:
    """Finds out why a camera could not be opened, or (`stalled`) delivered nothing after it was."""
    if device.path.startswith("/dev/"):
        return _node_error(device, stalled)
    cameras = list_cameras()
    if device.path not in [camera.path for camera in cameras]:
        return CameraNotFound(f"the camera '{device.name}' is not there any more", describe_cameras(cameras))
    hint = "Close other programs that use the camera, and allow camera access in the system's privacy settings"
    return CameraBusy(f"the camera '{device.name}' cannot be opened", hint)


def _node_error(device: CameraDevice, stalled: bool) -> CameraError:
    try:
        os.close(os.open(device.path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            hint = "Join the 'video' group: `sudo usermod -aG video $USER`, then log out and in"
            return CameraError(f"this user may not open the camera '{device.name}' ({device.path})", hint)
        if error.errno != errno.EBUSY:
            return CameraNotFound(f"the camera '{device.name}' is not there any more ({device.path})", describe_cameras(list_cameras()))
        return _busy_error(device, holders_of(device))
    holders = holders_of(device)
    if holders or _is_streaming(device):
        return _busy_error(device, holders)
    what = "delivers no frames" if stalled else "cannot be used"
    return CameraError(f"the camera '{device.name}' {what}", "Plug it out and in again, or try another USB port")


def _busy_error(device: CameraDevice, holders: list[str]) -> CameraBusy:
    who = f" by {', '.join(holders)}" if holders else " by another program"
    return CameraBusy(f"the camera '{device.name}' is used{who}", "Close that program, or choose another camera")


def _is_streaming(device: CameraDevice) -> bool:
    """Whether another program has the camera's buffers, which only one can have: the kernel answers EBUSY."""
    from linuxpy.video.device import BufferType, Device, Memory, V4L2Error

    try:
        with Device(device.path) as node:
            node.request_buffers(BufferType.VIDEO_CAPTURE, Memory.MMAP, 1)
            node.free_buffers(BufferType.VIDEO_CAPTURE, Memory.MMAP)
    except OSError as error:
        return error.errno == errno.EBUSY
    except V4L2Error:
        return False
    return False
