"""Between the window and the pipeline: the only file that knows both Qt and the pipeline.

    window ──start, stop, apply──▶ slot ──▶ worker thread ──▶ Pipeline
    window ◀──signals, queued──────────────────────────────── its threads
    window ──newest, snapshot: pulled by timer──────────────▶

Making, starting and stopping a pipeline can take seconds, so one worker thread does all of it, one order at a time.
Orders go through a one-place slot: of many quick changes only the last one is carried out.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal, SignalInstance

from sharpen_core.errors import SharpenError, StopTimeout
from sharpen_core.events import (
    CameraBack,
    CameraLost,
    CameraOpened,
    Event,
    Failed,
    Governed,
    OutputLost,
    OutputOpened,
    PassingThrough,
    Paused,
    Resumed,
    Sharpening,
    State,
    StateChanged,
)
from sharpen_core.pipeline import Pipeline, Preview
from sharpen_core.slot import Slot, SlotClosed
from sharpen_core.stats import Snapshot
from sharpened_camera.settings import Settings

log = logging.getLogger(__name__)

MakePipeline = Callable[[Settings, Callable[[Event], None]], Pipeline]
"""Builds a pipeline that was not started. Called by the worker thread; may take its time and raise SharpenError."""

CLOSE_TIMEOUT_S = 3.0  # a little more than a pipeline takes at most to stop


@dataclass(frozen=True, slots=True)
class _Order:
    """What the worker is to do: run the session `number` with `settings`, or, without settings, end it."""

    number: int
    settings: Settings | None


class Bridge(QObject):
    """Drives one session after another. Its methods belong to the GUI thread and return at once.

    Events of a session that was replaced are dropped, so that what the signals tell is always about the newest one.

    Args:
        make_pipeline: builds the pipeline of a session; what can be changed while it runs is set here.
    """

    state_changed = Signal(object)  # State
    camera_opened = Signal(object)  # CameraOpened
    camera_lost = Signal(object)  # CameraLost
    camera_back = Signal(object)  # CameraBack
    output_opened = Signal(object)  # OutputOpened
    output_lost = Signal(object)  # OutputLost
    governed = Signal(object)  # Governed
    passing_through = Signal(object)  # PassingThrough
    sharpening = Signal(object)  # Sharpening
    paused = Signal(object)  # Paused
    resumed = Signal(object)  # Resumed
    failed = Signal(object)  # SharpenError that ended the session
    left_behind = Signal(object)  # StopTimeout: a session did not end in time

    _arrived = Signal(int, object)  # number of the session, event

    def __init__(self, make_pipeline: MakePipeline) -> None:
        super().__init__()
        self._make_pipeline = make_pipeline
        self._settings = Settings()
        self._hidden = False
        self._state = State.IDLE
        self._number = 0
        self._pipeline: Pipeline | None = None
        self._pipeline_number = 0
        self._tuning = threading.Lock()
        self._signals: dict[type[Event], SignalInstance] = {
            CameraOpened: self.camera_opened,
            CameraLost: self.camera_lost,
            CameraBack: self.camera_back,
            OutputOpened: self.output_opened,
            OutputLost: self.output_lost,
            Governed: self.governed,
            PassingThrough: self.passing_through,
            Sharpening: self.sharpening,
            Paused: self.paused,
            Resumed: self.resumed,
        }
        self._orders: Slot[_Order] = Slot()
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._worker = threading.Thread(target=self._work, name="sessions", daemon=True)
        self._worker.start()

    # ---- for the window ----------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the newest session is; it is STARTING and STOPPING as soon as that was ordered."""
        return self._state

    def start(self, settings: Settings) -> None:
        """Starts a session, ending the one before first."""
        self._number += 1
        self._settings = settings
        self._orders.put(_Order(self._number, settings))
        self._enter(State.STARTING)

    def stop(self) -> None:
        """Ends the session, if there is one."""
        if self._state in (State.STARTING, State.RUNNING):
            self._orders.put(_Order(self._number, None))
            self._enter(State.STOPPING)

    def apply(self, settings: Settings) -> None:
        """Takes over changed settings: strength, crispness, mirror and pausing at once, the others by a new session.

        A session that the user ended stays ended; one that failed is tried again when a change may have cured it.
        """
        restart = settings.needs_new_session(self._settings) and self._state in (State.STARTING, State.RUNNING, State.FAILED)
        self._settings = settings
        if restart:
            self.start(settings)
        elif pipeline := self._pipeline:
            self._tune(pipeline)

    def set_hidden(self, hidden: bool) -> None:
        """Tells whether nobody can see the window's picture, which is when the session may pause."""
        self._hidden = hidden
        if pipeline := self._pipeline:
            self._tune(pipeline)

    def newest(self) -> Preview | None:
        """The newest frame of the session, before and after; None while there is none."""
        pipeline = self._pipeline
        return pipeline.newest() if pipeline else None

    def snapshot(self) -> Snapshot | None:
        """The session's figures up to now; None while there is no session."""
        pipeline = self._pipeline
        return pipeline.snapshot() if pipeline else None

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Ends the session and the worker, for when the program ends. The only method that waits.

        Returns:
            Whether everything ended in time; what did not ends with the program.
        """
        with contextlib.suppress(SlotClosed):  # closed before
            self._orders.put(_Order(self._number, None))
        self._orders.close()
        self._worker.join(timeout_s)
        return not self._worker.is_alive()

    # ---- in the GUI thread -------------------------------------------------------------------------------------

    def _deliver(self, number: int, event: Event | StopTimeout) -> None:
        """Turns what came from another thread into signals."""
        if isinstance(event, StopTimeout):
            self.left_behind.emit(event)
            event = StateChanged(State.FAILED)
        if number != self._number:
            return
        if isinstance(event, StateChanged):
            self._enter(event.state)
        elif isinstance(event, Failed):
            self.failed.emit(event.error)
        else:
            self._signals[type(event)].emit(event)

    def _enter(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    # ---- in the worker thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        with contextlib.suppress(SlotClosed):
            while True:
                order = self._orders.take()
                try:
                    self._carry_out(order)
                except SharpenError as error:
                    self._fail(order.number, error)
                except Exception as error:
                    log.exception("unexpected error while starting or ending a session")
                    self._fail(order.number, SharpenError(f"internal error: {error!r}", "Please report it with the log file."))

    def _carry_out(self, order: _Order) -> None:
        ended = self._end_session()
        if order.settings is None:
            if ended:
                self._post(order.number, StateChanged(State.STOPPED))
            return
        pipeline = self._make_pipeline(order.settings, partial(self._post, order.number))
        self._pipeline, self._pipeline_number = pipeline, order.number
        self._tune(pipeline)
        pipeline.start()

    def _end_session(self) -> bool:
        """Stops the pipeline, if there is one; returns whether nothing of it was left behind."""
        pipeline = self._pipeline
        try:
            if pipeline:
                pipeline.stop()
        except StopTimeout as error:
            log.warning("%s", error)
            self._post(self._pipeline_number, error)
            return False
        finally:
            self._pipeline = None
        return True

    def _fail(self, number: int, error: SharpenError) -> None:
        self._post(number, Failed(error))
        self._post(number, StateChanged(State.FAILED))

    # ---- in any thread -----------------------------------------------------------------------------------------

    def _tune(self, pipeline: Pipeline) -> None:
        with self._tuning:  # so that the worker does not put back what the window has just changed
            settings = self._settings
            pipeline.strength, pipeline.crispness, pipeline.mirror = settings.strength, settings.crispness, settings.mirror
            pipeline.pausing, pipeline.hidden = settings.pause, self._hidden

    def _post(self, number: int, event: Event | StopTimeout) -> None:
        with contextlib.suppress(RuntimeError):  # Qt is gone already, but a stuck device has come back to life
            self._arrived.emit(number, event)
