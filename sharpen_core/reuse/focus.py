"""Which part of a picture is sharpened when the time does not suffice for all of it: where someone moves, else the middle.

Faces are not looked for: what moves near the middle of a call's picture is the person, and that costs nothing to find.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Box, Pixels, Size
from sharpen_core.reuse.change import Cells
from sharpen_core.reuse.cover import Layout

FEATHER_PX = 64
STEP_PX = 1.5  # per frame: slow enough that nobody sees the border move
REMEMBERED_FRAMES = 90
LONGEST_SIDE = 4 / 3  # width over height of the part: people are not as wide as pictures
STILL = 3.0  # how much the middle pulls, in cells that always move


class Part(NamedTuple):
    """The part of a frame that is sharpened, in pixels: (top, left) to (bottom, right), fading out towards its edges."""

    top: int
    left: int
    bottom: int
    right: int

    def cells(self, layout: Layout) -> Cells:
        """The cells that it touches."""
        chosen = np.zeros(layout.grid, np.bool_)
        cell = layout.cell_px
        chosen[self.top // cell : math.ceil(self.bottom / cell), self.left // cell : math.ceil(self.right / cell)] = True
        return chosen

    def merge(self, after: Pixels, plain: Callable[[Box], Pixels]) -> None:
        """Lets what lies around this part be plain, in place; in between one fades into the other.

        Args:
            after: (H, W, 3) uint8, what is right inside this part.
            plain: what a box of the frame looks like where it is not sharpened, (h, w, 3) uint8.
        """
        height, width = after.shape[:2]
        rows, columns = _ramp(self.top, self.bottom, height), _ramp(self.left, self.right, width)
        for box in self._around(height, width):
            around = np.s_[box.top : box.bottom, box.left : box.right]
            top, left = max(box.top, self.top), max(box.left, self.left)
            bottom, right = min(box.bottom, self.bottom), min(box.right, self.right)
            faded, there = np.s_[top:bottom, left:right], plain(box)
            weight = rows[top - self.top : bottom - self.top, None] * columns[None, left - self.left : right - self.left]
            before = there[top - box.top : bottom - box.top, left - box.left : right - box.left]
            mixed = cv2.blendLinear(after[faded], before, weight, 1 - weight)
            after[around] = there
            after[faded] = mixed

    def _around(self, height: int, width: int) -> Iterator[Box]:
        """Four boxes that hold all but the inside of this part, where nothing fades any more."""
        top, bottom = _inside(self.top, self.bottom, height)
        left, right = _inside(self.left, self.right, width)
        boxes = Box(0, 0, top, width), Box(bottom, 0, height, width), Box(top, 0, bottom, left), Box(top, right, bottom, width)
        return (box for box in boxes if box.top < box.bottom and box.left < box.right)


def _fade(first: int, last: int) -> int:
    return min(FEATHER_PX, (last - first) // 3)


def _inside(first: int, last: int, length: int) -> tuple[int, int]:
    """The stretch from `first` to `last` without what fades."""
    fade = _fade(first, last)
    return first + fade * (first > 0), last - fade * (last < length)


def _ramp(first: int, last: int, length: int) -> NDArray[np.float32]:
    """Weights from `first` to `last`, falling to zero where they end inside the frame; smooth, so that no edge shows."""
    fade = _fade(first, last)
    position = np.arange(first, last, dtype=np.float32) + 0.5
    weight = np.ones(last - first, np.float32)
    if first > 0:
        weight = np.minimum(weight, (position - first) / fade)
    if last < length:
        weight = np.minimum(weight, (last - position) / fade)
    weight = np.clip(weight, 0, 1)
    return (weight * weight * (3 - 2 * weight)).astype(np.float32)


class Focus:
    """Follows what moves, slowly. Used by one thread at a time."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        rows, columns = layout.grid
        self._y, self._x = np.mgrid[:rows, :columns].astype(np.float32) + 0.5
        away = ((self._y / rows - 0.5) / 0.35) ** 2 + ((self._x / columns - 0.5) / 0.25) ** 2
        self._prior = np.exp(-away / 2).astype(np.float32)
        self._movement = np.zeros(layout.grid, np.float32)
        self._centre: NDArray[np.float64] = np.array(layout.frame, np.float64) / 2

    def follow(self, moving: Cells) -> None:
        """Takes note of what moves in one more frame, and shifts a little towards it."""
        self._movement += (moving - self._movement) / np.float32(REMEMBERED_FRAMES)
        weight = self._movement * self._prior
        total = float(weight.sum()) + STILL
        cell, middle = self._layout.cell_px, np.array(self._layout.frame) / 2
        target = np.array([float((weight * self._y).sum()), float((weight * self._x).sum())]) * cell + STILL * middle
        self._centre += np.clip(target / total - self._centre, -STEP_PX, STEP_PX)

    def shape(self, area: float) -> Size:
        """The size of the rectangle that computes all of the part: about `area` of the frame's pixels."""
        layout = self._layout
        ratio = min(LONGEST_SIDE, layout.frame.width / layout.frame.height)
        height = min(layout.padded.height, math.sqrt(area * math.prod(layout.frame) / ratio))
        width = min(layout.padded.width, area * math.prod(layout.frame) / height)
        least = 2 * layout.margin_px + 3 * layout.cell_px
        rounded = (max(least, side // layout.multiple_px * layout.multiple_px) for side in (height, width))
        return Size(*(min(int(side), most) for side, most in zip(rounded, layout.padded, strict=True)))

    def part(self, area: float) -> Part:
        """The part of the frame to sharpen, for a share 0 < `area` < 1 of its pixels."""
        layout, shape = self._layout, self.shape(area)
        spans = [
            _span(centre, side, length, whole, layout)
            for centre, side, length, whole in zip(self._centre, shape, layout.frame, layout.padded, strict=True)
        ]
        return Part(spans[0][0], spans[1][0], spans[0][1], spans[1][1])


def _span(centre: float, side: int, length: int, padded: int, layout: Layout) -> tuple[int, int]:
    """Where a part lies along one axis so that a rectangle of `side` holds it, margins and whole cells included."""
    if side >= padded:
        return 0, length
    # The longest stretch that touches no more cells than fit, wherever it starts.
    inner = ((side - 2 * layout.margin_px) // layout.cell_px - 1) * layout.cell_px + 1
    first = min(max(0, round(centre - inner / 2)), length - inner)
    return first, first + inner
