import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import check

from sharpen_train.degradations.optics import convolve, disk_kernel, gaussian_kernel


@given(st.floats(0.1, 4), st.floats(0.3, 2), st.floats(1, 2), st.floats(0, 3.2))
@settings(deadline=None, max_examples=60)
def test_every_kernel_keeps_brightness_and_place(radius_px: float, sigma_px: float, ratio: float, angle: float) -> None:
    check(disk_kernel(radius_px))
    check(gaussian_kernel(sigma_px, ratio, angle))


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


def test_a_flat_picture_stays_flat() -> None:
    flat = np.full((20, 30, 3), (10, 128, 250), np.uint8)
    np.testing.assert_array_equal(convolve(flat, disk_kernel(2.3)), flat)
