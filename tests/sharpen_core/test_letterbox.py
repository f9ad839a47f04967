"""Letterboxing: for any two sizes, the picture lies undistorted between black bars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.frame import Size
from sharpen_core.letterbox import even_size, fit_even, inner_size, letterbox

sizes = st.builds(Size, st.integers(1, 90), st.integers(1, 90))


def white(size):
    return np.full((*size, 3), 255, np.uint8)


@settings(deadline=None)
@given(sizes, sizes)
def test_result_has_the_size_and_the_input_is_untouched(source, size):
    pixels = white(source)
    result = letterbox(pixels, size)
    assert Size.of(result) == size
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert (pixels == 255).all()


@settings(deadline=None)
@given(sizes, sizes)
def test_picture_is_whole_and_centred_between_black_bars(source, size):
    result = letterbox(white(source), size)
    box = inner_size(source, size)
    top, left = (size.height - box.height) // 2, (size.width - box.width) // 2
    inside = np.zeros(size, bool)
    inside[top : top + box.height, left : left + box.width] = True
    assert (result[inside] == 255).all()
    assert (result[~inside] == 0).all()


@given(sizes, sizes)
def test_one_side_is_filled_and_the_aspect_kept(source, size):
    box = inner_size(source, size)
    assert box.height == size.height or box.width == size.width
    scale = min(size.height / source.height, size.width / source.width)
    assert abs(box.height - source.height * scale) <= 1
    assert abs(box.width - source.width * scale) <= 1


@given(sizes)
def test_equal_size_returns_the_input_itself(size):
    pixels = white(size)
    assert letterbox(pixels, size) is pixels


def test_read_only_frames_can_be_letterboxed():
    pixels = white(Size(4, 4))
    pixels.flags.writeable = False
    assert Size.of(letterbox(pixels, Size(9, 16))) == Size(9, 16)


@given(sizes)
def test_even_size_loses_at_most_one_row_and_column(size):
    even = even_size(size)
    assert even.height % 2 == even.width % 2 == 0
    assert 0 <= size.height - even.height <= 1
    assert 0 <= size.width - even.width <= 1


@pytest.mark.parametrize("size", [Size(5, 7), Size(5, 8), Size(4, 7)])
def test_an_odd_edge_is_cut_off_and_not_resampled(size):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    result = fit_even(pixels, even_size(size))
    assert (result == pixels[: result.shape[0], : result.shape[1]]).all()
    assert result.flags.c_contiguous
