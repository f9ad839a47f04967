"""The picture that goes out while there is no live one: what is wrong, and what to do, in words that the call can read.

It is never mirrored, whatever the user chose: text has to stay readable.
"""

import threading
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels, Size

Colour = tuple[int, int, int]

_TOP: Colour = (17, 24, 43)
_BOTTOM: Colour = (8, 11, 22)
_GLOW: Colour = (37, 78, 168)
_TITLE: Colour = (245, 248, 252)
_DETAIL: Colour = (163, 178, 204)
_NAME: Colour = (98, 115, 147)
_FINE = 4  # the mark is drawn so many times larger and scaled down, for smooth edges
_COARSE = 8
_SMALLEST_TEXT_PX = 7
_drawing = threading.Lock()  # a font is not made for several threads


@dataclass(frozen=True, slots=True)
class Standby:
    """Why there is no live picture.

    Attributes:
        title: what is wrong, a few words.
        detail: what to do, or what happens next, one sentence.
    """

    title: str
    detail: str


@lru_cache(maxsize=8)
def draw_placeholder(size: Size, standby: Standby) -> Pixels:
    """Draws the picture: (size.height, size.width, 3) uint8 RGB, read-only and shared by all who ask for the same one.

    Takes tens of milliseconds the first time. Any thread may ask.
    """
    with _drawing:
        return _drawn(size, standby)


def _drawn(size: Size, standby: Standby) -> Pixels:
    unit = min(size.height / 720, size.width / 960)  # pixels for a unit of the plan, which is 720 units high
    title = _wrapped(standby.title, round(54 * unit), 620, 0.86 * size.width)
    detail = _wrapped(standby.detail, round(30 * unit), 400, 0.8 * size.width)
    height = 132 + 46 + 66 * len(title) + 10 + 42 * len(detail)
    top = size.height / 2 - height * unit / 2 - 10 * unit
    pixels = _ground(size, (top + 66 * unit) / size.height)
    _place_mark(pixels, round(132 * unit), size.width / 2, top + 66 * unit)
    baseline = top + (132 + 46 + 46) * unit
    for line in title:
        _write(pixels, line, baseline, _TITLE, round(54 * unit), 620)
        baseline += 66 * unit
    baseline += (10 - 66 + 46 + 12) * unit
    for line in detail:
        _write(pixels, line, baseline, _DETAIL, round(30 * unit), 400)
        baseline += 42 * unit
    _write(pixels, "Sharpened Camera", size.height - 34 * unit, _NAME, round(22 * unit), 500)
    pixels.flags.writeable = False
    return pixels


