"""The one kind of picture that travels through the program."""

import re
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8 RGB, C-contiguous."""


class Size(NamedTuple):
    """A size in pixels. Ordered like an array's shape; written and read the other way round, as people do."""

    height: int
    width: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "1280x720".

        Raises:
            ValueError: the text is not WIDTHxHEIGHT with both positive.
        """
        match = re.fullmatch(r"([1-9]\d{0,4})[xX×]([1-9]\d{0,4})", text.strip())
        if not match:
            raise ValueError(f"'{text}' is not a size such as 1280x720")
        return cls(height=int(match[2]), width=int(match[1]))

    @classmethod
    def of(cls, pixels: Pixels) -> Self:
        """The size of a picture."""
        return cls(*pixels.shape[:2])

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Box(NamedTuple):
    """A range of rows and columns, of cells or of pixels."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture and when it was taken.

    Attributes:
        pixels: (height, width, 3) uint8 RGB, C-contiguous, read-only; owned by the frame.
        seq: number of the frame in its session, from 0, without gaps as captured.
        captured_ns: `time.monotonic_ns()` when the camera delivered it.
    """

    pixels: Pixels
    seq: int
    captured_ns: int

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise ValueError(f"a frame is (height, width, 3) uint8, not {self.pixels.shape} {self.pixels.dtype}")
        if not self.pixels.flags.c_contiguous:
            raise ValueError("a frame's pixels must be C-contiguous")
        self.pixels.flags.writeable = False

    @property
    def size(self) -> Size:
        """Height and width."""
        return Size.of(self.pixels)
