"""What holds for every point-spread kernel."""

import numpy as np
import pytest

from sharpen_train.degradations.optics import Kernel


def check(kernel: Kernel) -> None:
    """Asserts that it is a square of odd side that neither brightens nor shifts a picture."""
    assert kernel.dtype == np.float32
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    steps = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    centre = [(kernel.sum(axis) * steps).sum() for axis in (0, 1)]
    assert np.abs(centre).max() < 0.02, "the picture would shift"
