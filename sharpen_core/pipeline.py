"""The way of a frame: three threads, two one-place slots between them, and an end that always comes.

    capture ──▶ slot ──▶ sharpen ──▶ slot ──▶ output ──▶ the newest frame, for the preview
       │  └────── while the engine is late ──────▲ ▲
       │                                           │
       └─ lost or paused ──▶ last good frame, then placeholder

Each thread (`loops/capture.py`, `loops/sharpen.py`, `loops/output.py`) opens and closes its own device, and opens it again
where that may help: a camera or virtual camera that vanishes does not end the session. What they share is `loops/belt.py`.
The first error wins and ends the session; every state and error becomes an event.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError

from sharpen_core.capture.base import Camera
from sharpen_core.errors import SharpenError, StopTimeout
from sharpen_core.events import Event, Failed, State, StateChanged
from sharpen_core.governing.lineup import Lineup, MakeSharpener
from sharpen_core.governing.rungs import Rung
from sharpen_core.loops.belt import Belt, PipelineOptions, Preview
from sharpen_core.loops.capture import CaptureLoop
from sharpen_core.loops.output import OutputLoop
from sharpen_core.loops.sharpen import SharpenLoop
from sharpen_core.output.base import Output
from sharpen_core.slot import SlotClosed
from sharpen_core.stats import Snapshot, Stats

__all__ = ["Pipeline", "PipelineOptions", "Preview"]

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 2.0
USUAL_OPTIONS = PipelineOptions()


class Pipeline:
    """One session from a camera to outputs. Started once; `stop` may be called from any thread, repeatedly.

    Args:
        camera: where frames come from.
        lineup: what to sharpen with, or what makes the only one; called with the size of the camera's frames, by the session's threads.
        outputs: where frames go, all of them; may be empty.
        options: how the session runs.
        on_event: called from the session's threads; must return at once.
    """

    def __init__(
        self,
        camera: Camera,
        lineup: Lineup | MakeSharpener,
        outputs: Sequence[Output] = (),
        options: PipelineOptions = USUAL_OPTIONS,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._on_event = on_event
        self._belt = Belt(options, on_event)
        self._lock = threading.Lock()
        self._state = State.IDLE
        self._error: SharpenError | None = None
        self._finished = threading.Event()
        loops = {
            "capture": CaptureLoop(self._belt, camera).run,
            "sharpen": SharpenLoop(self._belt, Lineup.of(lineup)).run,
            "output": OutputLoop(self._belt, outputs, lambda: self._enter(State.RUNNING), self._fail).run,
        }
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

    @property
    def strength(self) -> float:
        """How much to sharpen, 0 to 1; may be set at any time and holds from the next frame on, as the others do."""
        return self._belt.strength

    @strength.setter
    def strength(self, strength: float) -> None:
        self._belt.strength = strength

    @property
    def crispness(self) -> float:
        """How much to raise the contrast of fine detail besides, 0 to 1."""
        return self._belt.crispness

    @crispness.setter
    def crispness(self, crispness: float) -> None:
        self._belt.crispness = crispness

    @property
    def rung(self) -> Rung | None:
        """What is done with frames now; None before that was decided, and where every frame is sharpened whatever it takes."""
        return self._belt.rung

    @property
    def mirror(self) -> bool:
        """Whether frames are flipped left to right."""
        return self._belt.mirror

    @mirror.setter
    def mirror(self, mirror: bool) -> None:
        self._belt.mirror = mirror

    @property
    def pausing(self) -> bool:
        """Whether to pause while the preview is hidden and no output has a watcher."""
        return self._belt.watch.wanted

    @pausing.setter
    def pausing(self, pausing: bool) -> None:
        self._belt.watch.wanted = pausing

    @property
    def hidden(self) -> bool:
        """Whether nobody can see the preview."""
        return self._belt.watch.hidden

    @hidden.setter
    def hidden(self, hidden: bool) -> None:
        self._belt.watch.hidden = hidden

    def start(self) -> None:
        """Starts the session. Returns at once; what happens is told by events."""
        self._enter(State.STARTING)
        self._belt.stats = Stats()
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
        self._belt.end()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():  # Ctrl-C may have come in the middle of `start`
                thread.join(max(0.0, deadline - time.monotonic()))
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        if stuck:
            raise StopTimeout(
                f"the {' and '.join(stuck)} thread did not stop within {timeout_s:.1f} s",
                "The device may hang; unplug it and plug it in again.",
            )

    def newest(self) -> Preview | None:
        """The newest frame that was sent, before and after; None before the first."""
        return self._belt.newest

    def snapshot(self) -> Snapshot:
        """The session's figures up to now."""
        return self._belt.stats.snapshot(self._belt.dropped)

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
        self._belt.end()

    def _enter(self, state: State) -> None:
        with self._lock:
            if state is self._state or (state is State.RUNNING and self._state is not State.STARTING):
                return
            self._state = state
        self._on_event(StateChanged(state))
