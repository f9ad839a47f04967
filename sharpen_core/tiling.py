"""Covering a frame of any size with tiles of one size, and putting the results together without a seam.

A network with a finite halo sees only that far: where a tile's edge is not the frame's edge, the outermost `halo_px` of
its result are wrong and are thrown away. What is left of neighbouring tiles overlaps a little and is blended. For such a
network the tiled result equals the whole frame's.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sharpen_core.frame import Pixels, Size

# How much of a network's working memory one tile may touch. Measured by `make bench` on a server CPU: every split costs (halos are
# computed twice, and more so the smaller the tiles), and up to here a larger tile gains nothing back by leaving the caches.
TILE_WORKING_BYTES = 96 << 20
BLEND_PX = 8


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis of the padded frame.

    Attributes:
        start: first pixel that the tile sees.
        first, last: first and one-past-last pixel that it contributes.
        fade: how many of its first pixels it shares with the tile before it.
    """

    start: int
    first: int
    last: int
    fade: int

    @property
    def inner(self) -> slice:
        """What the tile contributes, in its own pixels."""
        return slice(self.first - self.start, self.last - self.start)


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How a frame is covered.

    Attributes:
        frame: size of the frame.
        padded: the frame, enlarged at its right and bottom edge to what the network can divide.
        tile: size of every tile.
        rows, columns: the tiles along each axis.
    """

    frame: Size
    padded: Size
    tile: Size
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.rows) * len(self.columns)


def plan_tiles(frame: Size, multiple_px: int, halo_px: int, most_px: int) -> TilePlan:
    """Plans tiles of one static shape for `frame`.

    Of all grids whose tiles have at most `most_px` pixels, the one that computes the fewest pixels is chosen. Tiles start at
    multiples of `multiple_px`, so that each sees the frame in the same phase as the whole frame would be seen.

    Args:
        frame: any size from 1x1.
        multiple_px: both sides of a tile are multiples of it.
        halo_px: how far the network sees.
        most_px: largest number of pixels in a tile; if not even the smallest sensible tile fits, that one is used.

    Raises:
        ValueError: an argument is not positive (or the halo negative).
    """
    if min(frame) < 1 or multiple_px < 1 or most_px < 1 or halo_px < 0:
        raise ValueError(f"cannot plan tiles for {frame}, multiple {multiple_px}, halo {halo_px}, at most {most_px} px")
    padded = Size(_round_up(frame.height, multiple_px), _round_up(frame.width, multiple_px))
    heights = _lengths(padded.height, multiple_px, halo_px)
    widths = _lengths(padded.width, multiple_px, halo_px)
    grids = [(rows * columns * h * w, rows * columns, h, w) for rows, h in heights for columns, w in widths]
    fitting = [grid for grid in grids if grid[2] * grid[3] <= most_px] or [min(grids, key=lambda grid: grid[2] * grid[3])]
    _, _, height, width = min(fitting)
    return TilePlan(
        frame,
        padded,
        Size(height, width),
        _spans(padded.height, height, multiple_px, halo_px),
        _spans(padded.width, width, multiple_px, halo_px),
    )


def _round_up(length: int, multiple: int) -> int:
    return math.ceil(length / multiple) * multiple


def _overlap(multiple: int, halo: int) -> int:
    """Smallest overlap of two neighbouring tiles: both halos and a strip to blend in."""
    return _round_up(2 * halo + BLEND_PX, multiple)


def _lengths(padded: int, multiple: int, halo: int) -> list[tuple[int, int]]:
    """Returns (number of tiles, tile length) for every sensible number of tiles along an axis."""
    overlap = _overlap(multiple, halo)
    choices: list[tuple[int, int]] = []
    for count in range(1, 65):
        length = _round_up(math.ceil((padded + (count - 1) * overlap) / count), multiple)
        if count > 1 and length < 2 * overlap:
            break
        choices.append((count, length))
    return choices


def _spans(padded: int, length: int, multiple: int, halo: int) -> tuple[Span, ...]:
    """Places tiles of `length` along an axis of `padded` pixels: the fewest, evenly spread, first and last at the ends."""
    step = length - _overlap(multiple, halo)
    count = 1 if padded <= length else math.ceil((padded - length) / step) + 1
    room = (padded - length) // multiple
    starts = [room * i // max(1, count - 1) * multiple for i in range(count)]
    spans = [Span(0, 0, padded if count == 1 else 0, 0)]
    for before, start in itertools.pairwise(starts):
        # Both are right from start + halo to before + length - halo; the middle of that is blended.
        middle = (start + before + length) // 2
        spans[-1] = replace(spans[-1], last=middle + BLEND_PX // 2)
        spans.append(Span(start, middle - BLEND_PX // 2, padded, BLEND_PX))
    return tuple(spans)


def pad(pixels: Pixels, padded: Size) -> Pixels:
    """Returns `pixels` continued to `padded` by repeating its last row and column; itself if nothing is missing."""
    height, width = pixels.shape[:2]
    if (height, width) == padded:
        return pixels
    return np.pad(pixels, ((0, padded.height - height), (0, padded.width - width), (0, 0)), mode="edge")


class Mosaic:
    """Puts the results of a plan's tiles together. Made once for a plan and used for many frames, by one thread."""

    def __init__(self, plan: TilePlan) -> None:
        self._plan = plan
        self._strips = [np.empty((row.last - row.first, plan.padded.width, 3), np.uint8) for row in plan.rows]

    def assemble(self, infer: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
        """Runs `infer` on every tile of a frame and returns the whole result.

        Args:
            infer: maps a tile, (tile height, tile width, 3) uint8, C-contiguous, to its result. A view of other memory may be valid only
                until the next call.
            pixels: (H, W, 3) uint8, of the plan's size.

        Returns:
            (H, W, 3) uint8, C-contiguous, newly made.
        """
        plan = self._plan
        padded = pad(pixels, plan.padded)
        if plan.count == 1:
            result = infer(padded)
            is_new = result.flags.owndata and result is not padded  # neither memory that the network will use again nor the frame's
            return result if is_new and plan.padded == plan.frame else _cropped(result, plan.frame)
        canvas = np.empty((*plan.padded, 3), np.uint8)
        for row, strip in zip(plan.rows, self._strips, strict=True):
            for column in plan.columns:
                window = padded[row.start : row.start + plan.tile.height, column.start : column.start + plan.tile.width]
                result = infer(np.ascontiguousarray(window))[row.inner, column.inner]
                _lay(strip.swapaxes(0, 1), result.swapaxes(0, 1), column)
            _lay(canvas, strip, row)
        return _cropped(canvas, plan.frame)


def _lay(target: Pixels, part: Pixels, span: Span) -> None:
    """Writes `part` at `span` of the first axis of `target`, fading from what is there to `part` over their shared pixels."""
    shared, fade = slice(span.first, span.first + span.fade), span.fade
    if fade:
        weight = ((np.arange(fade, dtype=np.float32) + 1) / (fade + 1))[:, None, None]
        there = target[shared].astype(np.float32)
        target[shared] = there + (part[:fade] - there) * weight + np.float32(0.5)
    target[span.first + fade : span.last] = part[fade:]


def _cropped(pixels: Pixels, size: Size) -> Pixels:
    return np.array(pixels[: size.height, : size.width], order="C")
