import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_core.frame import Frame, Size


@given(st.integers(1, 99999), st.integers(1, 99999))
def test_a_size_reads_back_what_it_prints(height: int, width: int) -> None:
    size = Size(height=height, width=width)
    assert Size.parse(str(size)) == size


@pytest.mark.parametrize("text", ["", "x", "0x5", "5x0", "-1x2", "1280", "1280*720", "1e3x2", "123456x1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size such as 1280x720"):
        Size.parse(text)


def test_pixels_of_a_frame_are_read_only() -> None:
    frame = Frame(np.zeros((4, 6, 3), np.uint8), 0, 0)
    assert frame.size == Size(4, 6)
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0, 0] = 1


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 4), np.uint8), np.zeros((4, 6, 3), np.float32), np.zeros((4, 12, 3), np.uint8)[:, ::2]],
)
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="frame"):
        Frame(pixels, 0, 0)
