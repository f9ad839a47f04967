"""Which parts of a picture changed since something was last made from them, beyond the sensor's noise.

What counts is fine detail, since that is what a sharpening network works on: luma at half size, less its local mean. A wall that
only becomes a little brighter gives the network nothing else to do; a moving edge does. Of the measures tried (absolute, squared and
Laplacian differences at full, half and quarter size) this one and the Laplacian told best where a network's result differs, and
this one bears noise better.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels, Size

Cells = NDArray[np.bool_]
"""(rows, columns) bool: a choice of cells."""

Plane = NDArray[np.uint8]
Levels = NDArray[np.float32]
"""(rows, columns) float32: a figure for each cell, in 1/255."""

AROUND_PX = 9  # at half size: what a sharpening network lifts is finer than that
FALL, RISE, MOST_RISE = 0.1, 0.05, 0.02  # how the noise follows, per frame


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How much a cell may differ: mean absolute difference of detail in 1/255, beyond noise and what texture hides.

    Attributes:
        begin: a cell moves from here on,
        end: until it is below this again.
        mild: from here on a cell that does not move is worth computing again when there is time.
        texture: share of a cell's own detail that a difference hides in.
        noise_factor: how many times the usual difference of a still cell noise may make.
        most_noise: what is above it is no noise. Where noise is stronger everything is computed.
        exposure: when half of all cells became brighter or darker by this much, everything changed.
    """

    begin: float = 3.0
    end: float = 1.5
    mild: float = 1.2
    texture: float = 0.08
    noise_factor: float = 1.5
    most_noise: float = 2.0
    exposure: float = 6.0


class Changes(NamedTuple):
    """What became of the cells.

    Attributes:
        moving: differ clearly, now.
        mild: differ a little.
        unknown: nothing was kept for them.
    """

    moving: Cells
    mild: Cells
    unknown: Cells


class ChangeTest:
    """Compares frames of one size with what was kept of earlier ones, cell by cell. Used by one thread at a time.

    A cell is compared with the frame for which `keep` was last called for it, however long ago: what changes slowly is noticed
    once it adds up.

    Args:
        size: of the frames.
        grid: rows and columns of cells; those at the right and bottom edge may be cut off.
        cell_px: side of the square cells, even.
    """

    def __init__(self, size: Size, grid: Size, cell_px: int, sensitivity: Sensitivity | None = None) -> None:
        self._size, self._grid, self._half_px = size, grid, cell_px // 2
        self._limits = sensitivity or Sensitivity()
        self._padded = Size(grid.height * cell_px, grid.width * cell_px)
        half = Size(self._padded.height // 2, self._padded.width // 2)
        self._no_detail: Plane = np.full(half, 128, np.uint8)
        self._kept_detail: Plane = self._no_detail.copy()
        self._kept_luma: Levels = np.zeros(grid, np.float32)
        self._known: Cells = np.zeros(grid, np.bool_)
        self._moving: Cells = np.zeros(grid, np.bool_)
        self._noise: Levels | None = None
        self._detail, self._luma = self._kept_detail, self._kept_luma

    def changed(self, pixels: Pixels) -> Changes:
        """Compares a frame with what was kept.

        Args:
            pixels: (H, W, 3) uint8 RGB of this size; not kept.
        """
        self._detail, self._luma = self._look(pixels)
        known, limits = self._known, self._limits
        self._moving &= known
        if not known.any():
            return Changes(self._moving.copy(), self._moving.copy(), ~known)
        if np.median(np.abs(self._luma - self._kept_luma)[known]) > limits.exposure:
            self._moving = known.copy()
            return Changes(known.copy(), np.zeros_like(known), ~known)
        difference = self._cell_means(cv2.absdiff(self._detail, self._kept_detail))
        texture = self._cell_means(cv2.absdiff(self._detail, self._no_detail))
        beyond = difference - limits.noise_factor * self._noise_after(difference) - limits.texture * texture
        self._moving = ((beyond > limits.begin) | (self._moving & (beyond > limits.end))) & known
        return Changes(self._moving.copy(), (beyond > limits.mild) & known & ~self._moving, ~known)

    def keep(self, rows: slice, columns: slice) -> None:
        """Notes that something was made of these cells, as they are in the frame last given to `changed`."""
        side = self._half_px
        part = slice(rows.start * side, rows.stop * side), slice(columns.start * side, columns.stop * side)
        self._kept_detail[part] = self._detail[part]
        self._kept_luma[rows, columns] = self._luma[rows, columns]
        self._known[rows, columns] = True

    def keep_cells(self, cells: Cells) -> None:
        """Notes the same for scattered cells."""
        there = cells.repeat(self._half_px, axis=0).repeat(self._half_px, axis=1)
        np.copyto(self._kept_detail, self._detail, where=there)
        np.copyto(self._kept_luma, self._luma, where=cells)
        self._known |= cells

    def _look(self, pixels: Pixels) -> tuple[Plane, Levels]:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        if self._padded != self._size:
            beyond = self._padded.height - self._size.height, self._padded.width - self._size.width
            grey = cv2.copyMakeBorder(grey, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
        half = cv2.resize(grey, self._no_detail.shape[::-1], interpolation=cv2.INTER_AREA)
        detail = cv2.addWeighted(half, 1, cv2.blur(half, (AROUND_PX, AROUND_PX)), -1, 128)
        return np.asarray(detail, np.uint8), self._cell_means(half)

    def _cell_means(self, plane: cv2.typing.MatLike) -> Levels:
        # Through the integral image: a resize to the cells would round to whole levels.
        corners = np.asarray(cv2.integral(plane))[:: self._half_px, :: self._half_px]
        sums = np.diff(np.diff(corners, axis=0), axis=1)
        return (sums / self._half_px**2).astype(np.float32)

    def _noise_after(self, difference: Levels) -> Levels:
        """Each cell's noise: the level that its own difference keeps returning to.

        Noise depends on brightness and, once a camera has compressed the picture, on texture; so each cell has its own. It falls
        quickly and rises slowly, and stays near that of the quieter cells: someone who never rests does not become noise.
        """
        usual = float(np.quantile(difference[self._known], 0.25))
        if self._noise is None:
            self._noise = np.full(self._grid, usual, np.float32)
        step = difference - self._noise
        self._noise += np.where(step < 0, step * FALL, np.minimum(step * RISE, MOST_RISE))
        np.minimum(self._noise, min(2 * usual + 0.3, self._limits.most_noise), out=self._noise)
        return self._noise
