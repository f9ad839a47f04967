"""How degradations are put together: stages, each drawing what it does from one generator and noting it down."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Range = tuple[float, float]


class Stage(Protocol):
    """One thing that happens to a picture. Implementations are frozen and picklable."""

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """Returns the picture after this stage; `picture` itself is never changed.

        Args:
            picture: (H, W, 3) uint8 RGB.
            rng: everything random is drawn from it, so that the same state gives the same picture.
            trace: what was drawn is appended here in a few characters.
        """
        ...

    def describe(self) -> dict[str, str]:
        """Returns what the stage does and within which ranges, by topic ("blur", "noise"), for cards."""
        ...


def run_all(stages: Iterable[Stage], picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
    """Returns the picture after all stages, one after the other."""
    for stage in stages:
        picture = stage.run(picture, rng, trace)
    return picture


def describe_all(stages: Iterable[Stage]) -> dict[str, str]:
    """Returns the descriptions of all stages, those of one topic in one line."""
    return _joined((item for stage in stages for item in stage.describe().items()), "; ")


def span(limits: Range) -> str:
    """Returns "0.5-2", or "0.5" for a range of one value."""
    low, high = limits
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


@dataclass(frozen=True)
class Sharp:
    """Does nothing: the choice of no blur at all."""

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:  # noqa: ARG002
        """See `Stage.run`."""
        return picture

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"blur": "none"}


@dataclass(frozen=True)
class Sometimes:
    """Runs a stage for a share of the pictures.

    Attributes:
        share: how many of all pictures, 0 to 1.
        stage: what happens to them.
    """

    share: float
    stage: Stage

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        return self.stage.run(picture, rng, trace) if rng.random() < self.share else picture

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {topic: f"{self.share:.0%}: {words}" for topic, words in self.stage.describe().items()}


@dataclass(frozen=True)
class OneOf:
    """Runs one of several stages.

    Attributes:
        choices: (weight, stage); the weights need not sum to one.
    """

    choices: tuple[tuple[float, Stage], ...]

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        left = rng.random() * sum(weight for weight, _ in self.choices)
        for weight, stage in self.choices[:-1]:
            left -= weight
            if left < 0:
                return stage.run(picture, rng, trace)
        return self.choices[-1][1].run(picture, rng, trace)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        whole = sum(weight for weight, _ in self.choices)
        items = ((topic, f"{weight / whole:.0%} {words}") for weight, stage in self.choices for topic, words in stage.describe().items())
        return _joined(items, ", ")


@dataclass(frozen=True)
class Scene:
    """Runs stages that belong together, under a name of their own.

    Attributes:
        name: heads their description.
        stages: what happens, in this order.
    """

    name: str
    stages: tuple[Stage, ...]

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        trace.append(self.name)
        return run_all(self.stages, picture, rng, trace)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {self.name: "; ".join(f"{topic}: {words}" for topic, words in describe_all(self.stages).items())}


def _joined(items: Iterable[tuple[str, str]], between: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for topic, more in items:
        words[topic] = f"{words[topic]}{between}{more}" if topic in words else more
    return words
