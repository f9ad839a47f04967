"""A contact sheet: what presets make of pictures, side by side and enlarged, each with what was drawn."""

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.degradations.presets import Preset
from sharpen_train.degradations.stages import Picture

_MARGIN_PX = 24  # degraded with its surroundings, so that no blur sees the crop's edge
_GAP_PX = 8
_LINE_PX, _LINES = 15, 5
_FONT, _FONT_SCALE, _CHARACTER_PX = cv2.FONT_HERSHEY_SIMPLEX, 0.4, 7


def contact_sheet(
    pictures: Sequence[tuple[str, Picture]], presets: Sequence[Preset], samples: int, seed: int, *, zoom: int = 2, crop_px: int = 160
) -> Picture:
    """Returns a sheet with a row for each picture: the truth, then `samples` versions by each preset.

    Args:
        pictures: names to print and (H, W, 3) uint8 RGB; the most detailed part near the middle is shown.
        presets: what to show.
        samples: columns for each preset.
        seed: the same seed gives the same sheet.
        zoom: pixels on the sheet for each pixel, a side.
        crop_px: side of what is shown.
    """
    rows: list[Picture] = []
    for number, (name, picture) in enumerate(pictures):
        part = detailed_part(picture, crop_px + 2 * _MARGIN_PX)
        cells = [_cell(part, [name, f"truth, {picture.shape[1]}x{picture.shape[0]}"], zoom, crop_px)]
        for column, preset in enumerate(preset for preset in presets for _ in range(samples)):
            made = preset.soften(part, np.random.default_rng([seed, number, column]))
            cells.append(_cell(made.soft, [preset.name, ", ".join(made.drawn)], zoom, crop_px))
        rows.append(np.hstack(cells))
    width = max(row.shape[1] for row in rows)
    return np.vstack([_filled(row, row.shape[0], width) for row in rows])


def detailed_part(picture: Picture, side_px: int) -> Picture:
    """Returns the part of `side_px` x `side_px` with the most detail, nearer to the middle preferred; less if the picture is small."""
    height, width = picture.shape[:2]
    if height <= side_px or width <= side_px:
        top, left = max(0, height - side_px) // 2, max(0, width - side_px) // 2
        return np.ascontiguousarray(picture[top : top + side_px, left : left + side_px])
    detail = np.abs(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    inside = cv2.boxFilter(detail, -1, (side_px, side_px), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inside = inside[: height - side_px + 1, : width - side_px + 1] * _towards_middle(height - side_px + 1, width - side_px + 1)
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return np.ascontiguousarray(picture[top : top + side_px, left : left + side_px])


def _towards_middle(height: int, width: int) -> NDArray[np.float64]:
    y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    return np.exp(-1.5 * np.add.outer(y**2, x**2))


def _cell(part: Picture, captions: Sequence[str], zoom: int, crop_px: int) -> Picture:
    """Returns the inner part of a picture, enlarged, under its caption."""
    top, left = (min(_MARGIN_PX, max(0, side - crop_px) // 2) for side in part.shape[:2])
    inner = part[top : top + crop_px, left : left + crop_px]
    large = np.repeat(np.repeat(inner, zoom, 0), zoom, 1)  # pixels stay visible
    header = np.full((_LINES * _LINE_PX + _GAP_PX, crop_px * zoom + _GAP_PX, 3), 255, np.uint8)
    lines = [line for caption in captions for line in textwrap.wrap(caption, crop_px * zoom // _CHARACTER_PX)]
    for number, line in enumerate(lines[:_LINES]):
        cv2.putText(header, line, (0, (number + 1) * _LINE_PX), _FONT, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([header, _filled(large, crop_px * zoom + _GAP_PX, crop_px * zoom + _GAP_PX)])


def _filled(picture: Picture, height: int, width: int) -> Picture:
    below, beside = height - picture.shape[0], width - picture.shape[1]
    return np.pad(picture, ((0, below), (0, beside), (0, 0)), constant_values=255)