def _ground(size: Size, glow_y: float) -> Pixels:
    """A dark slope with a faint light around the mark, dithered: bare, its few steps would show as bands."""
    height, width = max(2, size.height // _COARSE), max(2, size.width // _COARSE)  # it has no detail, so it is computed small
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    down = (y / (height - 1))[..., None]
    picture = _shade(_TOP) * (1 - down) + _shade(_BOTTOM) * down
    far = np.hypot(x - width / 2, y - height * glow_y)[..., None] / (0.62 * min(height * 1.2, width))
    light = 0.34 * np.clip(1 - far, 0, 1) ** 2
    picture = cv2.resize(picture * (1 - light) + _shade(_GLOW) * light, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    grain = np.random.default_rng(7).random((*size, 1), np.float32)  # with the cut to whole numbers: noise of half a step either way
    return (picture + grain).astype(np.uint8)


def _shade(colour: Colour) -> NDArray[np.float32]:
    return np.array(colour, np.float32)


def _place_mark(pixels: Pixels, side_px: int, x: float, y: float) -> None:
    """Puts the program's mark with its middle at (x, y), as far as it fits."""
    left, top = round(x - side_px / 2), round(y - side_px / 2)
    if side_px < 8 or left < 0 or top < 0 or top + side_px > pixels.shape[0] or left + side_px > pixels.shape[1]:
        return
    mark, cover = _mark(side_px)
    part = pixels[top : top + side_px, left : left + side_px]
    part[:] = np.round(mark * cover + part * (1 - cover)).astype(np.uint8)


def _mark(side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mark of `window/icon.svg`, drawn anew: its colours (side, side, 3) and how much of it covers what is below."""
    side = side_px * _FINE
    scale = side / 128
    slope = ((np.mgrid[0:side, 0:side].sum(0) / (2 * side))[..., None]).astype(np.float32)
    mark = np.ascontiguousarray(_shade((59, 130, 246)) * (1 - slope) + _shade((30, 58, 138)) * slope)
    middle = (round(64 * scale), round(64 * scale))

    def disc(radius: float, colour: Colour, begin: int, end: int, strength: float = 1.0) -> None:
        over = mark.copy()
        cv2.ellipse(over, middle, (round(radius * scale), round(radius * scale)), 0, begin, end, colour, -1)
        cv2.addWeighted(over, strength, mark, 1 - strength, 0, dst=mark)

    disc(38, (11, 21, 48), 0, 360)
    disc(38, (255, 255, 255), 90, 270, 0.22)
    disc(22, (255, 255, 255), 90, 270, 0.35)
    disc(22, (125, 211, 252), -90, 90)
    disc(10, (255, 255, 255), -90, 90)
    cover = np.zeros((side, side), np.float32)
    _rounded(cover, (6, 6, 122, 122), 28, scale, (1.0,))
    _rounded(mark, (61.5, 18, 66.5, 110), 2.5, scale, (255, 255, 255))
    small = (side_px, side_px)
    smooth = cv2.resize(mark, small, interpolation=cv2.INTER_AREA), cv2.resize(cover, small, interpolation=cv2.INTER_AREA)
    return smooth[0].astype(np.float32), smooth[1].astype(np.float32)[..., None]


def _rounded(
    picture: NDArray[np.float32], box: tuple[float, float, float, float], radius: float, scale: float, colour: tuple[float, ...]
) -> None:
    """Fills a rectangle with round corners; the box is left, top, right, bottom in units of the mark."""
    left, top, right, bottom = (round(edge * scale) for edge in box)
    r = round(radius * scale)
    cv2.rectangle(picture, (left + r, top), (right - r, bottom), colour, -1)
    cv2.rectangle(picture, (left, top + r), (right, bottom - r), colour, -1)
    for x in (left + r, right - r):
        for y in (top + r, bottom - r):
            cv2.circle(picture, (x, y), r, colour, -1)


def _wrapped(text: str, size_px: int, weight: int, room_px: float) -> list[str]:
    """Breaks a text into as few lines as fit, at its spaces, the lines as even as can be: no word stands alone."""
    widest = _lines(text, size_px, weight, room_px)
    rooms = (room_px * share / 10 for share in range(4, 10))
    even = (_lines(text, size_px, weight, room) for room in rooms)
    return next((lines for lines in even if len(lines) == len(widest)), widest)


def _lines(text: str, size_px: int, weight: int, room_px: float) -> list[str]:
    lines: list[str] = []
    length_px, space_px = 0, _width_px("a b", size_px, weight) - _width_px("ab", size_px, weight)
    for word in text.split():
        word_px = _width_px(word, size_px, weight)  # word by word: each is measured once, and measuring is slow
        if lines and length_px + space_px + word_px <= room_px:
            lines[-1], length_px = f"{lines[-1]} {word}", length_px + space_px + word_px
        else:
            lines.append(word)
            length_px = word_px
    return lines


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


@lru_cache(maxsize=200)
def _width_px(text: str, size_px: int, weight: int) -> int:
    left, _, width, _ = cv2.getTextSize((8192, 8192), text, (0, 0), _font(), max(1, size_px), weight)
    return left + width


def _write(pixels: Pixels, text: str, baseline: float, colour: Colour, size_px: int, weight: int) -> None:
    """Writes a line in the middle; text that nobody could read is left out."""
    if size_px >= _SMALLEST_TEXT_PX:
        left = (pixels.shape[1] - _width_px(text, size_px, weight)) / 2
        cv2.putText(pixels, text, (round(left), round(baseline)), colour, _font(), size_px, weight)
