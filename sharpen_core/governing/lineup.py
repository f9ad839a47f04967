"""The models that a session may choose from, and how they are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sharpen_core.frame import Pixels, Size
from sharpen_core.governing.forecast import Limits


class Sharpener(Protocol):
    """What sharpens frames of one size; see `restorer.Restorer`. Used by one thread at a time."""

    size: Size

    @property
    def crispness(self) -> float:
        """How much the contrast of detail is raised besides, 0 to 1; may be set between frames."""
        ...

    @crispness.setter
    def crispness(self, share: float) -> None: ...

    @property
    def area(self) -> float:
        """Share of the picture that is sharpened, 0 to 1; may be set between frames."""
        ...

    @area.setter
    def area(self, share: float) -> None: ...

    @property
    def computed_share(self) -> float:
        """Share of the frame's pixels that was computed for the last frame; may exceed 1."""
        ...

    @property
    def spared(self) -> bool:
        """Whether the last frame was sharp already, so that the network was not asked."""
        ...

    @property
    def loading(self) -> bool:
        """Whether more networks are being loaded beside the frames."""
        ...

    def asked_for(self, area: float) -> float:
        """Share of a whole frame's work, 0 to 1, that the last frame asks for if this area of it is to be sharpened."""
        ...

    def forget(self) -> None:
        """The next frame has nothing to do with those before."""
        ...

    def sharpen(self, pixels: Pixels, strength: float = 1.0) -> Pixels:
        """Returns a sharpened copy of (H, W, 3) uint8 RGB pixels.

        Raises:
            EngineInferenceFailed: the engine gave up.
        """
        ...


MakeSharpener = Callable[[Size], Sharpener]
"""May take seconds; called by one thread at a time. Raises EngineError or ModelError."""


def _no_measurements(_: Size) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, slots=True)
class Lineup:
    """What a session sharpens with.

    Attributes:
        makers: by the model's name, best first; at least one. Of several the governor chooses; a single one is never replaced.
        kmac_per_px: work of each model.
        whole_ms: what a whole frame of this size took on this machine, for models that were measured before.
        limits: what the session may use of the machine.
        cores: how many make the machine.
    """

    makers: Mapping[str, MakeSharpener]
    kmac_per_px: Mapping[str, float] = field(default_factory=dict[str, float])
    whole_ms: Callable[[Size], Mapping[str, float]] = _no_measurements
    limits: Limits = field(default_factory=lambda: Limits(cpu=1.0))
    cores: int = 1

    @classmethod
    def of(cls, makers: "MakeSharpener | Lineup") -> "Lineup":
        """A lineup as it is, or of one model without a name or limits."""
        return makers if isinstance(makers, Lineup) else cls({"the network": makers})
