"""Distances between a result and the truth that need no network. Each maps two (N, 3, H, W) in [0, 1] to one value per example, (N,)."""

from collections.abc import Callable

import torch
from torch import Tensor

DONE_DB = 45.0
"""An example that is restored to this PSNR has nothing left to teach."""
WINDOW_PX = 11
"""Side of the Gaussian window of SSIM; its standard deviation is 1.5 px."""


def l1(result: Tensor, truth: Tensor) -> Tensor:
    """The mean absolute error."""
    return (result - truth).abs().mean(dim=(1, 2, 3))


def mse(result: Tensor, truth: Tensor) -> Tensor:
    """The mean squared error."""
    return (result - truth).square().mean(dim=(1, 2, 3))


def charbonnier(result: Tensor, truth: Tensor, epsilon: float = 1e-3) -> Tensor:
    """A smooth L1 distance (Lai et al., CVPR 2017)."""
    return torch.sqrt((result - truth).square() + epsilon**2).mean(dim=(1, 2, 3))


def psnr_loss(result: Tensor, truth: Tensor) -> Tensor:
    """The negative PSNR in units of 10 dB, cut off at `DONE_DB` (the loss of NAFNet: Chen et al., ECCV 2022).

    A logarithm counts relative errors. With a plain distance the heavily blurred examples own the gradient and nearly sharp
    pictures are harmed; here a decibel is a decibel at every level. Behind the cut nothing pulls any more: with a soft bound
    a blind network learns to return sharp pictures exactly (99 dB), and leaves slightly soft ones alone with them.
    """
    return torch.log10(mse(result, truth).clamp(min=10 ** (-DONE_DB / 10)))


def ssim_loss(result: Tensor, truth: Tensor) -> Tensor:
    """One minus the SSIM of luma, as `sharpen_train.metrics.ssim` scores it but without rounding (Wang et al., 2004).

    Raises:
        ValueError: the pictures are smaller than the window.
    """
    if min(truth.shape[2:]) < WINDOW_PX:
        raise ValueError(f"pictures of shape {tuple(truth.shape)} are smaller than the {WINDOW_PX}x{WINDOW_PX} window")
    a, b = _luma(result), _luma(truth)
    mean_a, mean_b, square_a, square_b, product = _windowed(torch.stack((a, b, a * a, b * b, a * b)))
    var_a, var_b, covariance = square_a - mean_a * mean_a, square_b - mean_b * mean_b, product - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    score = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / ((mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2))
    return 1 - score.mean(dim=(1, 2))


def fft(result: Tensor, truth: Tensor) -> Tensor:
    """The mean absolute difference of the spectra, real and imaginary parts apart (Cho et al., MIMO-UNet, ICCV 2021).

    The spectrum is orthonormal, so that the value does not grow with the size of the patch; the paper's is not, so that its weight of 0.1
    is 0.1 * sqrt(H * W) here. Half a spectrum says all of a real picture's.
    """
    difference = torch.fft.rfft2(result - truth, norm="ortho")
    return torch.view_as_real(difference).abs().mean(dim=(1, 2, 3, 4))


def gradient(result: Tensor, truth: Tensor) -> Tensor:
    """The mean absolute difference of the edges: horizontal and vertical Sobel derivatives of each channel, in units of 1/px."""
    error = result - truth
    across = error[..., 2:] - error[..., :-2]
    down = error[..., 2:, :] - error[..., :-2, :]
    horizontal = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    vertical = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return (horizontal.abs() + vertical.abs()).mean(dim=(1, 2, 3)) / 16


def _luma(pictures: Tensor) -> Tensor:
    """BT.601 luma, (N, H, W)."""
    red, green, blue = pictures.unbind(dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _windowed(planes: Tensor) -> Tensor:
    """Returns the Gaussian means of (..., H, W) wherever the window lies inside.

    As two products with banded matrices: a convolution of one channel is several times slower on a CPU, and on a GPU it would round to
    TF32 by default, too coarse for variances that are differences of means.
    """
    height, width = planes.shape[-2:]
    return _band(height, planes) @ planes @ _band(width, planes).T


def _band(length: int, like: Tensor) -> Tensor:
    """Returns the matrix (length - 10, length) whose rows are the window, each one place further."""
    places = torch.arange(length, dtype=like.dtype, device=like.device)
    reach = WINDOW_PX // 2
    offsets = places - places[reach : length - reach, None]
    weights = torch.exp(-offsets.square() / (2 * 1.5**2)) * (offsets.abs() <= reach)
    return weights / weights.sum(dim=1, keepdim=True)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "mse": mse,
    "charbonnier": charbonnier,
    "psnr": psnr_loss,
    "ssim": ssim_loss,
    "fft": fft,
    "gradient": gradient,
}
"""The distances by name."""
