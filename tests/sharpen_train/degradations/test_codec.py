import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import scene, sharp_picture

from sharpen_core.frame import Size
from sharpen_train.degradations.codec import H264, SUBSAMPLINGS, coarse_chroma, h264, mjpeg
from sharpen_train.metrics import psnr

PICTURE = scene(Size(64, 96))


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_chroma_is_coarse_and_luma_is_not(subsampling: str) -> None:
    grey = np.repeat(sharp_picture(Size(48, 64), 1)[:, :, :1], 3, 2)
    assert np.abs(coarse_chroma(grey, subsampling).astype(int) - grey).max() <= 1
    coloured = np.zeros((16, 16, 3), np.uint8) + np.array([60, 90, 200], np.uint8)
    coloured[:, ::2] = (200, 90, 60)
    assert np.ptp(coarse_chroma(coloured, subsampling)[4:-4, 4:-4, 0]) < 80


def test_one_row_in_two_keeps_its_colour_only_with_full_height_chroma() -> None:
    rows = np.zeros((16, 16, 3), np.uint8) + np.array([60, 90, 200], np.uint8)
    rows[::2] = (200, 90, 60)
    across, both = (np.ptp(coarse_chroma(rows, way)[4:-4, 4:-4, 0]) for way in ("4:2:2", "4:2:0"))
    assert across > 130 > 80 > both
    across, both = (np.ptp(mjpeg(rows, 95, way)[4:-4, 4:-4, 0]) for way in ("4:2:2", "4:2:0"))
    assert across > 130 > 100 > both


@pytest.mark.parametrize("frames", [1, 3])
def test_a_higher_factor_is_worse(frames: int) -> None:
    quality = [psnr(h264([PICTURE] * frames, crf), PICTURE) for crf in (18, 28, 38)]
    assert quality == sorted(quality, reverse=True)
    assert quality[0] > 33


def test_the_last_frame_comes_back() -> None:
    earlier = np.ascontiguousarray(PICTURE[::-1])
    assert psnr(h264([earlier, earlier, PICTURE], 20), PICTURE) > 30


def test_a_stream_before_it_changes_the_picture() -> None:
    moved = np.roll(PICTURE, 1, 1)
    assert not np.array_equal(h264([moved, PICTURE], 30), h264([PICTURE], 30))


@given(st.integers(1, 40), st.integers(1, 40))
@settings(deadline=None, max_examples=15)
def test_any_size_comes_back_whole(height: int, width: int) -> None:
    flat = np.full((height, width, 3), (120, 60, 180), np.uint8)
    for result in (h264([flat], 20), coarse_chroma(flat, "4:2:0"), mjpeg(flat, 90, "4:2:2")):
        assert result.shape == flat.shape
        assert np.abs(result.astype(int) - flat).max() < 8


def test_streams_stand_still_and_move() -> None:
    stage = H264((25, 25), (3, 3))
    results = {stage.run(PICTURE, np.random.default_rng(seed), []).tobytes() for seed in range(6)}
    assert 1 < len(results) <= 6
