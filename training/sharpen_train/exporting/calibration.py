"""Pictures to quantise a model with: softened crops to calibrate on, and others with their truth to measure the loss on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sharpen_train.data.dataset import is_dataset, open_dataset
from sharpen_train.data.pictures import find_sources, load_truth
from sharpen_train.degradations import Picture
from sharpen_train.degradations.published import CONDITIONS, EVALUATION_JPEG_QUALITY, degrade
from sharpen_train.errors import DataError

CROP_PX = 256
LEAST_CROP_PX = 64
CALIBRATE, HELD_OUT = 192, 64
LEAST = 4
FLAT = 4.0  # standard deviation in 1/255 below which a crop says nothing


@dataclass(frozen=True)
class Examples:
    """Pictures of sides that the network divides, (H, W, 3) uint8.

    Attributes:
        calibrate: soft ones.
        held_out: pairs of soft and true ones, of other source pictures.
    """

    calibrate: list[Picture]
    held_out: list[tuple[Picture, Picture]]

    def only(self, fits: Callable[[Picture], bool]) -> "Examples":
        """Returns those whose soft picture fits; all of them where fewer than `LEAST` of either kind do."""
        calibrate = [soft for soft in self.calibrate if fits(soft)]
        held_out = [pair for pair in self.held_out if fits(pair[0])]
        return Examples(calibrate, held_out) if min(len(calibrate), len(held_out)) >= LEAST else self


def read_examples(source: Path, multiple_px: int) -> Examples:
    """Reads a folder of sharp pictures, or a prepared dataset, and softens crops of it by every published level, half of them with JPEG.

    A dataset is calibrated on its training split and measured on its test split; of a folder every second picture is held out.

    Args:
        source: the folder or the dataset.
        multiple_px: what the sides of the crops are multiples of.

    Raises:
        DataError: there are too few pictures, or they cannot be read.
    """
    rng = np.random.default_rng(5)
    truths = [_crops(group, count, multiple_px, rng) for group, count in zip(_pictures(source), (CALIBRATE, HELD_OUT), strict=True)]
    if not all(truths):
        raise DataError(f"{source} has too few pictures to quantise with", "Give at least two with detail in them: --calibration FOLDER.")
    calibrate, held_out = ([(_soften(truth, number, rng), truth) for number, truth in enumerate(group)] for group in truths)
    return Examples([soft for soft, _ in calibrate], held_out)


def _pictures(source: Path) -> list[list[Picture]]:
    """Returns pictures to calibrate on and others to measure on, spread evenly over the source."""
    if is_dataset(source):
        dataset = open_dataset(source)
        return [[truths[row] for row in _spread(len(truths))] for truths in (dataset.truths("train"), dataset.truths("test"))]
    files = find_sources(source)
    return [[load_truth(half[number]) for number in _spread(len(half))] for half in (files[::2], files[1::2])]


def _spread(count: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, 2 * CALIBRATE)).astype(int)).tolist()


def _crops(pictures: Sequence[Picture], count: int, multiple_px: int, rng: np.random.Generator) -> list[Picture]:
    """Returns up to `count` crops with detail, taken from the pictures in turn, all of one size."""
    pictures = [picture for picture in pictures if min(picture.shape[:2]) >= LEAST_CROP_PX]
    side_px = min([CROP_PX, *(min(picture.shape[:2]) for picture in pictures)]) // multiple_px * multiple_px
    crops: list[Picture] = []
    for number in range(2 * count if pictures else 0):
        picture = pictures[number % len(pictures)]
        top, left = (int(rng.integers(side - side_px + 1)) for side in picture.shape[:2])
        crop = np.ascontiguousarray(picture[top : top + side_px, left : left + side_px])
        if crop.std() >= FLAT and len(crops) < count:
            crops.append(crop)
    return crops


def _soften(truth: Picture, number: int, rng: np.random.Generator) -> Picture:
    level, jpeg = CONDITIONS[number % len(CONDITIONS)]
    return degrade(truth, level, rng, EVALUATION_JPEG_QUALITY if jpeg else None)
