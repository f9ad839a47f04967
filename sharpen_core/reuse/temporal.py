"""Only what changed is computed again.

What is kept of each part of the picture is not the network's result but what the network added to the frame, in two planes: what
it made brighter, and what it made darker. The next frame plus that is the next result, so noise and slow changes of light go through as
they are instead of freezing, and a network that changes nothing still gives exactly the frame.
"""

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from sharpen_core.frame import Box, Pixels, Size
from sharpen_core.reuse.change import Cells, Changes, ChangeTest
from sharpen_core.reuse.cover import Cover, Layout, Rectangle, shapes_for
from sharpen_core.reuse.focus import Focus, Part
from sharpen_core.reuse.shapes import Networks
from sharpen_core.tiling import BLEND_PX, pad

CELL_PX = 16
# How far the network is taken to see. Both of ours see further (32 and 80 px), but 8 px inside the edge of a crop their results differ
# from the whole frame's by 0.3 levels on average and 4 at the 99th percentile, 16 px inside by 0.2-0.3 and 2-4.
REACH_PX = 8
REFRESH_FRAMES = 150  # about five seconds: as old as anything should become
_MOST_PATIENCE = 2 * REFRESH_FRAMES
_RIPE = REFRESH_FRAMES // 2  # what is older is computed again with what has its turn beside it
WINDOW_EVERY = 2  # one window of a frame in so many is computed because of small differences or of age
WINDOW_SHARE = 1 / 3  # of the frame's height
# Heights and widths in frame heights. On ten clips, most with much movement, the average frame cost 0.63 of a whole one with 18 shapes
# and 0.67 with these eight; each takes about 35 MiB once it is in use (a network of 0.7 million parameters in bf16).
SHAPES = ((1 / 6, 1 / 6), (1 / 3, 1 / 6), (1 / 3, 1 / 3), (1 / 2, 1 / 3), (1 / 2, 1 / 2), (1 / 3, 1), (1, 1 / 2), (1, 1))
BLEND = (np.arange(BLEND_PX, dtype=np.float32) + 1)[:, None, None] / (BLEND_PX + 1)


