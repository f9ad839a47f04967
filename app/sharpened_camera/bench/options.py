"""What is to be measured, and how long."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sharpen_core.frame import Size
from sharpen_core.model_store import Model

SIZES = (Size(480, 640), Size(720, 1280), Size(1080, 1920))
USUAL_SIZE = Size(720, 1280)

Progress = Callable[[str], None]
"""Takes one line about what is measured now."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What one bench measures.

    Attributes:
        models: which models.
        sizes: of the frames, for networks and sessions.
        size: of the frames where one size is enough: stages and the published student.
        threads: that a network gets.
        scratch: a folder for clips.
        cpu_ceiling: percent of the machine that paced sessions may use; None takes what the program takes.
        quick: a rough idea in about a minute.
    """

    models: tuple[Model, ...]
    sizes: tuple[Size, ...]
    size: Size
    threads: int
    scratch: Path
    cpu_ceiling: int | None = None
    quick: bool = False

    @property
    def rounds(self) -> int:
        """How often each call is timed at most."""
        return 7 if self.quick else 30

    @property
    def most_s(self) -> float:
        """How long one comparison is measured at most."""
        return 3.0 if self.quick else 20.0

    @property
    def session_s(self) -> float:
        """How long a paced session lasts."""
        return 6.0 if self.quick else 20.0

    @property
    def sessions(self) -> int:
        """How often each session is run, for the median."""
        return 1 if self.quick else 5

    @property
    def memory_frames(self) -> int:
        """How many frames the memory is watched for."""
        return 5_000 if self.quick else 100_000
