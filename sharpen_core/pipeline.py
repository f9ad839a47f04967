"""The way of a frame: three threads, two one-place slots between them, and an end that always comes.

    capture ──▶ slot ──▶ sharpen ──▶ slot ──▶ output ──▶ the newest frame, for the preview
       └─────── while the engine is silent ────▲

Each thread opens and closes its own device. The first error wins and ends the session; every state and error becomes an event.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from dataclasses import dataclass, replace

import cv2

from sharpen_core.capture.base import Camera, CameraFormat, EndOfClip
from sharpen_core.errors import EngineInferenceFailed, OutputError, SharpenError, StopTimeout
from sharpen_core.events import (
    CameraOpened,
    Event,
    Failed,
    OutputLost,
    OutputOpened,
    PassingThrough,
    Sharpening,
    State,
    StateChanged,
)
from sharpen_core.frame import Frame, Size
from sharpen_core.keep_up import KeepUp
from sharpen_core.output.base import Output
from sharpen_core.restorer import Restorer
from sharpen_core.slot import Slot, SlotClosed, SlotTimeout
from sharpen_core.stats import Snapshot, Stats

log = logging.getLogger(__name__)

SILENT_AFTER_S = 0.25  # an engine that has not answered for this long is passed by
STOP_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How a session runs.

    Attributes:
        lossless: take every frame, however long it takes, and wait rather than drop or pass through. For measuring and for files.
        frame_limit: end after this many frames.
        seconds_limit: end this long after the first frame.
        output_size: size of what goes out; the camera's by default.
        outputs_required: an output that fails ends the session; otherwise the others, and the preview, go on.
    """

    lossless: bool = False
    frame_limit: int | None = None
    seconds_limit: float | None = None
    output_size: Size | None = None
    outputs_required: bool = True


@dataclass(frozen=True, slots=True)
class Preview:
    """A frame before and after, as it was sent. They are the same object when it passed through."""

    before: Frame
    after: Frame


@dataclass(frozen=True, slots=True)
class _Ready:
    """A frame on its way out, and how long it has waited between threads so far."""

    preview: Preview
    waited_ns: int
    ready_ns: int


