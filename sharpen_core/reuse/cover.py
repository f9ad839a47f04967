"""The cheapest way to compute some cells of a picture: which rectangles, of a few fixed shapes.

Networks are compiled for fixed shapes. A rectangle is right only some way inside its edges, unless they are the frame's; what it costs
is its pixels and something for the call.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Box, Size
from sharpen_core.tiling import BLEND_PX

# Per call, in pixels: from the times of 128x128 to 720x1280 in bf16 on two cores, for a network of 5.7 and one of 9.5 kMAC/px.
CALL_PX = 8000
MOST_RECTANGLES = 6
LEAST_GAIN = 0.97  # two rectangles instead of one have to save at least this much

Extents = NDArray[np.intp]


class Rectangle(NamedTuple):
    """A part of the padded frame that is computed in one call, in pixels.

    Attributes:
        shape: its size, for which the network was compiled.
        top, left: where it starts.
    """

    shape: Size
    top: int
    left: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How a frame is divided into cells, and what the network asks for.

    Attributes:
        frame: the frame's size.
        padded: the frame, enlarged at its right and bottom edge to what the network can divide.
        multiple_px: sides and starts of rectangles are multiples of it.
        cell_px: side of a cell; even, and a multiple of `multiple_px`.
        reach_px: how far inside a rectangle's edge its result is right.
    """

    frame: Size
    padded: Size
    multiple_px: int
    cell_px: int
    reach_px: int

    @classmethod
    def of(cls, frame: Size, multiple_px: int, cell_px: int, reach_px: int) -> "Layout":
        """Makes a layout whose cells are the smallest allowed ones of at least `cell_px`."""
        padded = Size(*(math.ceil(side / multiple_px) * multiple_px for side in frame))
        unit_px = math.lcm(2, multiple_px)
        return cls(frame, padded, multiple_px, math.ceil(cell_px / unit_px) * unit_px, reach_px)

    @property
    def grid(self) -> Size:
        """Rows and columns of cells."""
        return Size(math.ceil(self.frame.height / self.cell_px), math.ceil(self.frame.width / self.cell_px))

    @property
    def margin_px(self) -> int:
        """What a rectangle needs beyond the cells that are wanted: where it is not right yet, and a strip to blend in."""
        return math.ceil((self.reach_px + BLEND_PX) / self.multiple_px) * self.multiple_px

    def needs(self, box: Box) -> Box:
        """The pixels of the padded frame that a rectangle must hold so that the cells of `box` come out right."""
        cell, margin = self.cell_px, self.margin_px
        return Box(
            max(0, box.top * cell - margin),
            max(0, box.left * cell - margin),
            min(self.padded.height, box.bottom * cell + margin),
            min(self.padded.width, box.right * cell + margin),
        )

    def right_part(self, rectangle: Rectangle) -> Box:
        """The pixels of a rectangle's result that are right, in the padded frame; blending not yet counted."""
        top, left = rectangle.top, rectangle.left
        bottom, right = top + rectangle.shape.height, left + rectangle.shape.width
        reach = self.reach_px
        return Box(
            top + reach * (top > 0),
            left + reach * (left > 0),
            bottom - reach * (bottom < self.padded.height),
            right - reach * (right < self.padded.width),
        )

    def fresh_cells(self, rectangle: Rectangle) -> Box:
        """The cells that come wholly from a rectangle: neither wrong at its edge nor blended with what was there."""
        part = self.right_part(rectangle)
        cell, grid, margin = self.cell_px, self.grid, BLEND_PX
        bottom = grid.height if part.bottom >= self.frame.height else (part.bottom - margin) // cell
        right = grid.width if part.right >= self.frame.width else (part.right - margin) // cell
        return Box(-(-(part.top + margin * (part.top > 0)) // cell), -(-(part.left + margin * (part.left > 0)) // cell), bottom, right)


class Cover:
    """Finds rectangles for wanted cells. Made once for a layout and a set of shapes.

    Args:
        shapes: sizes that are at hand, both sides multiples of the layout's; those larger than the padded frame are left out.
    """

    def __init__(self, layout: Layout, shapes: Iterable[Size]) -> None:
        self._layout = layout
        self.shapes = [shape for shape in shapes if shape.height <= layout.padded.height and shape.width <= layout.padded.width]
        self.whole_cost = layout.padded.height * layout.padded.width + CALL_PX
        self._best, self._cost = self._tables()

    def _tables(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The cheapest shape and its cost for each need, in multiples; where none is large enough, -1 and a high price."""
        unit = self._layout.multiple_px
        rows, columns = (side // unit + 1 for side in self._layout.padded)
        height, width = np.mgrid[:rows, :columns] * unit
        best = np.full((rows, columns), -1)
        cost = 3.0 * height * width + CALL_PX  # so dear that a cut which leaves something that fits is always taken
        for index in sorted(range(len(self.shapes)), key=lambda index: -math.prod(self.shapes[index])):
            shape = self.shapes[index]
            holds = np.s_[: shape.height // unit + 1, : shape.width // unit + 1]
            best[holds], cost[holds] = index, math.prod(shape) + CALL_PX
        return best, cost

    def cost_of(self, rectangle: Rectangle) -> float:
        """What computing a rectangle costs, as `whole_cost` is what a whole frame does."""
        return math.prod(rectangle.shape) + CALL_PX

    def rectangles(self, wanted: NDArray[np.bool_]) -> list[Rectangle] | None:
        """Returns rectangles whose fresh cells hold all `wanted` ones; None where computing the whole frame is as cheap.

        Args:
            wanted: (rows, columns) of the layout's grid.
        """
        boxes = self._split(wanted, Box(0, 0, *wanted.shape), MOST_RECTANGLES)
        placed = [self._placed(box) for box in boxes]
        if any(rectangle is None for rectangle in placed):
            return None
        found = [rectangle for rectangle in placed if rectangle]
        return found if sum(map(self.cost_of, found)) < self.whole_cost else None

    def _split(self, wanted: NDArray[np.bool_], within: Box, most: int) -> list[Box]:
        """Tight boxes around the wanted cells within a box: one, or, where that is cheaper, those of its two parts."""
        part = wanted[within.top : within.bottom, within.left : within.right]
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        if not rows.size:
            return []
        box = Box(
            within.top + int(rows[0]), within.left + int(columns[0]), within.top + int(rows[-1]) + 1, within.left + int(columns[-1]) + 1
        )
        if most < 2:
            return [box]
        tight = wanted[box.top : box.bottom, box.left : box.right]
        row, row_cost = self._best_cut(tight, box, across=False)
        column, column_cost = self._best_cut(tight.T, box, across=True)
        placeable = self._best[self._need_of(box)] >= 0
        if min(row_cost, column_cost) > (LEAST_GAIN * self._cost_of(box) if placeable else sys.float_info.max):
            return [box]
        if row_cost <= column_cost:
            parts = box._replace(bottom=box.top + row), box._replace(top=box.top + row)
        else:
            parts = box._replace(right=box.left + column), box._replace(left=box.left + column)
        first = self._split(wanted, parts[0], most - 1)
        return first + self._split(wanted, parts[1], most - len(first))

    def _best_cut(self, tight: NDArray[np.bool_], box: Box, across: bool) -> tuple[int, float]:
        """Where to cut between rows (of the transposed cells if `across`), and what the two tight parts cost."""
        length = tight.shape[0]
        if length < 2:
            return 0, math.inf
        filled = np.asarray(tight.any(axis=1))
        first = np.where(filled, tight.argmax(axis=1), tight.shape[1])
        last = np.where(filled, tight.shape[1] - tight[:, ::-1].argmax(axis=1), 0)
        before, after = np.maximum.accumulate(np.where(filled, np.arange(length), 0)), _next_filled(filled)
        starts = np.minimum.accumulate(first), np.minimum.accumulate(first[::-1])[::-1]
        ends = np.maximum.accumulate(last), np.maximum.accumulate(last[::-1])[::-1]
        zero, full = np.zeros(length - 1, np.intp), np.full(length - 1, length)
        costs = self._costs(zero, before[:-1] + 1, starts[0][:-1], ends[0][:-1], box, across)
        costs = costs + self._costs(after[1:], full, starts[1][1:], ends[1][1:], box, across)
        cut = int(np.argmin(costs))
        return cut + 1, float(costs[cut])

    def _costs(self, start: Extents, stop: Extents, first: Extents, last: Extents, box: Box, across: bool) -> NDArray[np.float64]:
        layout, (top, left) = self._layout, (box.top, box.left)
        rows, columns = ((first, last), (start, stop)) if across else ((start, stop), (first, last))
        return self._cost[_need(*rows, top, layout, layout.padded.height), _need(*columns, left, layout, layout.padded.width)]

    def _need_of(self, box: Box) -> tuple[int, int]:
        need, unit = self._layout.needs(box), self._layout.multiple_px
        return (need.bottom - need.top) // unit, (need.right - need.left) // unit

    def _cost_of(self, box: Box) -> float:
        return float(self._cost[self._need_of(box)])

    def _placed(self, box: Box) -> Rectangle | None:
        index = int(self._best[self._need_of(box)])
        if index < 0:
            return None
        need, shape, layout = self._layout.needs(box), self.shapes[index], self._layout
        top = _start(need.top, need.bottom, shape.height, layout.padded.height, layout.multiple_px)
        left = _start(need.left, need.right, shape.width, layout.padded.width, layout.multiple_px)
        return Rectangle(shape, top, left)


def _next_filled(filled: NDArray[np.bool_]) -> Extents:
    count = len(filled)
    return np.minimum.accumulate(np.where(filled, np.arange(count), count - 1)[::-1])[::-1]


def _need(start: Extents, stop: Extents, offset: int, layout: Layout, padded: int) -> Extents:
    """How much of an axis cells from `start` to `stop`, counted from cell `offset`, need; in multiples."""
    first = np.maximum(0, (offset + start) * layout.cell_px - layout.margin_px)
    last = np.minimum(padded, (offset + stop) * layout.cell_px + layout.margin_px)
    return (last - first) // layout.multiple_px


def _start(first: int, last: int, length: int, padded: int, multiple: int) -> int:
    """Where a rectangle starts: with what is needed in its middle, inside the frame."""
    middle = first - (length - (last - first)) // 2 // multiple * multiple
    return min(max(0, middle), padded - length)


def shapes_for(padded: Size, multiple_px: int, sides_px: Sequence[tuple[int, int]]) -> list[Size]:
    """Rounds (height, width) up to what the network divides, and leaves out what does not fit into the frame."""
    rounded = {Size(*(math.ceil(side / multiple_px) * multiple_px for side in pair)) for pair in sides_px}
    return sorted(shape for shape in rounded if shape.height <= padded.height and shape.width <= padded.width)
