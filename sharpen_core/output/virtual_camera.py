"""The camera that other programs see."""

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharpen_core.errors import OutputBusy, OutputError, OutputFormatUnsupported
from sharpen_core.frame import Frame, Size
from sharpen_core.holders import holders
from sharpen_core.letterbox import even_size, fit_even
from sharpen_core.output.driver import LABEL, OBS_NAME, Driver, System, find_driver
from sharpen_core.output.i420 import rgb_to_i420
from sharpen_core.output.loopback_lock import is_free, release
from sharpen_core.output.loopback_watch import LoopbackWatch

_CHECK_INTERVAL_S = 1.0
_I420 = "YU12"  # as Linux calls it

# How pyvirtualcam 0.15 words that another program writes to the device. A loopback with exclusive_caps=1 stops being an
# output for others while it has a writer. The third is OBS's shared queue on Windows, the last two OBS's on macOS.
_BUSY_WORDS = (
    "is not a video output device",
    "already in use",
    "could not be started",
    "Multiple cameras are not supported",
    "Couldn't start stream",
)


@dataclass(frozen=True, slots=True)
class VirtualCameraStatus:
    """Whether frames can reach a call, and how.

    Attributes:
        available: a virtual camera is installed. It may still be busy.
        name_to_pick: what to pick in the call, now or after following the hint.
        device: which one, as a path or name; None when not available.
        install_hint: what to install or run, one line; empty when available.
        problem: what is wrong, one line; empty when available.
    """

    available: bool
    name_to_pick: str
    device: str | None
    install_hint: str
    problem: str


def virtual_camera_status(label: str = LABEL, system: System | None = None) -> VirtualCameraStatus:
    """Looks at what is installed, without opening anything; takes milliseconds."""
    system = system or System()
    try:
        driver = find_driver(label, system)
    except OutputError as exc:
        name = OBS_NAME if system.name in ("Windows", "Darwin") else label
        return VirtualCameraStatus(available=False, name_to_pick=name, device=None, install_hint=exc.hint, problem=exc.message)
    return VirtualCameraStatus(available=True, name_to_pick=driver.name_to_pick, device=driver.device, install_hint="", problem="")


@dataclass(slots=True)
class _Session:
    """What is held between `open` and `close`. pyvirtualcam ships no types: `camera` is its Camera."""

    driver: Driver
    camera: Any
    size: Size
    next_check_s: float
    watch: LoopbackWatch | None


