"""The capture thread: frames from the camera, and the camera back when it was lost."""

import contextlib
import time
from concurrent.futures import InvalidStateError

import cv2

from sharpen_core.capture.base import Camera, CameraFormat, EndOfClip
from sharpen_core.errors import CameraError, CameraNotFound
from sharpen_core.events import CameraBack, CameraLost, CameraOpened
from sharpen_core.frame import Frame, Pixels
from sharpen_core.loops.belt import Belt
from sharpen_core.reopen import Backoff, Loss, describe_loss

_STALE_READ_S = 0.004  # faster than any camera delivers: it was waiting in the driver
_MOST_STALE = 8
_STEADY_S = 5.0  # a camera that has delivered for so long is not the one with the loose plug any more


class CaptureLoop:
    """Runs in a thread of its own, which alone touches the camera."""

    def __init__(self, belt: Belt, camera: Camera) -> None:
        self._belt, self._camera = belt, camera
        self._backoff = Backoff(belt.options.retries_s)
        self._open = False
        self._opened_s = 0.0
        self._began_s: float | None = None
        self._seq = 0

    def run(self) -> None:
        """Captures until the session ends, or the limit or the clip does."""
        belt = self._belt
        try:
            opened = self._open_camera()
            with contextlib.suppress(InvalidStateError):  # stopped meanwhile
                belt.format.set_result(opened)
            belt.on_event(CameraOpened(self._camera.name, opened))
            while self._goes_on():
                try:
                    self._step()
                except CameraError as error:
                    if not belt.options.reopen_camera:
                        raise
                    self._recover(error)
        except EndOfClip:
            pass
        finally:
            belt.format.cancel()  # nobody waits for a camera that did not open
            belt.to_sharpen.close()  # what is on its way is still finished
            self._camera.close()

    def _step(self) -> None:
        """Captures one frame and hands it on, after a pause if there is one."""
        belt = self._belt
        if not belt.awake.is_set():
            self._rest()
            return
        asked_ns = time.monotonic_ns()
        pixels = self._camera.read()
        now_ns = time.monotonic_ns()
        if not belt.awake.is_set() and not belt.stopping.is_set():
            return  # nobody watches any more
        self._began_s = self._began_s or now_ns / 1e9
        if not self._goes_on():
            return
        belt.captured_s, belt.lost = now_ns / 1e9, None
        belt.stats.captured(now_ns - asked_ns)
        self._hand_on(pixels, now_ns)

    def _hand_on(self, pixels: Pixels, now_ns: int) -> None:
        belt = self._belt
        if belt.mirror:
            pixels = cv2.flip(pixels, 1)  # pyright: ignore[reportAssignmentType]
        frame = Frame(pixels, self._seq, now_ns)
        self._seq += 1
        belt.captured = frame
        if belt.passing_by:
            belt.hand_over(belt.past_the_network(frame))
        belt.to_sharpen.put(frame)

    def _goes_on(self) -> bool:
        return not self._belt.stopping.is_set() and self._seq != self._belt.options.frame_limit and self._left_s() > 0

    def _left_s(self) -> float:
        """How much time the session has."""
        limit_s = self._belt.options.seconds_limit
        if limit_s is None or self._began_s is None:
            return float("inf")
        return limit_s - (time.monotonic() - self._began_s)

    # ---- pauses ----------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Waits out a pause. The camera stays open at first, unread, so that it is back at once."""
        options = self._belt.options
        self._wait_awake(options.close_after_s)
        if not self._belt.awake.is_set() and options.reopen_camera:
            self._close_camera()
            self._wait_awake(None)
        if not self._goes_on():
            return
        if self._open:
            self._skip_stale()
        else:
            self._open_camera()  # a failure is a loss like any other

    def _wait_awake(self, timeout_s: float | None) -> None:
        left_s = min(self._left_s(), float("inf") if timeout_s is None else timeout_s)
        self._belt.awake.wait(None if left_s == float("inf") else max(0.0, left_s))

    def _skip_stale(self) -> None:
        """Throws away what the driver has kept since before the pause, and the first frame after it."""
        if not self._belt.options.reopen_camera:
            return  # a clip goes on where it was
        for _ in range(_MOST_STALE):
            asked_s = time.monotonic()
            self._camera.read()
            if time.monotonic() - asked_s > _STALE_READ_S:
                return

    # ---- losses ----------------------------------------------------------------------------------------------------

    def _recover(self, error: CameraError) -> None:
        """Opens the camera again and again until it works or the session ends."""
        belt = self._belt
        if time.monotonic() - self._opened_s > _STEADY_S:
            self._backoff.restart()
        told: Loss | None = None
        while self._goes_on():
            loss = describe_loss(self._camera.name, error)
            belt.lost = loss.standby
            pause_s = self._backoff.next_s(absent=isinstance(error, CameraNotFound))
            if loss != told:
                belt.on_event(CameraLost(loss.message, loss.hint, pause_s))
            told = loss
            self._close_camera()  # may take long with a device that has gone: first the outputs know
            belt.stopping.wait(min(pause_s, max(0.0, self._left_s())))
            if not belt.awake.is_set():
                self._wait_awake(None)  # while nobody watches nobody misses it
            if not self._goes_on():
                return
            try:
                opened = self._open_camera()
            except CameraError as again:
                error = again
            else:
                belt.on_event(CameraBack(self._camera.name, opened))
                return

    def _open_camera(self) -> CameraFormat:
        opened = self._camera.open()
        self._open, self._opened_s = True, time.monotonic()
        return opened

    def _close_camera(self) -> None:
        self._open = False
        self._camera.close()
