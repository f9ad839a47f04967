"""What movement does while the shutter is open: tracks of points, and the stages that draw them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.degradations.optics import Kernel, convolve, normalised
from sharpen_train.degradations.stages import Picture, Range, span

_STEPS_PER_PX = 4  # of a motion path
_EXPOSURES = (7, 13)  # frames of a fast camera that are averaged where somebody makes blurred pictures of sharp ones


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


def exposures_kernel(length_px: float, angle: float, count: int) -> Kernel:
    """Returns `count` moments of a straight movement, as in an average of frames (Nah et al., CVPR 2017)."""
    along = length_px * np.linspace(-0.5, 0.5, count)
    return _track(np.cos(angle) * along, np.sin(angle) * along)


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
    return normalised(kernel)


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


@dataclass(frozen=True)
class Movement:
    """Somebody before a background, each moving its own way, or one of them still.

    Attributes:
        length_px: of the tracks.
        still_share: of the backgrounds.
    """

    length_px: Range
    still_share: float = 0.4

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        front, front_px = self._draw(rng)
        behind, behind_px = self._draw(rng) if rng.random() >= self.still_share else (None, 0.0)
        trace.append(f"movement {front_px:.0f}/{behind_px:.0f} px")
        mask = np.asarray(cv2.filter2D(_outline(picture.shape[0], picture.shape[1], rng), -1, front, borderType=cv2.BORDER_REFLECT_101))
        background = picture if behind is None else convolve(picture, behind)
        mixed = background + mask[:, :, None] * (convolve(picture, front).astype(np.float32) - background)
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _draw(self, rng: np.random.Generator) -> tuple[Kernel, float]:
        low, high = np.log(self.length_px)
        length_px, angle = float(np.exp(rng.uniform(low, high))), rng.uniform(0, np.pi)
        kind = rng.random()
        if kind < 0.3:
            return exposures_kernel(length_px, angle, int(rng.integers(*_EXPOSURES, endpoint=True))), length_px
        return (motion_kernel(length_px, angle, rng.normal(0, 0.4)) if kind < 0.8 else shake_kernel(length_px, angle, rng)), length_px

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"movement": f"tracks of {span(self.length_px)} px before a background, {self.still_share:.0%} of which are still"}


def _outline(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Returns the outline of something in front, (height, width), 1 inside and 0 outside: a blob of any shape, sometimes all or nothing."""
    coarse = rng.normal(0, 1, (4, 4)).astype(np.float32)
    level = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return (level > rng.normal(0, 0.6)).astype(np.float32)
