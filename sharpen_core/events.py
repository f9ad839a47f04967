"""What the pipeline tells whoever drives it. Events come from its threads; handlers must return at once."""

from dataclasses import dataclass
from enum import StrEnum

from sharpen_core.capture.base import CameraFormat
from sharpen_core.errors import SharpenError
from sharpen_core.governing.rungs import Rung


class State(StrEnum):
    """Where a pipeline is. It starts once and ends in STOPPED or FAILED."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The pipeline is in another state."""

    state: State


@dataclass(frozen=True, slots=True)
class CameraOpened:
    """The camera delivers; its format is what it really does."""

    name: str
    format: CameraFormat


@dataclass(frozen=True, slots=True)
class OutputOpened:
    """An output takes frames. For a virtual camera, `name` is what to pick in the call."""

    name: str


@dataclass(frozen=True, slots=True)
class Governed:
    """From now on frames are treated so. Told at the start, and when the rung or its reason changes.

    Attributes:
        rung: what is done with them; perhaps nothing.
        reason: where it is and why, one line.
    """

    rung: Rung
    reason: str


@dataclass(frozen=True, slots=True)
class PassingThrough:
    """Frames go out past an engine that does not answer, so that the call goes on; `reason` says why in one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sharpening:
    """The engine answers again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The first error of the session. The pipeline shuts itself down."""

    error: SharpenError


@dataclass(frozen=True, slots=True)
class OutputLost:
    """An output failed or is not there; the rest goes on. `OutputOpened` follows when it could be opened again."""

    name: str
    error: SharpenError


@dataclass(frozen=True, slots=True)
class CameraLost:
    """The camera delivers no longer, and is opened again until it does; told again when the reason changes.

    Attributes:
        message: what happened, one line.
        hint: what to do, one line.
        retry_in_s: when it is tried next.
    """

    message: str
    hint: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class CameraBack:
    """The camera that was lost delivers again, in a format that may be another one."""

    name: str
    format: CameraFormat


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing is captured or sharpened from now on; the outputs get a picture that says so. `reason` is one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The pause is over."""


Event = (
    StateChanged
    | CameraOpened
    | OutputOpened
    | Governed
    | PassingThrough
    | Sharpening
    | Failed
    | OutputLost
    | CameraLost
    | CameraBack
    | Paused
    | Resumed
)
