import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sharpen_train.degradations.optics import Kernel, convolve, disk_kernel, gaussian_kernel, motion_kernel, shake_kernel

SEEDS = st.integers(0, 2**31)


def centre(kernel: Kernel) -> NDArray[np.float64]:
    half = kernel.shape[0] // 2
    steps = np.arange(-half, half + 1)
    return np.array([(kernel.sum(axis) * steps).sum() for axis in (0, 1)])


def check(kernel: Kernel) -> None:
    assert kernel.dtype == np.float32
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(centre(kernel)).max() < 0.02, "the picture would shift"


@given(st.floats(0.1, 4), st.floats(0.3, 2), st.floats(1, 2), st.floats(0.5, 8), st.floats(0, 3.2), st.floats(-1, 1), SEEDS)
@settings(deadline=None, max_examples=60)
def test_every_kernel_keeps_brightness_and_place(
    radius_px: float, sigma_px: float, ratio: float, length_px: float, angle: float, bend: float, seed: int
) -> None:
    check(disk_kernel(radius_px))
    check(gaussian_kernel(sigma_px, ratio, angle))
    check(motion_kernel(length_px, angle, bend))
    check(shake_kernel(length_px, angle, np.random.default_rng(seed)))


def test_a_disk_grows_smoothly() -> None:
    """A disk of whole pixels would jump; a tenth of a pixel more must always show, and never much."""
    spread = [(1 - disk_kernel(radius)[disk_kernel(radius).shape[0] // 2].max()) for radius in np.arange(0.6, 2.5, 0.1)]
    steps = np.diff(spread)
    assert (steps > 0).all()
    assert steps.max() < 0.22


def test_a_disk_covers_its_area() -> None:
    for radius_px in (1.0, 1.7, 3.2):
        assert 1 / disk_kernel(radius_px).max() == pytest.approx(np.pi * radius_px**2, rel=0.03)


def test_a_gaussian_is_wider_along_its_angle() -> None:
    kernel = gaussian_kernel(1.5, 2.0, 0.0)
    steps = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    across, along = ((kernel.sum(axis) * steps**2).sum() ** 0.5 for axis in (1, 0))
    assert along / across == pytest.approx(2, rel=0.1)


def test_motion_blurs_in_its_direction_only() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::4] = 200
    np.testing.assert_array_equal(convolve(stripes, motion_kernel(5, np.pi / 2)), stripes)
    assert convolve(stripes, motion_kernel(5, 0.0)).std() < 0.6 * stripes.std()


def test_a_flat_picture_stays_flat() -> None:
    flat = np.full((20, 30, 3), (10, 128, 250), np.uint8)
    np.testing.assert_array_equal(convolve(flat, disk_kernel(2.3)), flat)
