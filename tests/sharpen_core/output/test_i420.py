"""RGB to I420, against the formulas of BT.601."""

import numpy as np
import pytest

from sharpen_core.output.i420 import rgb_to_i420


def reference(pixels):
    """ITU-R BT.601 in floating point: (Y, U, V), with each 2x2 colours averaged."""
    red, green, blue = np.moveaxis(pixels.astype(float) / 255, 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    quarter = [plane.reshape(plane.shape[0] // 2, 2, -1, 2).mean((1, 3)) for plane in (luma, blue, red)]
    return 16 + 219 * luma, 128 + 224 * (quarter[1] - quarter[0]) / 1.772, 128 + 224 * (quarter[2] - quarter[0]) / 1.402


@pytest.mark.parametrize("size", [(2, 2), (2, 6), (6, 2), (48, 64), (34, 66)])
def test_is_bt601_of_limited_range_with_averaged_colour(size):
    pixels = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    result = rgb_to_i420(pixels)
    height, width = size
    assert result.shape == (height * 3 // 2, width)
    assert result.dtype == np.uint8
    flat = result.reshape(-1).astype(float)
    luma, quarters = flat[: height * width], flat[height * width :].reshape(2, -1)
    expected = [plane.reshape(-1) for plane in reference(pixels)]
    assert np.abs(luma - expected[0]).max() <= 1
    assert np.abs(quarters[0] - expected[1]).max() <= 1.6
    assert np.abs(quarters[1] - expected[2]).max() <= 1.6


@pytest.mark.parametrize("level", range(0, 256, 5))
def test_grey_stays_grey(level):
    assert (rgb_to_i420(np.full((4, 8, 3), level, np.uint8))[4:] == 128).all()
