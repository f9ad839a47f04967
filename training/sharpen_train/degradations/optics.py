"""What the lens does: point-spread kernels, and the stages that draw them.

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


def disk_kernel(radius_px: float) -> Kernel:
    """Returns an evenly lit disk with an anti-aliased rim: an unfocused point seen through a round aperture."""
    half = int(np.ceil(radius_px))
    size = 2 * half + 1
    steps = (np.arange(size * _SUBSAMPLES) + 0.5) / _SUBSAMPLES - size / 2
    inside = np.add.outer(steps**2, steps**2) <= radius_px**2
    return normalised(inside.reshape(size, _SUBSAMPLES, size, _SUBSAMPLES).sum((1, 3)))


def gaussian_kernel(sigma_px: float, ratio: float, angle: float) -> Kernel:
    """Returns a Gaussian of deviation `sigma_px` along `angle` (radians) and `sigma_px / ratio` across it."""
    half = max(1, int(np.ceil(2.5 * sigma_px)))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return normalised(np.exp(-0.5 * ((along / sigma_px) ** 2 + (across * ratio / sigma_px) ** 2)))


def convolve(picture: Picture, kernel: Kernel) -> Picture:
    """Returns `picture`, (H, W, 3) uint8, blurred by `kernel`; mirrored at its edges."""
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def normalised(kernel: NDArray[np.generic]) -> Kernel:
    """Returns what is not negative as a kernel that sums to one."""
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