class Patchwork:
    """Sharpens frames of one size, computing only the parts that need it. Used by one thread at a time.

    Args:
        layout: how frames are divided, and how far the network sees.
        networks: for rectangles.
        whole: sharpens a whole frame.
        reuse: whether what was computed for earlier frames is used again; otherwise all of the area is computed for every frame.
        plain: what a box of a frame looks like outside the sharpened part; by default as it came.
        test: tells what changed; by default one with the usual sensitivity.
        parts: whether the network may compute parts of a frame; otherwise it is always given all of it.
    """

    def __init__(
        self,
        layout: Layout,
        networks: Networks,
        whole: Callable[[Pixels], Pixels],
        *,
        reuse: bool,
        parts: bool = True,
        plain: Callable[[Pixels, Box], Pixels] = lambda pixels, box: pixels[box.top : box.bottom, box.left : box.right],
        test: ChangeTest | None = None,
    ) -> None:
        self.layout, self._networks, self._whole, self._reuse, self._parts = layout, networks, whole, reuse, parts
        self._plain = plain
        height = layout.frame.height
        shapes = [(round(h * height), round(w * height)) for h, w in SHAPES] if parts else []
        self._shapes = shapes_for(layout.padded, layout.multiple_px, shapes)
        self._cover, self._wished = Cover(layout, ()), {1.0: Cover(layout, self._shapes)}
        self._test = test or ChangeTest(layout.frame, layout.grid, layout.cell_px)
        self._focus = Focus(layout)
        self._more: Pixels = np.zeros((*layout.frame, 3), np.uint8)
        self._less: Pixels = np.zeros((*layout.frame, 3), np.uint8)
        self._age = np.zeros(layout.grid, np.int32)
        self._missing: Cells = np.zeros(layout.grid, np.bool_)  # changed since they were computed: they lay outside what was sharpened
        self._asking: Cells = np.ones(layout.grid, np.bool_)  # what would be computed now if the whole frame were sharpened
        self._number = 0
        self._outdated = False
        side = max(1, (round(height * WINDOW_SHARE) - 2 * layout.margin_px) // layout.cell_px)
        self._windows = [np.arange(0, length, side) for length in layout.grid]
        self._window_side = side
        self._ring = np.ones((2 * math.ceil(layout.reach_px / layout.cell_px) + 1,) * 2, np.uint8)
        self.computed_px = 0
        """Pixels of the rectangles that were computed for the last frame."""

    @property
    def oldest(self) -> int:
        """How many frames ago the oldest cell was computed."""
        return int(self._age.max())

    def hurry(self) -> None:
        """What was kept holds only about: all of it is computed again soon, one window after the other."""
        in_turn = REFRESH_FRAMES - WINDOW_EVERY * self._windows[0].size * self._windows[1].size
        np.maximum(self._age, max(in_turn, _RIPE + 1), out=self._age)

    def outdate(self) -> None:
        """Nothing that was kept holds any longer: the next frame is computed as a whole."""
        self._outdated = True

    def sharpen(self, pixels: Pixels, area: float) -> Pixels:
        """Returns a sharpened frame.

        Args:
            pixels: (H, W, 3) uint8 RGB, C-contiguous.
            area: share of the frame's pixels that is sharpened, 0 < area <= 1.

        Returns:
            (H, W, 3) uint8, newly made.
        """
        changes = self._test.changed(pixels)
        self._focus.follow(changes.moving)
        self._age += 1
        self._number += 1
        self.computed_px = 0
        part = self._focus.part(area) if area < 1 else None
        needed, besides = self._wanted(changes, part)
        rectangles = None if self._outdated else self._rectangles(needed | besides, area)
        if rectangles is None and not self._outdated and besides.any() and self.oldest < _MOST_PATIENCE:
            rectangles = self._rectangles(needed, area)  # what can wait is no reason to compute everything
        self._outdated = False
        if rectangles is None:
            after = self._compute_whole(pixels)
        else:
            after = np.asarray(cv2.subtract(cv2.add(pixels, self._more), self._less), np.uint8)
            if rectangles:
                self._compute(rectangles, pixels, after)
        if part:
            part.merge(after, lambda box: self._plain(pixels, box))
        return after

    def _wanted(self, changes: Changes, part: Part | None) -> tuple[Cells, Cells]:
        """The cells to compute now, and those that had better be, but can wait."""
        inside = part.cells(self.layout) if part else np.ones(self.layout.grid, np.bool_)
        window = np.zeros_like(inside)
        if not self._reuse:
            return inside, window
        if self._number % WINDOW_EVERY == 0 and not changes.unknown.all():
            window = self._window(self._with_surroundings(changes.mild), inside)
        now = self._with_surroundings(changes.moving) | changes.unknown
        self._asking = now | window
        if part:
            self._miss(self._asking & ~inside)
        return (now | self._missing) & inside, window & inside

    def _with_surroundings(self, cells: Cells) -> Cells:
        """What changed also changes the result around it."""
        return cv2.dilate(cells.astype(np.uint8), self._ring).astype(np.bool_)

    def _miss(self, cells: Cells) -> None:
        """Takes note of cells that change where nothing is sharpened, so that later changes can still be told."""
        self._missing |= cells
        self._test.keep_cells(cells)

    def asked_for(self, area: float) -> float:
        """Share of a whole frame's work, 0 to 1, that the last frame asks for if this area of it is to be sharpened."""
        inside = self._focus.part(area).cells(self.layout) if area < 1 else np.ones(self.layout.grid, np.bool_)
        cover = self._cover_for(area)
        rectangles = cover.rectangles(self._asking & inside if self._reuse else inside)
        return 1.0 if rectangles is None else sum(map(cover.cost_of, rectangles)) / cover.whole_cost

    def _window(self, mild: Cells, inside: Cells) -> Cells:
        """The part of the frame that most needs another look although nothing moves in it; empty if none does.

        It is cut off at its window's edges, so that with all it needs around it it just fills the shape that windows are made for.
        """
        chosen = np.zeros_like(mild)
        oldest = np.maximum.reduceat(np.maximum.reduceat(self._age * inside, self._windows[0], axis=0), self._windows[1], axis=1)
        softened = np.add.reduceat(np.add.reduceat(mild & inside, self._windows[0], axis=0, dtype=int), self._windows[1], axis=1)
        in_turn = np.sort(oldest, axis=None)[::-1] + WINDOW_EVERY * np.arange(1, oldest.size + 1)  # how old each would be when it is done
        score = oldest if (in_turn >= REFRESH_FRAMES).any() else softened
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        if score[row, column] > 0:
            top, left = self._windows[0][row], self._windows[1][column]
            box = np.s_[top : top + self._window_side, left : left + self._window_side]
            chosen[box] = mild[box] | (self._age[box] > _RIPE)
        return chosen

    def _rectangles(self, wanted: Cells, area: float) -> list[Rectangle] | None:
        """What to compute; None for the whole frame. Shapes that would have served better are compiled for later frames."""
        best = self._cover_for(area).rectangles(wanted)
        sizes = self._networks.sizes
        if best is None or all(rectangle.shape in sizes for rectangle in best):
            return best
        self._networks.miss(rectangle.shape for rectangle in best)
        if frozenset(self._cover.shapes) != sizes:
            self._cover = Cover(self.layout, sizes)
        return self._cover.rectangles(wanted)

    def _cover_for(self, area: float) -> Cover:
        """What covers cells with the best shapes there could be."""
        if area not in self._wished:
            self._wished[area] = Cover(self.layout, [*self._shapes, self._focus.shape(area)] if self._parts else [])
        return self._wished[area]

    def _compute_whole(self, pixels: Pixels) -> Pixels:
        after = self._whole(pixels)
        cv2.subtract(after, pixels, dst=self._more)
        cv2.subtract(pixels, after, dst=self._less)
        self._keep(slice(0, self.layout.grid.height), slice(0, self.layout.grid.width))
        return after

    def _compute(self, rectangles: Sequence[Rectangle], pixels: Pixels, after: Pixels) -> None:
        """Computes rectangles and lays them into `after`, which holds what was kept."""
        padded = pad(pixels, self.layout.padded)
        parts = [np.ascontiguousarray(padded[top : top + size.height, left : left + size.width]) for size, top, left in rectangles]
        for number, result in self._networks.infer(parts):
            self._lay(rectangles[number], result, pixels, after)
            fresh = self.layout.fresh_cells(rectangles[number])
            self._keep(slice(fresh.top, fresh.bottom), slice(fresh.left, fresh.right))
            self.computed_px += math.prod(rectangles[number].shape)

    def _lay(self, rectangle: Rectangle, result: Pixels, pixels: Pixels, after: Pixels) -> None:
        right, frame = self.layout.right_part(rectangle), self.layout.frame
        bottom, end = min(right.bottom, frame.height), min(right.right, frame.width)
        part = np.s_[right.top : bottom, right.left : end]
        new = result[right.top - rectangle.top : bottom - rectangle.top, right.left - rectangle.left : end - rectangle.left].copy()
        there = after[part]
        if right.top > 0:
            _fade(there, new)
        if right.bottom < frame.height:
            _fade(there[::-1], new[::-1])
        if right.left > 0:
            _fade(there.swapaxes(0, 1), new.swapaxes(0, 1))
        if right.right < frame.width:
            _fade(there.swapaxes(0, 1)[::-1], new.swapaxes(0, 1)[::-1])
        there[:] = new
        self._more[part] = cv2.subtract(new, pixels[part])
        self._less[part] = cv2.subtract(pixels[part], new)

    def _keep(self, rows: slice, columns: slice) -> None:
        self._test.keep(rows, columns)
        self._age[rows, columns] = 0
        self._missing[rows, columns] = False


def _fade(there: Pixels, new: Pixels) -> None:
    """Fades the first rows of `new` from what is there to themselves."""
    old = there[:BLEND_PX].astype(np.float32)
    new[:BLEND_PX] = old + (new[:BLEND_PX] - old) * BLEND + np.float32(0.5)


def layout_for(size: Size, multiple_px: int, halo_px: int) -> Layout:
    """The layout for a model's frames."""
    return Layout.of(size, multiple_px, CELL_PX, min(halo_px, REACH_PX))
