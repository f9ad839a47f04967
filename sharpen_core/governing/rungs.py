"""How much to do with a frame: the rungs between all that the best network can do and nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

AREAS = (1.0, 0.6, 0.35)
"""Shares of the picture that are worth sharpening alone, best first; a face near the camera fills about a third."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to treat frames.

    Attributes:
        model: what sharpens; None lets frames go out as they came.
        area: share of the picture that is sharpened, 0 to 1.
        every: 2 for an output of half the camera's rate. All frames of it are sharpened: a picture that is sharp every other time flickers.
    """

    model: str | None
    area: float = 1.0
    every: int = 1

    @property
    def raw(self) -> bool:
        """Whether frames go out as they came."""
        return self.model is None

    def __str__(self) -> str:
        if self.model is None:
            return "unsharpened"
        part = "" if self.area >= 1 else f" on {self.area:.0%} of the picture".replace("%", " %")
        return f"{self.model}{part}{', every second frame' if self.every > 1 else ''}"


def build_ladder(models: Sequence[str]) -> tuple[Rung, ...]:
    """Returns the rungs, best first.

    Args:
        models: best first, at least one. A model that the user has named stands alone: it is never replaced.

    All of the picture with a lighter model comes before a part of it with a better one: models differ less than a sharp and a soft half do.
    """
    sharp = [Rung(model, area) for area in AREAS for model in models]
    return (*sharp, Rung(models[-1], AREAS[-1], every=2), Rung(None))
