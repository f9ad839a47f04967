"""Which pictures may serve as truth: at what scale is each one sharp, and which show the same thing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.data.pictures import Picture, shrink

SCALES = (1.0, 1 / 2, 1 / 3)
# Detail of the finest octave over that of the next: in sharp pictures both hold about the same. Measured on 47 photographs and
# screenshots, 5th to 95th percentile: as they are 0.45-0.87, enlarged by two 0.17-0.26, blurred by a Gaussian of 1 px 0.21-0.36.
LEAST_RATIO = 0.5
ROUNDING = 1.0  # in grey values squared: where there is less detail than that, rounding to 8 bits is what is seen
TILE_PX = 32
SMALLEST_PX = 64  # a smaller picture has too few tiles to judge
NEAR_BITS = 8  # of the 64 of a hash
NEAR_GREY = 6.0  # mean difference of the thumbnails: pages of text share a hash, but not this


def sharp_scale(picture: Picture) -> float:
    """Returns the largest of `SCALES` at which the picture, (H, W, 3) uint8, is truly sharp; 0 if it is blurred at all."""
    for scale in SCALES:
        smaller = shrink(picture, scale)
        if min(smaller.shape[:2]) < SMALLEST_PX:
            return 0.0 if scale < 1 else 1.0
        if detail_ratio(smaller) >= LEAST_RATIO:
            return scale
    return 0.0


def detail_ratio(picture: Picture) -> float:
    """Returns how much detail the finest octave holds, over the next coarser one; about 0.7 for a sharp photograph.

    Judged where there is most to see, a tenth of all tiles of 32 px, since the background of a sharp portrait may well
    be blurred. What the emptiest tiles hold is taken for noise and subtracted.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rows, columns = (side // TILE_PX for side in grey.shape)
    grey = grey[: rows * TILE_PX, : columns * TILE_PX]
    fine, half = _octave(grey)
    coarse, _ = _octave(half)
    energies = [cv2.resize(band * band, (columns, rows), interpolation=cv2.INTER_AREA).ravel() for band in (fine, coarse)]
    most = np.argsort(energies[1])[-max(1, rows * columns // 10) :]
    above_noise = [float(np.mean(energy[most])) - float(np.percentile(energy, 5)) for energy in energies]
    return float(np.sqrt(max(above_noise[0], 0) / (max(above_noise[1], 0) + ROUNDING)))


def _octave(grey: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Splits a picture into its finest octave and the rest at half the size."""
    height, width = grey.shape
    half = np.asarray(cv2.resize(grey, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32)
    return grey - np.asarray(cv2.resize(half, (width, height), interpolation=cv2.INTER_CUBIC), np.float32), half


def thumbnail(picture: Picture) -> NDArray[np.uint8]:
    """Returns the picture as 16x18 grey values, whatever its size."""
    return np.asarray(cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (18, 16), interpolation=cv2.INTER_AREA), np.uint8)


def difference_hash(small: NDArray[np.uint8]) -> int:
    """Returns 64 bits that stay nearly the same when a picture is resized or compressed: which neighbour is brighter."""
    tiny = cv2.resize(small, (9, 8), interpolation=cv2.INTER_AREA)
    bits = (tiny[:, 1:] > tiny[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicates(thumbnails: list[NDArray[np.uint8]]) -> list[tuple[int, int]]:
    """Returns the pairs (earlier, later) of pictures that show the same thing, by their thumbnails."""
    hashes = np.array([difference_hash(small) for small in thumbnails], np.uint64)
    found: list[tuple[int, int]] = []
    for later in range(1, len(hashes)):
        bits = np.bitwise_count(hashes[:later] ^ hashes[later])
        for earlier in np.flatnonzero(bits <= NEAR_BITS).tolist():
            apart = np.abs(thumbnails[earlier].astype(np.int16) - thumbnails[later]).mean()
            if apart <= NEAR_GREY:
                found.append((earlier, later))
    return found
