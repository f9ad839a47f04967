"""What the lens and movement do: point-spread kernels, and the stages that draw them.

Kernels are (K, K) float32 with K odd, sum to one and keep the picture in its place. They act on display values, not on
linear light: there, blur would brighten fine dark detail, and soft and sharp must never differ in brightness.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.degradations.stages import Picture, Range, span

Kernel = NDArray[np.float32]
_SUBSAMPLES = 16  # a side of a pixel, for the anti-aliased rim of the disk
_STEPS_PER_PX = 4  # of a motion path


def disk_kernel(radius_px: float) -> Kernel:
    """Returns an evenly lit disk with an anti-aliased rim: an unfocused point seen through a round aperture."""
    half = int(np.ceil(radius_px))
    size = 2 * half + 1
    steps = (np.arange(size * _SUBSAMPLES) + 0.5) / _SUBSAMPLES - size / 2
    inside = np.add.outer(steps**2, steps**2) <= radius_px**2
    return _normalised(inside.reshape(size, _SUBSAMPLES, size, _SUBSAMPLES).sum((1, 3)))


def gaussian_kernel(sigma_px: float, ratio: float, angle: float) -> Kernel:
    """Returns a Gaussian of deviation `sigma_px` along `angle` (radians) and `sigma_px / ratio` across it."""
    half = max(1, int(np.ceil(2.5 * sigma_px)))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return _normalised(np.exp(-0.5 * ((along / sigma_px) ** 2 + (across * ratio / sigma_px) ** 2)))


def motion_kernel(length_px: float, angle: float, bend: float = 0.0) -> Kernel:
    """Returns the track of a point that moved while the shutter was open.

    Args:
        length_px: length of the track.
        angle: direction at its middle, radians.
        bend: how much the direction turns from start to end, radians; 0 for a straight line.
    """
    count = max(2, round(length_px * _STEPS_PER_PX))
    heading = angle + bend * np.linspace(-0.5, 0.5, count)
    return _track(np.cumsum(np.cos(heading)) * length_px / count, np.cumsum(np.sin(heading)) * length_px / count)


def shake_kernel(length_px: float, angle: float, rng: np.random.Generator) -> Kernel:
    """Returns the wandering track of a hand-held camera: a smooth random walk of direction and speed, `length_px` long."""
    count = max(4, round(length_px * _STEPS_PER_PX))
    heading = angle + np.cumsum(rng.normal(0, 2.5 / np.sqrt(count), count))
    speed = np.exp(np.cumsum(rng.normal(0, 1 / np.sqrt(count), count)))
    speed *= length_px / speed.sum()
    return _track(np.cumsum(np.cos(heading) * speed), np.cumsum(np.sin(heading) * speed))


def convolve(picture: Picture, kernel: Kernel) -> Picture:
    """Returns `picture`, (H, W, 3) uint8, blurred by `kernel`; mirrored at its edges."""
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def _track(x: NDArray[np.float64], y: NDArray[np.float64]) -> Kernel:
    """Draws a path, moved so that its centre of mass is in the middle: blur must not shift the picture."""
    x, y = x - x.mean(), y - y.mean()
    half = int(np.ceil(max(np.abs(x).max(), np.abs(y).max()))) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right_share, bottom_share = x - left, y - top
    for down, row_share in ((0, 1 - bottom_share), (1, bottom_share)):
        for right, column_share in ((0, 1 - right_share), (1, right_share)):
            np.add.at(kernel, (top + down + half, left + right + half), row_share * column_share)
    return _normalised(kernel)


def _normalised(kernel: NDArray[np.generic]) -> Kernel:
    positive = kernel.astype(np.float32)
    return positive / positive.sum()


@dataclass(frozen=True)
class LensBlur:
    """The softness of a small cheap lens: a Gaussian that is wider in one direction.

    Attributes:
        sigma_px: its larger standard deviation.
        ratio: of the larger to the smaller.
    """

    sigma_px: Range
    ratio: Range = (1.0, 1.6)

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        sigma_px, ratio, angle = rng.uniform(*self.sigma_px), rng.uniform(*self.ratio), rng.uniform(0, np.pi)
        trace.append(f"lens {sigma_px:.1f} px")
        return convolve(picture, gaussian_kernel(sigma_px, ratio, angle))

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"blur": f"lens (Gaussian {span(self.sigma_px)} px, {span(self.ratio)} times as long as wide)"}


@dataclass(frozen=True)
class Defocus:
    """A fixed-focus lens at the wrong distance.

    Attributes:
        radius_px: of the disk.
    """

    radius_px: Range

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        radius_px = rng.uniform(*self.radius_px)
        trace.append(f"defocus {radius_px:.1f} px")
        return convolve(picture, disk_kernel(radius_px))

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"blur": f"defocus (disk of {span(self.radius_px)} px radius)"}


@dataclass(frozen=True)
class Motion:
    """Movement of the person: a straight or gently bent track.

    Attributes:
        length_px: of the track.
    """

    length_px: Range

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        length_px, angle, bend = rng.uniform(*self.length_px), rng.uniform(0, np.pi), rng.normal(0, 0.5)
        trace.append(f"motion {length_px:.1f} px")
        return convolve(picture, motion_kernel(length_px, angle, bend))

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"motion": f"track of {span(self.length_px)} px"}


@dataclass(frozen=True)
class Shake:
    """Movement of the camera: a wandering track.

    Attributes:
        length_px: of the track.
    """

    length_px: Range

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        length_px, angle = rng.uniform(*self.length_px), rng.uniform(0, 2 * np.pi)
        trace.append(f"shake {length_px:.1f} px")
        return convolve(picture, shake_kernel(length_px, angle, rng))

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"motion": f"hand-shake of {span(self.length_px)} px"}