class VirtualCamera:
    """Sends frames to a virtual camera through pyvirtualcam, as I420: Zoom on Linux shows RGB as black.

    The size is fixed while it is open, because a device cannot change it under a reader: other frames are letterboxed,
    and an odd last row or column is cut off. `send` never waits for a frame's time.

    On Linux a failed write is only printed by pyvirtualcam. So each frame's arrival is checked, and once a second the device itself.
    """

    def __init__(
        self,
        label: str = LABEL,
        *,
        system: System | None = None,
        backend: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens nothing yet.

        Args:
            label: the name of our device, where this system lets us choose it.
            system: where to look for it; this computer if not given.
            backend: pyvirtualcam's driver in place of the one that belongs to the device.
            clock: seconds, monotonic.
        """
        self._label = label
        self._system = system or System()
        self._backend = backend
        self._clock = clock
        self._session: _Session | None = None

    @property
    def name(self) -> str:
        """The name to pick in the call."""
        if self._session is not None:
            return self._session.driver.name_to_pick
        return virtual_camera_status(self._label, self._system).name_to_pick

    def open(self, size: Size, fps: float) -> None:
        """Finds the device and starts sending pictures of `size`.

        Raises:
            OutputDriverMissing: no virtual camera is installed; the hint is what to run.
            OutputBusy: another program writes to it, or reads it at another size.
            OutputFormatUnsupported: it takes no pictures of this size.
            OutputError: it exists but cannot be used.
        """
        self.close()
        if min(even_size(size)) < 2:
            raise OutputFormatUnsupported(f"a virtual camera cannot be {size}", "send at least 2x2 pixels")
        size = even_size(size)
        driver = find_driver(self._label, self._system)
        camera = self._open_camera(driver, size, fps)
        watch = LoopbackWatch(driver.loopback.node, self._system.root / "proc") if driver.loopback else None
        self._session = _Session(driver, camera, size, self._clock() + _CHECK_INTERVAL_S, watch)
        try:
            self._check(self._session)
        except OutputError:
            self.close()
            raise

    def _open_camera(self, driver: Driver, size: Size, fps: float) -> Any:
        import pyvirtualcam  # loads a native library that recording and enhancing do not need

        # Asked beforehand also because pyvirtualcam 0.15 leaves a device open that it refuses.
        if driver.loopback and not is_free(driver.loopback.node):
            raise self._busy_error(driver)
        try:
            return pyvirtualcam.Camera(
                width=size.width,
                height=size.height,
                fps=max(1.0, fps),
                fmt=pyvirtualcam.PixelFormat.I420,
                device=driver.device,
                backend=self._backend or driver.backend,
            )
        except RuntimeError as exc:
            raise self._opening_error(driver, str(exc)) from exc

    def _opening_error(self, driver: Driver, text: str) -> OutputError:
        """Sorts pyvirtualcam's one RuntimeError by its words."""
        if any(words in text for words in (*_BUSY_WORDS, os.strerror(errno.EBUSY))):
            return self._busy_error(driver)
        if "missing permissions" in text:
            return OutputError(f"you may not write to {driver.device}", "run: sudo usermod -aG video $USER, then log out and in")
        if "could not be configured" in text or "Unsupported image format" in text:
            return OutputFormatUnsupported(f"{driver.name_to_pick} refused the size or format", "choose another size, such as 1280x720")
        return OutputError(f"{driver.name_to_pick} could not be opened: {text.splitlines()[-1]}")

    def _busy_error(self, driver: Driver) -> OutputBusy:
        who = holders(Path(driver.device), self._system.root / "proc") if driver.loopback else []
        by = f" (open in: {', '.join(who)})" if who else ""
        return OutputBusy(f"another program writes to {driver.name_to_pick}{by}", "close it, or stop its virtual camera")

    def send(self, frame: Frame) -> None:
        """Hands one frame over at once.

        Raises:
            OutputBusy: another program writes to the device too, or has changed its format.
            OutputError: it is not open, or the device has gone, or takes nothing.
        """
        session = self._session
        if session is None:
            raise OutputError(f"{self._label} is not open")
        if self._clock() >= session.next_check_s:
            session.next_check_s = self._clock() + _CHECK_INTERVAL_S
            self._check(session)
        picture = rgb_to_i420(fit_even(frame.pixels, session.size))
        if session.watch:
            session.watch.before_write()
        try:
            session.camera.send(picture)
        except (RuntimeError, OSError) as exc:
            raise OutputError(f"{session.driver.name_to_pick} takes no more frames: {exc}", "start again") from exc
        if session.watch:
            session.watch.after_write()
            if session.watch.writes_fail:
                self._check(session)  # may know why
                raise OutputError(
                    f"{session.driver.name_to_pick} takes no frames", "close the programs that show it, or load its driver again"
                )

    def watchers(self) -> int | None:
        """How many programs read the device; None where the system does not tell, which is everywhere but on Linux."""
        session = self._session
        return session.watch.watchers() if session and session.watch else None

    def close(self) -> None:
        """Lets go of the device; apps then see it without a picture, or not at all."""
        session, self._session = self._session, None
        if session is None:
            return
        if session.watch:
            session.watch.close()
        session.camera.close()
        if session.driver.loopback:
            release(session.driver.loopback.node)

    def _check(self, session: _Session) -> None:
        """Looks at the device itself, where the system lets us.

        Raises:
            OutputBusy: a reader holds it at another size or format, as the driver then ignores ours without a word; or another
                program writes to it too.
            OutputError: it has gone, or was replaced by one of the same name.
        """
        loopback, watch = session.driver.loopback, session.watch
        if loopback is None or watch is None:
            return
        if not loopback.is_there() or not watch.is_there:
            message = f"the virtual camera {loopback.label} has gone from {loopback.node}"
            raise OutputError(message, "its driver was unloaded; it is used again when it is back")
        if watch.others_write:
            raise self._busy_error(session.driver)
        size, pixel_format = loopback.size() or session.size, loopback.pixel_format() or _I420
        if (size, pixel_format) != (session.size, _I420):
            actual, ours = (size, session.size) if size != session.size else (pixel_format, _I420)
            raise OutputBusy(
                f"another program uses {loopback.label} at {actual} instead of {ours}",
                "close the programs that show it: then it is used again",
            )
