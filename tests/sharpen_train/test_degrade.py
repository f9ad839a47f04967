import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.degrade import LEVELS, Mixture, add_noise, degrade, jpeg, soften
from sharpen_train.metrics import psnr

TRUTH = sharp_picture(Size(96, 128), 3)


def test_levels_are_ordered() -> None:
    quality = [
        np.mean([psnr(degrade(TRUTH, level, np.random.default_rng(n)), TRUTH) for n in range(5)]) for level in ("heavy", "medium", "low")
    ]
    assert quality == sorted(quality)


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_gives_the_same_picture(level: str) -> None:
    first, second = (degrade(TRUTH, level, np.random.default_rng(5), (40, 90)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


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


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_a_mixture_keeps_shape_and_type(seed: int) -> None:
    soft = Mixture().draw(TRUTH, np.random.default_rng(seed))
    assert soft.shape == TRUTH.shape
    assert soft.dtype == np.uint8


def test_a_mixture_draws_everything_also_the_untouched_picture() -> None:
    rng = np.random.default_rng(0)
    drawn = [Mixture().draw(TRUTH, rng) for _ in range(150)]
    untouched = sum(np.array_equal(soft, TRUTH) for soft in drawn)
    assert 0 < untouched < 20
