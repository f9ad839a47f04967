"""Fits a picture into a size without distorting it."""

import cv2
import numpy as np

from sharpen_core.frame import Pixels, Size


def letterbox(pixels: Pixels, size: Size) -> Pixels:
    """Scales a picture into `size`, keeping its aspect; what is left over becomes black bars.

    Args:
        pixels: (height, width, 3) uint8 RGB; never changed.
        size: of the result; at least 1x1.

    Returns:
        (size.height, size.width, 3) uint8 RGB, C-contiguous: a new picture, or `pixels` itself when it has that size.
    """
    if Size.of(pixels) == size:
        return pixels
    box = inner_size(Size.of(pixels), size)
    # Area averaging keeps fine texture from aliasing when shrinking; cubic stays sharp when enlarging.
    shrinks = box.height < pixels.shape[0] or box.width < pixels.shape[1]
    scaled = cv2.resize(pixels, (box.width, box.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    canvas = np.zeros((*size, 3), np.uint8)
    top, left = (size.height - box.height) // 2, (size.width - box.width) // 2
    canvas[top : top + box.height, left : left + box.width] = scaled
    return canvas


def inner_size(picture: Size, frame: Size) -> Size:
    """The largest size with the aspect of `picture` that fits into `frame`; at least 1x1."""
    scale = min(frame.height / picture.height, frame.width / picture.width)
    return Size(
        height=min(frame.height, max(1, round(picture.height * scale))),
        width=min(frame.width, max(1, round(picture.width * scale))),
    )


def even_size(size: Size) -> Size:
    """`size` without an odd last row or column: 4:2:0 video has one colour sample for each 2x2 pixels."""
    return Size(size.height & ~1, size.width & ~1)


def fit_even(pixels: Pixels, size: Size) -> Pixels:
    """Letterboxes into an even `size`, but cuts an odd last row or column off where that is enough.

    Resampling a whole picture by one pixel would blur it.
    """
    if Size.of(pixels) != size and even_size(Size.of(pixels)) == size:
        return np.ascontiguousarray(pixels[: size.height, : size.width])
    return letterbox(pixels, size)
