"""RGB to YUV, against the standards' formulas in floating point."""

import numpy as np
import pytest

from sharpen_core.yuv import matrices, rgb_to_yuv420

# (Y, U, V) of limited range for red, from the standards' tables.
RED = {1: (62.6, 102.3, 240.0), 6: (81.5, 90.2, 240.0), 9: (73.5, 96.7, 240.0)}


@pytest.mark.parametrize("code", RED)
def test_known_colours(code):
    to_y, to_uv = matrices(code)
    for colour, expected in [((255, 0, 0), RED[code]), ((255, 255, 255), (235, 128, 128)), ((0, 0, 0), (16, 128, 128))]:
        assert [*(to_y @ [*colour, 1]), *(to_uv @ [*colour, 1])] == pytest.approx(expected, abs=0.7)


@pytest.mark.parametrize("size", [(2, 2), (2, 8), (8, 2), (50, 66)])
def test_planes_are_where_h264_expects_them(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    height, width = size
    to_y, to_uv = matrices(1)
    with_one = np.concatenate([pixels, np.ones((*size, 1))], axis=2)
    luma, colours = (with_one @ to_y.T)[..., 0], with_one @ to_uv.T
    rows = colours.reshape(height // 2, 2, width, 2).mean(1)
    before = np.concatenate([rows[:, :1], rows[:, 1:-1:2]], axis=1)
    expected = (before + 2 * rows[:, ::2] + rows[:, 1::2]) / 4

    result = rgb_to_yuv420(pixels, 1)
    assert result.shape == (height * 3 // 2, width)
    flat = result.reshape(-1).astype(float)
    assert np.abs(flat[: height * width].reshape(size) - luma).max() <= 0.51
    for number in (0, 1):
        plane = flat[height * width :].reshape(2, height // 2, width // 2)[number]
        assert np.abs(plane - expected[..., number])[:, 1:].max(initial=0) <= 1.6
