"""Crispening: the contrast of what is there is raised a little, without halos.

A network gives back what blur took. Where a camera smeared detail away or a codec dropped it there is nothing true to give back, and a
network that was taught the truth leaves such a picture alone. What people then still call sharp is local contrast.

This is unsharp masking of the luma (Pratt, Digital Image Processing, "edge crispening") without its two faults: differences that may be
noise or a codec's do not count (coring), and no pixel leaves the range of its surroundings by more than a tenth of it (overshoot control),
so that edges become steeper and get no seam. How much a frame wants is read from it: where it holds detail, the finest octave of a sharp
picture is as strong as the next one or stronger, that of a soft or smeared one weaker.
"""

import functools
import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Box, Pixels, Size

USUAL_CRISPNESS = 0.5
"""What a webcam's picture wants."""
MOST_GAIN = 2.4
OVERSHOOT = 0.1
"""By what share of the range around it a pixel may leave that range."""
_RING = np.ones((5, 5), np.uint8)
REACH_PX = 6
"""How far around a pixel others have a say; for frames of up to 1080 lines."""
_STRIP_PX = 1 << 18  # worked off at once: what is in between stays in the CPU's caches
_LOOK_EVERY = 15
# Mean difference in the finest octave over that in the next, in the quarter of the cells with the most detail. Sharp photographs have 1.25
# (nine of ten more than 0.87), the same softened at the published levels 1.02, 0.73 and 0.53, clips of webcams 0.74 to 0.97.
_WANTS_ALL, _WANTS_NONE = 0.85, 1.05
_CELL_PX = 16
_LEAST_GAIN = 0.02
_LEAST_CORE, _MOST_CORE, _CORE_PER_NOISE = 1, 8, 2.5
_QUIET = 3  # percent of the cells are taken to hold nothing but noise
_MID_TONES = (20, 235)  # what is darker or lighter is clipped, and quieter than the rest
_MEMORY = 0.8


class Crispener:
    """Crispens frames of one size. Used by one thread at a time.

    Args:
        size: of the frames.
        threads: how many strips of a frame are crispened side by side.

    Attributes:
        crispness: 0 does nothing, up to one half raises what is soft, as far as it is; 1 everything, as much as still looks natural.
    """

    def __init__(self, size: Size, threads: int = 1) -> None:
        self.crispness = 0.0
        self._threads = threads
        self._crew = ThreadPoolExecutor(threads, thread_name_prefix="crispen")
        # Two box filters one after the other are nearly a Gaussian: of 1.2, 1.6 and 2 pixels.
        self._boxes = (3, 3) if size.height < 540 else (5, 3) if size.height < 900 else (5, 5)
        self.forget()

    def forget(self) -> None:
        """The next frame has nothing to do with those before."""
        self._frames = 0
        self._noise = 0.0
        self._core = _LEAST_CORE
        self._want = 1.0

    @property
    def core(self) -> int:
        """Differences from the surroundings of up to so many levels do not count."""
        return self._core

    @property
    def gain(self) -> float:
        """By how much differences from the surroundings are raised."""
        return MOST_GAIN * self.crispness * max(self._want, 2 * self.crispness - 1)

    def look(self, pixels: Pixels) -> None:
        """Looks now and then how noisy and how soft the frames are; (H, W, 3) uint8 RGB."""
        number, self._frames = self._frames, self._frames + 1
        if self.crispness <= 0 or number % _LOOK_EVERY:
            return
        noise, want = _read(pixels)
        memory = _MEMORY if number else 0.0
        self._noise += (1 - memory) * (noise - self._noise)
        self._want += (1 - memory) * (want - self._want)
        core = _LEAST_CORE + _CORE_PER_NOISE * self._noise
        if number == 0 or abs(core - self._core) > 0.75:  # rather than to and fro
            self._core = min(_MOST_CORE, round(core))

    def apply(self, pixels: Pixels) -> Pixels:
        """Returns the pixels, (H, W, 3) uint8 RGB of any size, crispened; at a crispness of 0 themselves."""
        if self.gain < _LEAST_GAIN:
            return pixels
        crisp = np.empty_like(pixels)
        work = functools.partial(self._apply_strip, pixels, crisp)
        strips = _strips(pixels.shape[0], pixels.shape[1], self._threads)
        side_by_side = self._threads > 1 and len(strips) > 1
        for _ in self._crew.map(work, strips) if side_by_side else map(work, strips):
            pass
        return crisp

    def cut(self, pixels: Pixels, box: Box) -> Pixels:
        """Returns a box of what `apply` returns for these pixels; only that is computed."""
        top, left = max(0, box.top - REACH_PX), max(0, box.left - REACH_PX)
        crisp = self.apply(pixels[top : box.bottom + REACH_PX, left : box.right + REACH_PX])
        return crisp[box.top - top : box.bottom - top, box.left - left : box.right - left]

    def _apply_strip(self, pixels: Pixels, crisp: Pixels, strip: slice) -> None:
        """Writes these rows of what `apply` returns."""
        above = min(strip.start, REACH_PX)
        luma = cv2.cvtColor(pixels[strip.start - above : strip.stop + REACH_PX], cv2.COLOR_RGB2GRAY)
        wanted = slice(above, above + strip.stop - strip.start)
        before, after = luma[wanted], self._crisp(luma)[wanted]
        cv2.add(pixels[strip], _grey(cv2.subtract(after, before)), dst=crisp[strip])
        cv2.subtract(crisp[strip], _grey(cv2.subtract(before, after)), dst=crisp[strip])

    def _crisp(self, luma: cv2.typing.MatLike) -> cv2.typing.MatLike:
        mean, core = self._smooth(luma), np.full(luma.shape, self._core, np.uint8)
        nearest = cv2.max(cv2.min(luma, cv2.add(mean, core)), cv2.subtract(mean, core))  # to the mean, as far as differences do not count
        crisp = cv2.addWeighted(luma, 1 + self.gain, nearest, -self.gain, 0)
        top, bottom = cv2.dilate(luma, _RING), cv2.erode(luma, _RING)
        room = cv2.convertScaleAbs(cv2.subtract(top, bottom), alpha=OVERSHOOT, beta=1)
        return cv2.max(cv2.min(crisp, cv2.add(top, room)), cv2.subtract(bottom, room))

    def _smooth(self, luma: cv2.typing.MatLike) -> cv2.typing.MatLike:
        for side in self._boxes:
            luma = cv2.blur(luma, (side, side))
        return luma