class Pipeline:
    """One session from a camera to outputs. Started once; `stop` may be called from any thread, repeatedly.

    Args:
        camera: where frames come from.
        restorer_for: makes the restorer for the size of the camera's frames; called by the sharpening thread.
        outputs: where frames go, all of them; may be empty.
        options: how the session runs.
        on_event: called from the session's threads; must return at once.

    `strength` (0..1) and `mirror` may be set at any time and hold from the next frame on.
    """

    def __init__(
        self,
        camera: Camera,
        restorer_for: Callable[[Size], Restorer],
        outputs: Sequence[Output] = (),
        options: PipelineOptions = PipelineOptions(),
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self.strength = 1.0
        self.mirror = False
        self._camera, self._restorer_for, self._outputs = camera, restorer_for, list(outputs)
        self._options, self._on_event = options, on_event
        self._to_sharpen: Slot[Frame] = Slot(lossless=options.lossless)
        self._to_output: Slot[_Ready] = Slot(lossless=options.lossless)
        self._format: Future[CameraFormat] = Future()
        self._stopping = threading.Event()
        self._engine_silent = threading.Event()
        self._lock = threading.Lock()
        self._state = State.IDLE
        self._error: SharpenError | None = None
        self._stale = 0
        self._sharpening_since_ns: int | None = None
        self._newest: Preview | None = None
        self._stats = Stats()
        self._finished = threading.Event()
        loops = {"capture": self._capture, "sharpen": self._sharpen, "output": self._output}
        self._threads = [threading.Thread(target=self._top, args=(loop,), name=name, daemon=True) for name, loop in loops.items()]
        self._alive = len(self._threads)

    # ---- for whoever drives it -------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def error(self) -> SharpenError | None:
        """The error that ended the session, if one did."""
        return self._error

    def start(self) -> None:
        """Starts the session. Returns at once; what happens is told by events."""
        self._enter(State.STARTING)
        if not self._options.lossless:
            self._engine_silent.set()  # until the network is ready, frames go out as they come
        self._stats = Stats()
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until the session is over; returns whether it is."""
        return self._finished.wait(timeout_s)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ends the session and waits for its threads, at most `timeout_s`.

        Raises:
            StopTimeout: a thread is stuck in its device and was left behind; the error names it.
        """
        if self._state is State.IDLE:
            return
        if not self._finished.is_set():
            self._enter(State.STOPPING)
        self._begin_end()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        if stuck:
            raise StopTimeout(
                f"the {' and '.join(stuck)} thread did not stop within {timeout_s:.1f} s",
                "The device may hang; unplug it and plug it in again.",
            )

    def newest(self) -> Preview | None:
        """The newest frame that was sent, before and after; None before the first."""
        return self._newest

    def snapshot(self) -> Snapshot:
        """The session's figures up to now."""
        return self._stats.snapshot(self._to_sharpen.dropped + self._to_output.dropped + self._stale)

    # ---- the three threads -----------------------------------------------------------------------------------------

    def _capture(self) -> None:
        options = self._options
        try:
            opened = self._camera.open()
            with contextlib.suppress(InvalidStateError):  # stopped meanwhile
                self._format.set_result(opened)
            self._on_event(CameraOpened(self._camera.name, opened))
            began_s: float | None = None
            seq = 0
            while not self._stopping.is_set() and seq != options.frame_limit:
                asked_ns = time.monotonic_ns()
                pixels = self._camera.read()
                now_ns = time.monotonic_ns()
                began_s = began_s or now_ns / 1e9
                if options.seconds_limit is not None and now_ns / 1e9 - began_s >= options.seconds_limit:
                    break
                if self.mirror:
                    pixels = cv2.flip(pixels, 1)
                frame = Frame(pixels, seq, now_ns)  # pyright: ignore[reportArgumentType]
                self._stats.captured(now_ns - asked_ns)
                if self._engine_silent.is_set():
                    self._to_output.put(_Ready(Preview(frame, frame), 0, time.monotonic_ns()))
                else:
                    self._to_sharpen.put(frame)
                seq += 1
        except EndOfClip:
            pass
        finally:
            self._format.cancel()  # nobody waits for a camera that did not open
            self._to_sharpen.close()  # what is on its way is still finished
            self._camera.close()

    def _sharpen(self) -> None:
        try:
            restorer = self._restorer_for(self._format.result().size)
            keep_up = KeepUp()
            self._engine_silent.clear()
            while True:
                frame = self._to_sharpen.take()
                taken_ns = time.monotonic_ns()
                if frame.size != restorer.size:
                    restorer = self._restorer_for(frame.size)
                self._sharpening_since_ns = taken_ns
                after = self._sharpened(restorer, keep_up, frame)
                self._sharpening_since_ns = None
                self._engine_silent.clear()
                done_ns = time.monotonic_ns()
                self._to_output.put(_Ready(Preview(frame, after), taken_ns - frame.captured_ns, done_ns))
        finally:
            self._to_output.close()

    def _sharpened(self, restorer: Restorer, keep_up: KeepUp, frame: Frame) -> Frame:
        """Returns the sharpened frame, or the frame itself when it is to pass through."""
        before = keep_up.passing_reason
        strength = self.strength
        if strength <= 0 or not (self._options.lossless or keep_up.wants()):
            return frame
        began_ns = time.monotonic_ns()
        try:
            after = replace(frame, pixels=restorer.sharpen(frame.pixels, strength))
        except EngineInferenceFailed as error:
            if self._options.lossless:
                raise
            log.warning("sharpening failed: %s", error)
            keep_up.failed(error.message)
            after = frame
        else:
            took_ns = time.monotonic_ns() - began_ns
            if not self._options.lossless:
                keep_up.took(took_ns)
            if keep_up.passing_reason is None:
                self._stats.sharpened(took_ns)
        if keep_up.passing_reason != before:
            reason = keep_up.passing_reason
            self._on_event(PassingThrough(reason) if reason else Sharpening())
        return frame if keep_up.passing_reason else after

    def _output(self) -> None:
        opened: list[Output] = []
        last_seq = -1
        silent_told = False
        try:
            self._open_outputs(self._format.result(), opened)
            while True:
                try:
                    ready = self._to_output.take(None if self._options.lossless else SILENT_AFTER_S)
                except SlotTimeout:
                    if self._engine_is_stuck() and not silent_told:
                        self._engine_silent.set()
                        silent_told = True
                        self._on_event(PassingThrough("the engine does not answer, so the picture goes out unsharpened"))
                    continue
                if silent_told and not self._engine_silent.is_set():
                    silent_told = False
                    self._on_event(Sharpening())
                if ready.preview.after.seq <= last_seq:
                    self._stale += 1  # a late answer to a frame that went out unsharpened
                    continue
                last_seq = ready.preview.after.seq
                self._send(ready, opened)
        finally:
            self._close_outputs(opened)

    def _engine_is_stuck(self) -> bool:
        since_ns = self._sharpening_since_ns
        return since_ns is not None and time.monotonic_ns() - since_ns > SILENT_AFTER_S * 1e9

    def _open_outputs(self, camera: CameraFormat, opened: list[Output]) -> None:
        """Opens every output into `opened`, so that those that were opened are closed even when a later one fails."""
        for output in self._outputs:
            try:
                output.open(self._options.output_size or camera.size, camera.fps)
            except OutputError as error:
                self._lose(output, error)
            else:
                opened.append(output)
                self._on_event(OutputOpened(output.name))
        self._enter(State.RUNNING)

    def _send(self, ready: _Ready, opened: list[Output]) -> None:
        began_ns = time.monotonic_ns()
        frame = ready.preview.after
        for output in list(opened):
            try:
                output.send(frame)
            except OutputError as error:
                self._lose(output, error)
                opened.remove(output)
                output.close()
        self._newest = ready.preview
        waited_ns = ready.waited_ns + began_ns - ready.ready_ns
        self._stats.sent(frame.captured_ns, waited_ns, time.monotonic_ns() - began_ns)

    def _lose(self, output: Output, error: OutputError) -> None:
        if self._options.outputs_required:
            raise error
        log.warning("output %s: %s", output.name, error)
        self._on_event(OutputLost(output.name, error))

    def _close_outputs(self, opened: list[Output]) -> None:
        """Closes all of them; a file that cannot be completed is an error of the session."""
        for output in opened:
            try:
                output.close()
            except OutputError as error:
                self._fail(error)

    # ---- beginning and end -----------------------------------------------------------------------------------------

    def _top(self, loop: Callable[[], None]) -> None:
        """The top of every thread: no error is lost, and the last thread to leave tells how it ended."""
        try:
            loop()
        except (SlotClosed, CancelledError):
            pass
        except SharpenError as error:
            self._fail(error)
        except Exception as error:
            log.exception("unexpected error in the %s thread", threading.current_thread().name)
            self._fail(SharpenError(f"internal error while running: {error!r}", "Please report it with the log file."))
        finally:
            with self._lock:
                self._alive -= 1
                last = self._alive == 0
            if last:
                self._enter(State.FAILED if self._error else State.STOPPED)
                self._finished.set()

    def _fail(self, error: SharpenError) -> None:
        with self._lock:
            first = self._error is None
            self._error = self._error or error
        if first:
            self._on_event(Failed(error))
        self._begin_end()

    def _begin_end(self) -> None:
        """Wakes every thread so that it leaves."""
        self._stopping.set()
        self._format.cancel()
        self._to_sharpen.close()
        self._to_output.close()

    def _enter(self, state: State) -> None:
        with self._lock:
            if state is self._state or (state is State.RUNNING and self._state is not State.STARTING):
                return
            self._state = state
        self._on_event(StateChanged(state))
