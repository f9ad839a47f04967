"""Picture quality: RGB PSNR, and SSIM on luma (Wang et al., 2004), both on rounded uint8 pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def psnr(result: Picture, truth: Picture) -> float:
    """Returns the peak signal-to-noise ratio in dB over all channels; 99 for equal pictures."""
    mse = float(np.mean(np.square(result.astype(np.float32) - truth.astype(np.float32))))
    return 99.0 if mse == 0 else 10 * float(np.log10(255.0**2 / mse))


def _luma(picture: Picture) -> NDArray[np.float32]:
    """BT.601 luma, full range, not rounded."""
    return picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _window(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(plane, (11, 11), 1.5)
    return np.asarray(blurred[5:-5, 5:-5], np.float32)


def ssim(result: Picture, truth: Picture) -> float:
    """Returns the mean SSIM of luma: 11x11 Gaussian window, sigma 1.5, data range 255, borders left out.

    Raises:
        ValueError: the pictures are smaller than the window.
    """
    if min(truth.shape[:2]) < 11:
        raise ValueError(f"a picture of shape {truth.shape} is smaller than the 11x11 window")
    a, b = _luma(result), _luma(truth)
    mean_a, mean_b = _window(a), _window(b)
    var_a = _window(a * a) - mean_a * mean_a
    var_b = _window(b * b) - mean_b * mean_b
    covariance = _window(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / ((mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2))
    return float(score.mean())
