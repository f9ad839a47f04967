"""What softness and compression leave on a picture, in numbers: what a gauge looks at, see `sharpen_core.gauge`.

Softness shows in the power spectrum (Welch's method): fine detail is missing. But JPEG and its kin round fine detail away, too, and there
that looks the same. What tells the two apart is the cosine transform of the very blocks that were compressed: rounded coefficients are
nothing or large, with a gap between (Fan and de Queiroz, 2003), and blocks do not join smoothly.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels

Floats = NDArray[np.float32]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
GRID_PX = 8
"""Side of the blocks that are compressed; a part of a frame should be cut at a multiple of it."""

_BLOCK_PX, _STRIDE_PX = 64, 48
_RINGS = 32  # rings of equal width up to half a cycle per pixel, and one for the corners beyond
_FLOOR = 0.02  # of a ring's power, in 1/255²: what rounding to 8 bits leaves anyway
_LARGE = (0.6, 1.5, 3.0, 6.0, 12.0, 24.0)  # coefficients, in 1/255: the first is above what rounding to 8 bits leaves
_DIAGONALS = 2 * GRID_PX - 2  # coefficients of one fineness, but for the mean
_RARE = 2e-3  # of all coefficients
SPECTRUM = 3 * (_RINGS + 1)
FEATURES = SPECTRUM + len(_LARGE) * _DIAGONALS + 2


def features(pixels: Pixels) -> Floats:
    """Returns what a gauge looks at, (FEATURES,) float32: first the spectrum, then the traces of compression.

    Args:
        pixels: (H, W, 3) uint8 RGB of any size, cut where a compressed block begins; what is smaller than a block is continued by its edge.
    """
    luma = pixels.astype(np.float32) @ np.array(LUMA, np.float32)  # not rounded to 8 bits: the faintest detail tells most
    return np.concatenate([_spectrum(_at_least(luma, _BLOCK_PX)), _compression(_at_least(luma, 2 * GRID_PX))])


def _at_least(luma: Floats, side_px: int) -> Floats:
    missing = [max(0, side_px - side) for side in luma.shape]
    return np.pad(luma, [(0, side) for side in missing], mode="edge") if any(missing) else luma


def _spectrum(luma: Floats) -> Floats:
    """Returns log power by fineness, (SPECTRUM,), of three kinds of blocks.

    All blocks together, the quarter with the most detail, and the quarter with the most of the finest: where something is in focus.
    """
    blocks = np.lib.stride_tricks.sliding_window_view(luma, (_BLOCK_PX, _BLOCK_PX))[::_STRIDE_PX, ::_STRIDE_PX]
    blocks = blocks.reshape(-1, _BLOCK_PX, _BLOCK_PX).copy()
    window, rings = _window(), _rings()
    windowed = (blocks - blocks.mean(axis=(1, 2), keepdims=True)) * window
    # One after the other by OpenCV: a quarter of the time that NumPy takes for all at once.
    transformed = np.stack([cv2.dft(block, flags=cv2.DFT_COMPLEX_OUTPUT)[:, : _BLOCK_PX // 2 + 1] for block in windowed])
    power = (transformed[..., 0] ** 2 + transformed[..., 1] ** 2).reshape(len(blocks), -1) @ rings  # (blocks, _RINGS + 1)
    quarter = max(1, len(blocks) // 4)
    logarithm = np.log(power + _FLOOR)
    detailed = np.argsort(logarithm[:, 3:16].mean(axis=1))[-quarter:]
    finest = np.argsort(power[:, 24:].mean(axis=1))[-quarter:]
    parts = (np.log(power.mean(axis=0) + _FLOOR), logarithm[detailed].mean(axis=0), logarithm[finest].mean(axis=0))
    return np.concatenate(parts).astype(np.float32)


@cache
def _window() -> Floats:
    side = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_BLOCK_PX) / _BLOCK_PX)  # Hann
    window = np.outer(side, side)
    return (window / np.sqrt((window**2).sum())).astype(np.float32)


@cache
def _rings() -> Floats:
    """Returns (frequencies, rings): each column takes the mean over the frequencies of a ring."""
    fineness = np.hypot(np.fft.fftfreq(_BLOCK_PX)[:, None], np.fft.rfftfreq(_BLOCK_PX)[None])
    ring = np.minimum((fineness / 0.5 * _RINGS).astype(int), _RINGS).ravel()
    members = np.zeros((ring.size, _RINGS + 1), np.float32)
    members[np.arange(ring.size), ring] = 1
    return members / members.sum(axis=0)


def _compression(luma: Floats) -> Floats:
    """Returns how many coefficients of each fineness are how large, as logarithms, and how much blocks stand out in either direction."""
    rows, columns = (side // GRID_PX for side in luma.shape)
    whole = luma[: rows * GRID_PX, : columns * GRID_PX]
    blocks = whole.reshape(rows, GRID_PX, columns, GRID_PX).swapaxes(1, 2).reshape(-1, GRID_PX**2)
    sizes = np.abs(blocks @ _cosines())
    shares = np.stack([(sizes > least).mean(axis=0, dtype=np.float32) for least in _LARGE]) @ _diagonals()  # (sizes, _DIAGONALS)
    return np.concatenate([np.log(shares.ravel() + _RARE), [_steps(whole.T), _steps(whole)]]).astype(np.float32)


def _steps(luma: Floats) -> float:
    """Returns how much rows differ across the edges of blocks, as against in their middles, as a logarithm."""
    differences = np.abs(np.diff(luma, axis=0))
    across, inside = (float(differences[first::GRID_PX].mean()) for first in (GRID_PX - 1, GRID_PX // 2 - 1))
    return float(np.log((across + 0.05) / (inside + 0.05)))


@cache
def _cosines() -> Floats:
    """Returns the orthonormal two-dimensional DCT of a block as a matrix, (GRID_PX², GRID_PX²), for blocks as rows."""
    steps = np.arange(GRID_PX)
    waves = np.cos(np.pi * (2 * steps[:, None] + 1) * steps / (2 * GRID_PX)) * np.sqrt(np.where(steps == 0, 1, 2) / GRID_PX)
    return np.kron(waves, waves).astype(np.float32)


@cache
def _diagonals() -> Floats:
    """Returns (coefficients, _DIAGONALS): each column takes the mean over the coefficients of a fineness."""
    steps = np.arange(GRID_PX)
    fineness = np.add.outer(steps, steps).ravel()
    members = (fineness[:, None] == np.arange(1, _DIAGONALS + 1)).astype(np.float32)
    return members / members.sum(axis=0)
