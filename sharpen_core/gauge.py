"""How soft a frame is: its modulation transfer function, read from its spectrum.

A network that sees only the surroundings of a pixel cannot tell a soft picture of something sharp from a sharp picture of something soft.
The frame as a whole can: every lens, resampling and blur leaves its mark on all of its spectrum. So the network is told the frame's
modulation transfer function (MTF, as in ISO 12233): by how much detail of each fineness was dimmed, 1 being not at all.

The reading is that of a small trained regressor on what softness and compression leave on a picture (see `sharpen_core.traces`), with the
variance that it expects of itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels
from sharpen_core.traces import FEATURES, GRID_PX, Floats, features

BAND_EDGES = (0.03, 0.08, 0.14, 0.2, 0.27, 0.35, 0.5)
"""Cycles per pixel between which each number of an MTF is the mean."""
BANDS = len(BAND_EDGES) - 1
SHARP = np.ones(BANDS, np.float32)
"""The MTF of a frame that nothing dimmed."""
LOG_VARIANCES = (-9.0, 2.0)
"""How sure and how unsure a reading may be."""
CROP_PX = 256
"""Side of the parts of a frame that are read one at a time."""

_MOST_CROPS = 12
_MEMORY = 0.9  # how much of what was known stays at every reading of one more part
STEP = 0.05  # of the MTF, in any band; the regressor itself is off by 0.04 on average
CAUTION = (0.3, 0.45)
"""How much of the regressor's doubt is added to what is told of a frame that is soft for sure, and of one that may be sharp: a picture
comes to harm when it is taken to be softer than it is, and is only sharpened less when it is taken to be sharper."""
SOFT_FOR_SURE, MAYBE_SHARP = 0.55, 0.8
"""Mean MTF up to which the one holds, and from which on the other does."""
LEAN = 6.0
"""How much more the sharper parts of a frame count: by a factor of e for a sixth of the MTF. A lens dims all of a frame alike; what
else softens parts of it, a wall out of focus, a hand that moves, skin without detail, is not to be undone."""
SOFT_UP_TO, SHARP_FROM = 0.95, 0.975
"""Mean MTF up to which a network's result is taken as it is, and from which on the frame is: there is nothing to undo, and what a network
would do is the rare pixel that it gets wrong. The published level `low` is told as 0.94 at most, sharp screens as 0.99."""


def share_to_add(mtf: Floats) -> float:
    """Returns the share, 0 to 1, that is added of what a network has to add to a frame of this MTF, (BANDS,)."""
    return float(np.clip((SHARP_FROM - mtf.mean()) / (SHARP_FROM - SOFT_UP_TO), 0, 1))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a part of a frame says.

    Attributes:
        mtf: (BANDS,) float32, about 0 to 1.
        variance: (BANDS,) float32, how far off the regressor expects to be, squared.
    """

    mtf: Floats
    variance: Floats


