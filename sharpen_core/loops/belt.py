"""What the three threads of a session share. Nobody waits for anybody here longer than for a slot."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sharpen_core.capture.base import CameraFormat
from sharpen_core.events import Event, Paused, Resumed
from sharpen_core.frame import Frame, Size
from sharpen_core.governing.punctuality import Punctuality
from sharpen_core.governing.rungs import Rung
from sharpen_core.loops.bypass import Bypass
from sharpen_core.placeholder import Standby
from sharpen_core.reopen import RETRIES_S
from sharpen_core.slot import Slot
from sharpen_core.stats import Stats
from sharpen_core.stopgap import Patience
from sharpen_core.watch import PAUSE_AFTER_S, Watch

_PAUSED = Standby("Paused", "Nobody was watching: the picture is back in a moment.")


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How a session runs.

    Attributes:
        lossless: take every frame, however long it takes, and wait rather than drop or pass through. For measuring and for files.
        frame_limit: end after this many frames.
        seconds_limit: end this long after the first frame.
        output_size: size of what goes out; the camera's by default.
        outputs_required: an output that cannot be opened at the start ends the session; otherwise the others, and the preview, go on.
        reopen_camera: a camera that stops delivering is opened again until it does, while the outputs get a placeholder. One that
            cannot be opened at the start is an error in any case.
        reopen_outputs: the same for outputs; not for those that are complete or impossible, such as a full disk or an unknown format.
        pause_after_s: nobody has to watch for so long before a pause begins.
        close_after_s: a pause that lasts so long closes the camera: its light goes out, and other programs can have it.
        retries_s: pauses between tries to open again; the last one repeats.
        patience: how long to wait before something else than live frames goes out.
    """

    lossless: bool = False
    frame_limit: int | None = None
    seconds_limit: float | None = None
    output_size: Size | None = None
    outputs_required: bool = True
    reopen_camera: bool = False
    reopen_outputs: bool = False
    pause_after_s: float = PAUSE_AFTER_S
    close_after_s: float = 60.0
    retries_s: Sequence[float] = RETRIES_S
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Preview:
    """A frame before and after, as it was sent. They are the same object when it passed through."""

    before: Frame
    after: Frame


@dataclass(frozen=True, slots=True)
class Ready:
    """A frame on its way out.

    Attributes:
        preview: the frame.
        waited_ns: how long it has waited between threads so far.
        ready_ns: since when it waits for the output.
        rung: what it was sharpened on; empty for a frame as it came.
    """

    preview: Preview
    waited_ns: int
    ready_ns: int
    rung: str = ""


class Belt:
    """The slots, the signs that threads put up for each other, and what the user may change meanwhile.

    Capture gives every frame to the engine, and, while `passing_by`, straight to the output too. Whoever comes first with a frame's number,
    or a later one, has handed it over: frames never go out twice or in another order.

    Attributes:
        strength, crispness, mirror: what the user wants; hold from the next frame on.
        format: what the camera really delivers; cancelled when it could not be opened.
        stopping: set when every thread is to leave.
        awake: not set during a pause.
        punctuality: whether the engine's answers come in time.
        rung: what the governor wants done with frames; None before it has said so.
        unsharpened: whether that is nothing.
        in_work: the frame that is being sharpened.
        captured: the camera's newest frame.
        lost: what is wrong with the camera; None while it delivers.
        captured_s: when the camera last delivered, monotonic.
        dropped: frames that never went out, as far as later ones have.
        newest: what was sent last.
    """

    def __init__(self, options: PipelineOptions, on_event: Callable[[Event], None]) -> None:
        self.options, self.on_event = options, on_event
        self.strength = 1.0
        self.crispness = 0.0
        self.mirror = False
        self.to_sharpen: Slot[Frame] = Slot(lossless=options.lossless)
        self.to_output: Slot[Ready] = Slot(lossless=options.lossless)
        self.format: Future[CameraFormat] = Future()
        self.stopping, self.awake = threading.Event(), threading.Event()
        self.awake.set()
        self.punctuality = Punctuality()
        self.rung: Rung | None = None
        self.unsharpened = False
        self.in_work: Frame | None = None
        self.captured: Frame | None = None
        self.lost: Standby | None = None
        self.captured_s = 0.0
        self.dropped = 0
        self.newest: Preview | None = None
        self.stats = Stats()
        self.watch = Watch(options.pause_after_s)
        self._bypass = Bypass()
        self._handing_over = threading.Lock()
        self._handed_seq = -1

    @property
    def passing_by(self) -> bool:
        """Whether frames go past the engine, as they came."""
        return not self.options.lossless and (self.unsharpened or self.punctuality.late)

    def past_the_network(self, frame: Frame) -> Ready:
        """A frame on its way out in which the network has no part."""
        after = self._bypass.treated(frame, self.strength * self.crispness)
        return Ready(Preview(frame, after), 0, time.monotonic_ns())

    def claim(self, frame: Frame) -> bool:
        """Whether a frame may go out: neither it nor a later one was handed over. From then on it was."""
        with self._handing_over:
            if frame.seq <= self._handed_seq:
                return False
            self._handed_seq = frame.seq
            return True

    def hand_over(self, ready: Ready) -> bool:
        """Puts a frame on its way to the outputs, unless it or a later one was handed over; returns whether it was put.

        Raises:
            SlotClosed: the session is over.
        """
        with self._handing_over:
            if ready.preview.after.seq <= self._handed_seq:
                return False
            self._handed_seq = ready.preview.after.seq
            self.to_output.put(ready)  # within the lock: a later frame must not be put before
            return True

    @property
    def standby(self) -> Standby | None:
        """Why there is no live picture, as far as that is known."""
        return self.lost or (None if self.awake.is_set() else _PAUSED)

    @property
    def silent_s(self) -> float:
        """Since when the camera has delivered nothing."""
        return time.monotonic() - self.captured_s

    def pause(self) -> None:
        """Lets the camera and the engine rest."""
        self.awake.clear()
        self.stats.paused()
        self.on_event(Paused("nobody watches"))

    def resume(self) -> None:
        """Wakes them again."""
        self.captured_s = time.monotonic()  # until now its silence was wanted
        self.stats.resumed()
        self.awake.set()
        self.on_event(Resumed())

    def end(self) -> None:
        """Wakes every thread so that it leaves; may be called again."""
        self.stopping.set()
        self.awake.set()
        self.format.cancel()
        self.to_sharpen.close()
        self.to_output.close()
