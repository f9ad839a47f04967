import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.degradations import find_preset
from sharpen_train.degradations.published import CONDITIONS, LEVELS, add_noise, degrade, jpeg, soften
from sharpen_train.metrics import psnr

TRUTH = sharp_picture(Size(96, 128), 3)


def test_levels_are_ordered() -> None:
    quality = [
        np.mean([psnr(degrade(TRUTH, level, np.random.default_rng(n)), TRUTH) for n in range(5)]) for level in ("heavy", "medium", "low")
    ]
    assert quality == sorted(quality)


@pytest.mark.parametrize("level", LEVELS)
def test_the_draws_are_scale_then_blur_then_quality(level: str) -> None:
    """Scores of different days are compared: the same seed must always give the same soft picture."""
    rng, ranges = np.random.default_rng(5), LEVELS[level]
    scale, sigma_px = rng.uniform(*ranges.scale), rng.uniform(*ranges.sigma_px)
    expected = jpeg(soften(TRUTH, scale, sigma_px), int(rng.integers(50, 96)))
    np.testing.assert_array_equal(degrade(TRUTH, level, np.random.default_rng(5), (50, 95)), expected)


@pytest.mark.parametrize(("level", "compressed"), CONDITIONS)
def test_a_preset_draws_as_evaluation_does(level: str, compressed: bool) -> None:
    expected = degrade(TRUTH, level, np.random.default_rng(9), (50, 95) if compressed else None)
    soft = find_preset(f"{level}-jpeg" if compressed else level).apply(TRUTH, np.random.default_rng(9))
    np.testing.assert_array_equal(soft, expected)


def test_the_published_jpeg_is_coarser() -> None:
    ours, theirs = (
        np.mean([psnr(find_preset(name).apply(TRUTH, np.random.default_rng(n)), TRUTH) for n in range(5)])
        for name in ("low-jpeg", "low-jpeg-published")
    )
    assert theirs < ours


def test_nothing_asked_is_nothing_done() -> None:
    np.testing.assert_array_equal(soften(TRUTH, 1.0, 0.0), TRUTH)


def test_jpeg_keeps_red_red() -> None:
    """Swapped channels would weigh red like blue, and colour would bleed differently."""
    red = np.zeros((32, 32, 3), np.uint8)
    red[:, :, 0] = 220
    assert np.abs(jpeg(red, 95).astype(int) - red).max() < 8


def test_noise_has_the_asked_deviation_and_no_bias() -> None:
    grey = np.full((200, 200, 3), 120, np.uint8)
    noisy = add_noise(grey, 3.0, np.random.default_rng(0)).astype(float) - 120
    assert abs(noisy.mean()) < 0.05
    assert abs(noisy.std() - 3) < 0.1