class Gauge:
    """The trained regressor: three layers with SiLU between them.

    Args:
        weights: `weight0..2`, (outputs, inputs), and `bias0..2`, (outputs,), float32; FEATURES in, twice BANDS out.

    Raises:
        ValueError: they are something else.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._layers = [(weights[f"weight{index}"], weights[f"bias{index}"]) for index in range(3)]
        shapes = [weight.shape for weight, _ in self._layers]
        fits = all(before[0] == after[1] for before, after in pairwise(shapes))
        if not (fits and shapes[0][1] == FEATURES and shapes[-1][0] == 2 * BANDS):
            raise ValueError(f"a gauge of {FEATURES} features and {BANDS} bands cannot have layers of {shapes}")

    @classmethod
    def load(cls, path: Path) -> "Gauge":
        """Reads the weights from an .npz file.

        Raises:
            ValueError: it holds something else.
            OSError: it cannot be read.
        """
        try:
            with np.load(path) as file:
                return cls({name: file[name] for name in file.files})
        except KeyError as error:
            raise ValueError(f"{path} holds no gauge") from error

    def read(self, pixels: Pixels) -> Reading:
        """Reads a part of a frame, (H, W, 3) uint8 RGB, CROP_PX on each side or less."""
        values = features(pixels)
        for index, (weight, bias) in enumerate(self._layers):
            values = weight @ values + bias
            if index < 2:
                values = values * (0.5 + 0.5 * np.tanh(0.5 * values))  # SiLU, without overflow
        mtf, log_variance = np.split(values.astype(np.float32), 2)
        return Reading(mtf, np.exp(np.clip(log_variance, *LOG_VARIANCES)))

    def read_whole(self, pixels: Pixels) -> Floats:
        """Returns what to tell of the MTF, (BANDS,), of a picture (H, W, 3) uint8 RGB of any size, from parts all over it."""
        parts = _parts(pixels, _MOST_CROPS)
        summary = Summary(len(parts))
        for index, part in enumerate(parts):
            summary.take(index, self.read(part), stays=1.0)
        return summary.told()


class Summary:
    """Readings of several parts of a picture, each weighted by how sure and how sharp it is.

    Args:
        parts: how many.
    """

    def __init__(self, parts: int) -> None:
        self._mtf, self._weight, self._count = np.zeros((3, parts, BANDS), np.float32)

    def take(self, part: int, reading: Reading, stays: float) -> None:
        """Takes in a reading of a part; of those of this part that were there before so much stays, 0 to 1."""
        for sums, new in ((self._mtf, reading.mtf / reading.variance), (self._weight, 1 / reading.variance), (self._count, 1)):
            sums[part] = stays * sums[part] + new

    def told(self) -> Floats:
        """Returns the mean of all readings, (BANDS,), and `CAUTION` times their doubt more."""
        read = self._count.any(axis=1)
        mtf, weight = self._mtf[read] / self._weight[read], self._weight[read]
        sharpness = mtf.mean(axis=1, keepdims=True)
        lean = weight * np.exp(LEAN * (sharpness - sharpness.max()))
        known = (lean * mtf).sum(axis=0) / lean.sum(axis=0)
        caution = np.float32(np.interp(known.mean(), (SOFT_FOR_SURE, MAYBE_SHARP), CAUTION))
        return known + caution * np.sqrt(self._count[read].sum(axis=0) / weight.sum(axis=0))


def _parts(pixels: Pixels, most: int) -> list[Pixels]:
    """Returns at most `most` parts of a picture, spread evenly over it."""
    height, width = pixels.shape[:2]
    starts = [(y, x) for y in _starts(height) for x in _starts(width)]
    chosen = np.unique(np.linspace(0, len(starts) - 1, min(most, len(starts))).round().astype(int))
    return [pixels[starts[i][0] : starts[i][0] + CROP_PX, starts[i][1] : starts[i][1] + CROP_PX] for i in chosen]


def _starts(length: int) -> list[int]:
    """Where parts begin along an axis: side by side, first and last at the ends, but where a compressed block begins."""
    count = max(1, round(length / CROP_PX))
    return [int(index * max(0, length - CROP_PX) / max(1, count - 1)) // GRID_PX * GRID_PX for index in range(count)]


class FrameGauge:
    """The MTF of a camera's frames: the mean of all parts of the picture, each as it was when it was last read. Used by one thread.

    Parts are read in turn, so that a still picture is known the same all the time, and a changed one within two seconds; where the
    picture is small and its parts are few, their readings are averaged over time. What is told moves in steps: parts that were sharpened at
    different times have then mostly been told the same. If it followed every reading, one picture would have several degrees of sharpness.

    Args:
        gauge: the regressor.
        every: of so many frames one is looked at.
    """

    def __init__(self, gauge: Gauge, every: int = 5) -> None:
        self._gauge, self._every = gauge, every
        self.forget()

    def forget(self) -> None:
        """The next frame has nothing to do with those before."""
        self._frames = 0
        self._summary = Summary(0)
        self._told: Floats | None = None

    def look(self, pixels: Pixels) -> Floats:
        """Returns what is known of the MTF, (BANDS,), with this frame, (H, W, 3) uint8 RGB; the first frame is read all over.

        The array is the same one until it is another MTF.
        """
        number, self._frames = self._frames, self._frames + 1
        told = self._told
        if told is not None and number % self._every:
            return told
        parts = _parts(pixels, _MOST_CROPS)
        if told is None:
            self._summary = Summary(len(parts))
        for index in range(len(parts)) if told is None else [number // self._every % len(parts)]:
            self._summary.take(index, self._gauge.read(parts[index]), stays=_MEMORY ** len(parts))
        known = self._summary.told()
        if told is None or np.abs(known - told).max() > STEP:
            told = known
        self._told = told
        return told