def _strips(height: int, width: int, threads: int) -> list[slice]:
    """Returns the rows of a picture in strips for the caches, as many as keep the threads equally busy."""
    count = math.ceil(height * width / _STRIP_PX)
    count = math.ceil(count / threads) * threads if count > 1 else 1
    rows = math.ceil(height / count)
    return [slice(top, min(height, top + rows)) for top in range(0, height, rows)]


def _grey(luma: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB)


def _read(pixels: Pixels) -> tuple[float, float]:
    """Returns the standard deviation of the noise in the finest octave, in levels, and how much a frame wants to be crispened, 0 to 1."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    soft, softer = cv2.GaussianBlur(luma, (0, 0), 1.0), cv2.GaussianBlur(luma, (0, 0), 2.0)
    brightness, finest, next_octave = map(_cell_means, (luma, cv2.absdiff(luma, soft), cv2.absdiff(soft, softer)))
    detailed = np.argsort(next_octave)[-max(1, len(next_octave) // 4) :]
    ratio = finest[detailed].mean() / max(0.1, float(next_octave[detailed].mean()))
    usable = finest[(brightness > _MID_TONES[0]) & (brightness < _MID_TONES[1])]
    noise = float(np.percentile(usable, _QUIET)) * math.sqrt(math.pi / 2) if usable.size else 0.0
    return noise, float(np.clip((_WANTS_NONE - ratio) / (_WANTS_NONE - _WANTS_ALL), 0, 1))


def _cell_means(plane: cv2.typing.MatLike) -> NDArray[np.float32]:
    rows, columns = (max(1, length // _CELL_PX) for length in plane.shape[:2])
    cells = np.ascontiguousarray(plane[: rows * _CELL_PX, : columns * _CELL_PX])  # what is left over at the ends is left out
    sums = cv2.reduce(cells.reshape(-1, min(_CELL_PX, cells.shape[1])), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).reshape(rows, -1, columns)
    return np.asarray(sums.sum(axis=1) / (cells.size / (rows * columns)), np.float32).ravel()
