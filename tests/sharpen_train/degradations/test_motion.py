import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import check

from sharpen_train.degradations import Picture, Preset, find_preset
from sharpen_train.degradations.motion import Movement, exposures_kernel, motion_kernel, shake_kernel
from sharpen_train.degradations.optics import convolve
from sharpen_train.distil import transfer

SEEDS = st.integers(0, 2**31)
NOISE = np.random.default_rng(3).integers(0, 256, (96, 128, 3), np.uint8)


def mtf(soft: Picture, before: Picture) -> torch.Tensor:
    return transfer.measure(*(torch.from_numpy(picture.transpose(2, 0, 1)[None] / np.float32(255)) for picture in (soft, before)))[0]


@given(st.floats(0.5, 40), st.floats(0, 3.2), st.floats(-1, 1), st.integers(7, 13), SEEDS)
@settings(deadline=None, max_examples=60)
def test_every_kernel_keeps_brightness_and_place(length_px: float, angle: float, bend: float, count: int, seed: int) -> None:
    check(motion_kernel(length_px, angle, bend))
    check(shake_kernel(length_px, angle, np.random.default_rng(seed)))
    check(exposures_kernel(length_px, angle, count))


def test_motion_blurs_in_its_direction_only() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::4] = 200
    np.testing.assert_array_equal(convolve(stripes, motion_kernel(5, np.pi / 2)), stripes)
    assert convolve(stripes, motion_kernel(5, 0.0)).std() < 0.6 * stripes.std()


def test_exposures_are_seen_one_by_one() -> None:
    kernel = exposures_kernel(24, 0.0, 7)
    along = kernel.sum(axis=0)
    assert np.count_nonzero(along > 0.01) == 7
    np.testing.assert_allclose(along[along > 0.01], 1 / 7, rtol=1e-5)


def test_what_is_in_front_moves_and_a_still_background_does_not() -> None:
    movement = Movement((6, 20), still_share=1.0)
    untouched = [(movement.run(NOISE, np.random.default_rng(seed), []) == NOISE).all(axis=2).mean() for seed in range(24)]
    assert 0.2 < np.mean(untouched) < 0.8
    both = Movement((6, 20), still_share=0.0)
    assert max((both.run(NOISE, np.random.default_rng(seed), []) == NOISE).all(axis=2).mean() for seed in range(24)) < 0.05


@given(st.floats(2, 40), SEEDS)
@settings(deadline=None, max_examples=30)
def test_a_flat_picture_stays_flat_whatever_moves(length_px: float, seed: int) -> None:
    flat = np.full((40, 50, 3), (10, 128, 250), np.uint8)
    np.testing.assert_array_equal(Movement((1, length_px)).run(flat, np.random.default_rng(seed), []), flat)


def test_softness_is_what_happened_besides_the_movement() -> None:
    """A network is told of a frame, and a frame's gauge does not see what a hand in it does."""
    preset = Preset("moving", "", find_preset("medium").stages, movement=Movement((12, 30)), moving_share=1.0)
    for seed in range(12):
        made = preset.soften(NOISE, np.random.default_rng(seed))
        expected = (
            1.0 if len(made.drawn) == 1 else float(mtf(find_preset("medium").apply(NOISE, np.random.default_rng(seed)), NOISE).mean())
        )
        assert float(mtf(made.soft, made.moved).mean()) == pytest.approx(expected, abs=0.06)
        assert float(mtf(made.soft, NOISE).mean()) < expected


def test_most_pictures_of_a_moving_preset_stand_still() -> None:
    preset = find_preset("moving")
    moved = [preset.soften(NOISE, rng).moved is not NOISE for rng in map(np.random.default_rng, range(150))]
    assert 0.2 < np.mean(moved) < 0.45
    assert find_preset("everyday").soften(NOISE, np.random.default_rng(0)).moved is NOISE
