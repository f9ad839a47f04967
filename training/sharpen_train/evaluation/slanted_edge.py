"""Sharpness, halos and noise from slanted edges, the way cameras are measured (ISO 12233, e-SFR).

A straight edge a few degrees off the pixel grid is sampled at a slightly different phase by every row. Sorted by their distance
from the edge, the pixels of all rows together draw the edge's profile (the edge-spread function) finer than the grid. Its
derivative is the line-spread function, and the magnitude of that one's Fourier transform the modulation transfer function (MTF):
how much contrast is left at a spatial frequency. MTF50 is the frequency at which half of it is left.

The charts are rendered in linear light and sRGB-encoded, as a camera does. MTF is measured in linear light, as the standard asks;
overshoot on the encoded values, since that is the scale on which a halo is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.degradations.published import LEVELS, Picture, add_noise, soften

Plane = NDArray[np.float64]

SIDE_PX = 192
MARGIN_PX = 16  # left out on all sides: there a filter sees the border of the picture
REACH_PX = 32  # how far from the edge its profile is followed
OVERSAMPLING = 4
ANGLES_DEG = (3.0, 5.0, 7.0)
# Darker and lighter side in linear light: the standard's 4:1, and 32:1. Both leave room for overshoot below white and above black.
CONTRASTS = ((0.15, 0.6), (0.0212, 0.679))
GREYS = (32, 80, 128, 176, 224)
NOISE_SIGMA = 2.0  # in 1/255: what a webcam shows in a lit room
SMEAR = "heavy"  # the level that blurs smeared noise


@dataclass(frozen=True)
class Chart:
    """A slanted edge through the middle of a square picture.

    Attributes:
        angle_deg: tilt against the pixel grid.
        dark, light: the two sides in linear light, 0 to 1.
        dark_first: whether the dark side is left (or on top).
        horizontal: whether the edge runs from side to side instead of from top to bottom.
    """

    angle_deg: float = 5.0
    dark: float = CONTRASTS[0][0]
    light: float = CONTRASTS[0][1]
    dark_first: bool = True
    horizontal: bool = False


CHARTS = tuple(
    Chart(angle, *contrast, dark_first, horizontal)
    for angle, contrast, dark_first, horizontal in product(ANGLES_DEG, CONTRASTS, (True, False), (False, True))
)


@dataclass(frozen=True)
class EdgeResponse:
    """What one edge shows.

    Attributes:
        mtf50: in cycles per pixel; the Nyquist frequency is 0.5, and a picture sharper than that is cut off at 1.
        overshoot_percent: the highest excursion beyond either plateau, of the step between them, on encoded values.
        mtf: contrast left at each of `FREQUENCIES`; 1 at zero.
    """

    mtf50: float
    overshoot_percent: float
    mtf: Plane


@dataclass(frozen=True)
class LevelEdge:
    """Input and output of a filter on one level of softness, means over all charts.

    Attributes:
        input_mtf50, output_mtf50: in cycles per pixel.
        input_overshoot_percent, output_overshoot_percent: of the step, the worse side of each edge.
        worst_overshoot_percent: the highest of the output on any chart.
        frequencies: in cycles per pixel, 0 to 0.5, where the curves are given.
        input_mtf, output_mtf: the curves, for plotting.
    """

    input_mtf50: float
    output_mtf50: float
    input_overshoot_percent: float
    output_overshoot_percent: float
    worst_overshoot_percent: float
    frequencies: tuple[float, ...]
    input_mtf: tuple[float, ...]
    output_mtf: tuple[float, ...]

    @property
    def gain(self) -> float:
        """MTF50 of the output over that of the input: 1.4 is 40 % more."""
        return self.output_mtf50 / self.input_mtf50


@dataclass(frozen=True)
class EdgeScore:
    """A filter on slanted edges and on flat noisy patches.

    Attributes:
        levels: by the name of the published level.
        noise_gain: standard deviation of flat noisy patches, output over input, over all greys together.
        smeared_noise_gain: the same for noise of the same strength that was blurred with the picture. A network that takes white noise
            for a sign of a sharp picture, and lets it through, may yet take blurred noise for blurred detail.
        noise_gain_by_grey: for white noise on each grey, 0 to 255.
    """

    levels: dict[str, LevelEdge]
    noise_gain: float
    smeared_noise_gain: float
    noise_gain_by_grey: dict[int, float]


_BINS = 2 * REACH_PX * OVERSAMPLING
_SAMPLES = 4 * _BINS  # padded with zeros, so that MTF50 is read off a fine curve
_SHOWN = np.fft.rfftfreq(_SAMPLES, 1 / OVERSAMPLING) <= 1.0
FREQUENCIES: Plane = np.asarray(np.fft.rfftfreq(_SAMPLES, 1 / OVERSAMPLING)[_SHOWN], np.float64)


def measure(restore: Callable[[Picture], Picture], *, levels: Sequence[str] = tuple(LEVELS), noise_sigma: float = 0.0) -> EdgeScore:
    """Measures a filter on all charts, softened by the middle of each published level.

    Args:
        restore: maps (H, W, 3) uint8 RGB to the same; it is given squares of `SIDE_PX`.
        levels: names of published levels.
        noise_sigma: noise that is added to the softened charts, standard deviation in 1/255.
    """
    white, blurred = ({grey: _noise_variances(restore, grey, smeared) for grey in GREYS} for smeared in (False, True))
    return EdgeScore(
        levels={level: _measure_level(restore, level, noise_sigma) for level in levels},
        noise_gain=_gain(list(white.values())),
        smeared_noise_gain=_gain(list(blurred.values())),
        noise_gain_by_grey={grey: _gain([variances]) for grey, variances in white.items()},
    )


@cache
def render(chart: Chart) -> Picture:
    """Draws a chart, (`SIDE_PX`, `SIDE_PX`, 3) uint8, each pixel the mean of linear light over its area; read-only."""
    fine, coarse = 16, 4  # samples a pixel across and along the edge
    across = (np.arange(SIDE_PX * fine) + 0.5) / fine - SIDE_PX / 2
    along = (np.arange(SIDE_PX * coarse) + 0.5) / coarse - SIDE_PX / 2
    beyond = across[None, :] > np.tan(np.radians(chart.angle_deg)) * along[:, None]
    share = beyond.reshape(SIDE_PX, coarse, SIDE_PX, fine).mean(axis=(1, 3))
    first, second = (chart.dark, chart.light) if chart.dark_first else (chart.light, chart.dark)
    plane = np.round(encode(first + (second - first) * share) * 255).astype(np.uint8)
    picture = np.repeat((plane.T if chart.horizontal else plane)[:, :, None], 3, axis=2)
    picture.flags.writeable = False
    return picture


def encode(linear: Plane) -> Plane:
    """Returns sRGB values, 0 to 1, of linear light (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def decode(encoded: Plane) -> Plane:
    """Returns linear light of sRGB values, 0 to 1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((np.maximum(encoded, 0.04045) + 0.055) / 1.055) ** 2.4)


def analyse(picture: Picture, *, horizontal: bool = False) -> EdgeResponse:
    """Measures the one edge in `picture`, (H, W, 3) uint8 RGB, on luma; the edge runs up and down unless `horizontal`."""
    luma = picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) / 255
    encoded = (luma.T if horizontal else luma)[MARGIN_PX:-MARGIN_PX]
    if encoded[:, MARGIN_PX : 2 * MARGIN_PX].mean() > encoded[:, -2 * MARGIN_PX : -MARGIN_PX].mean():
        encoded = encoded[:, ::-1]  # so that every edge rises
    linear = decode(encoded)
    distance_px = _distances(linear)
    mtf = _mtf(_profile(linear, distance_px))
    return EdgeResponse(_mtf50(mtf), _overshoot_percent(_profile(encoded, distance_px)), mtf)


def _measure_level(restore: Callable[[Picture], Picture], level: str, noise_sigma: float) -> LevelEdge:
    before: list[EdgeResponse] = []
    after: list[EdgeResponse] = []
    for number, chart in enumerate(CHARTS):
        soft = _soften(render(chart), level)
        if noise_sigma:
            soft = add_noise(soft, noise_sigma, np.random.default_rng(number))
        before.append(analyse(soft, horizontal=chart.horizontal))
        after.append(analyse(restore(soft), horizontal=chart.horizontal))
    shown = FREQUENCIES <= 0.5
    curves = [tuple(np.mean([edge.mtf for edge in edges], axis=0)[shown].tolist()) for edges in (before, after)]
    return LevelEdge(
        input_mtf50=float(np.mean([edge.mtf50 for edge in before])),
        output_mtf50=float(np.mean([edge.mtf50 for edge in after])),
        input_overshoot_percent=float(np.mean([edge.overshoot_percent for edge in before])),
        output_overshoot_percent=float(np.mean([edge.overshoot_percent for edge in after])),
        worst_overshoot_percent=max(edge.overshoot_percent for edge in after),
        frequencies=tuple(FREQUENCIES[shown].tolist()),
        input_mtf=curves[0],
        output_mtf=curves[1],
    )


def _soften(picture: Picture, level: str) -> Picture:
    """The middle of a published level."""
    ranges = LEVELS[level]
    return soften(picture, float(np.mean(ranges.scale)), float(np.mean(ranges.sigma_px)))


def _noise_variances(restore: Callable[[Picture], Picture], grey: int, smeared: bool) -> tuple[float, float]:
    """Variance of a flat noisy patch before and after the filter; smeared noise is blurred and brought back to its strength."""
    noise = np.random.default_rng(grey).standard_normal((SIDE_PX, SIDE_PX, 3))
    if smeared:
        field = np.clip(128 + 32 * noise, 0, 255).astype(np.uint8)
        noise = _soften(field, SMEAR).astype(np.float64)
        noise -= noise.mean()
    noisy = np.round(np.clip(grey + NOISE_SIGMA * noise / noise.std(), 0, 255)).astype(np.uint8)
    inner = slice(MARGIN_PX, -MARGIN_PX)
    # Each channel's own variance, so that a shift of colour does not pass for noise.
    before, after = (float(np.var(patch[inner, inner], axis=(0, 1)).mean()) for patch in (noisy, restore(noisy)))
    return before, after


def _gain(variances: Sequence[tuple[float, float]]) -> float:
    """Standard deviation after over before, over all patches together."""
    before, after = np.mean(variances, axis=0)
    return float(np.sqrt(after / before))


def _distances(linear: Plane) -> Plane:
    """Signed distance of each pixel from the edge in px, at right angles to it; (H, W) like `linear`.

    Each row's edge is the centre of gravity of its derivative. A window around the last estimate keeps noise far from the edge from
    pulling at it.
    """
    height, width = linear.shape
    rows, columns = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    slope = np.diff(linear, axis=1)
    between = columns[:-1] + 0.5
    tilt, offset = 0.0, 0.0
    for window_px in (width / 2, REACH_PX, REACH_PX / 2, REACH_PX / 2):
        away = between[None, :] - (tilt * rows + offset)[:, None]
        weight = slope * np.where(np.abs(away) < window_px, 0.54 + 0.46 * np.cos(np.pi * away / window_px), 0)
        centres = (weight * between).sum(axis=1) / weight.sum(axis=1)
        tilt, offset = np.polyfit(rows, centres, 1)
    return (columns[None, :] - (tilt * rows + offset)[:, None]) / np.hypot(1, tilt)


def _profile(plane: Plane, distance_px: Plane) -> Plane:
    """The edge-spread function: means of bins of 1 / `OVERSAMPLING` px within `REACH_PX` of the edge."""
    number = np.floor((distance_px + REACH_PX) * OVERSAMPLING).astype(int)
    inside = (number >= 0) & (number < _BINS)
    counts = np.bincount(number[inside], minlength=_BINS)
    sums = np.bincount(number[inside], plane[inside], minlength=_BINS)
    filled = np.flatnonzero(counts)
    return np.interp(np.arange(_BINS), filled, sums[filled] / counts[filled])


def _mtf(profile: Plane) -> Plane:
    """The modulation transfer function at `FREQUENCIES`, freed of what the bins and the discrete derivative take away."""
    line = np.gradient(profile)
    # The window follows the line's centre of gravity, where it must be highest.
    away = np.arange(_BINS) - float((np.arange(_BINS) * line).sum() / line.sum())
    window = np.where(np.abs(away) < _BINS / 2, 0.54 + 0.46 * np.cos(2 * np.pi * away / _BINS), 0)
    spectrum = np.abs(np.fft.rfft(line * window, _SAMPLES))[_SHOWN]
    bins, derivative = np.sinc(FREQUENCIES / OVERSAMPLING), np.sinc(2 * FREQUENCIES / OVERSAMPLING)
    return spectrum / spectrum[0] / bins / derivative


def _mtf50(mtf: Plane) -> float:
    """The first frequency at which the curve falls to one half, between samples by a straight line; 1 if it never does."""
    below = np.flatnonzero(mtf < 0.5)
    if not below.size:
        return float(FREQUENCIES[-1])
    after = int(below[0])
    share = (mtf[after - 1] - 0.5) / (mtf[after - 1] - mtf[after])
    return float(FREQUENCIES[after - 1] + share * (FREQUENCIES[after] - FREQUENCIES[after - 1]))


def _overshoot_percent(profile: Plane) -> float:
    """The highest excursion of a rising profile beyond its plateaus, in per cent of the step; the plateaus are its outer quarters."""
    outer = _BINS // 4
    low, high = float(np.median(profile[:outer])), float(np.median(profile[-outer:]))
    smooth = np.asarray(cv2.blur(profile[None], (OVERSAMPLING, 1)))[0]  # over one pixel, so that one noisy bin is no halo
    return 100 * max(0.0, float(smooth.max()) - high, low - float(smooth.min())) / (high - low)
