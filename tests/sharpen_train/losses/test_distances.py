"""Each distance against a formula in numpy or OpenCV, and its gradient."""

import math

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpen_train import metrics
from sharpen_train.losses import DONE_DB, LOSSES

Planes = NDArray[np.float64]


def pictures(seed: int, side_px: int = 24, count: int = 3) -> Tensor:
    """Smooth random pictures with noise on them, double, (N, 3, side, side) in [0, 1]."""
    rng = np.random.default_rng(seed)
    smooth = [cv2.GaussianBlur(rng.random((side_px, side_px, 3)), (0, 0), 2) for _ in range(count)]
    return torch.from_numpy(
        np.clip(np.stack(smooth).transpose(0, 3, 1, 2) + 0.05 * rng.standard_normal((count, 3, side_px, side_px)), 0, 1)
    )


def of_bytes(seed: int) -> Tensor:
    return torch.round(pictures(seed) * 255) / 255


def as_picture(picture: Tensor) -> NDArray[np.uint8]:
    return (picture * 255).round().numpy().astype(np.uint8).transpose(1, 2, 0)


def by_numpy(name: str, a: Planes, b: Planes) -> float:
    """The distance of two (3, H, W)."""
    error = a - b
    match name:
        case "l1":
            return float(np.mean(np.abs(error)))
        case "mse":
            return float(np.mean(error**2))
        case "charbonnier":
            return float(np.mean(np.sqrt(error**2 + 1e-6)))
        case "psnr":
            return math.log10(max(np.mean(error**2), 10**-4.5))
        case "fft":
            spectrum = np.fft.rfft2(a) - np.fft.rfft2(b)
            return float(np.mean(np.abs(spectrum.real)) + np.mean(np.abs(spectrum.imag))) / 2 / math.sqrt(a.shape[1] * a.shape[2])
        case "gradient":
            edges = [cv2.Sobel(plane, cv2.CV_64F, dx, 1 - dx)[1:-1, 1:-1] / 8 for plane in error for dx in (0, 1)]
            return float(np.mean(np.abs(edges)))
        case _:
            raise AssertionError(name)


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"ssim"}))
def test_a_distance_is_its_formula(name: str) -> None:
    result, truth = pictures(1), pictures(2)
    expected = [by_numpy(name, a, b) for a, b in zip(result.numpy(), truth.numpy(), strict=True)]
    assert LOSSES[name](result, truth).tolist() == pytest.approx(expected, rel=1e-9)


def test_ssim_is_the_one_that_is_reported() -> None:
    result, truth = of_bytes(3), of_bytes(4)
    expected = [1 - metrics.ssim(as_picture(a), as_picture(b)) for a, b in zip(result, truth, strict=True)]
    assert LOSSES["ssim"](result, truth).tolist() == pytest.approx(expected, abs=2e-5)
    assert LOSSES["ssim"](result.float(), truth.float()).tolist() == pytest.approx(expected, abs=2e-4)


def test_ssim_needs_pictures_as_large_as_its_window() -> None:
    with pytest.raises(ValueError, match="11x11"):
        LOSSES["ssim"](torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20))


def test_psnr_counts_in_decibels_down_to_what_is_done() -> None:
    truth = torch.full((3, 3, 4, 4), 0.5)
    errors = torch.tensor([0.1, 0.1 * math.sqrt(10), 0.0])
    values = LOSSES["psnr"](truth + errors[:, None, None, None], truth)
    assert float(values[1] - values[0]) == pytest.approx(1, abs=0.01), "10 dB"
    assert float(values[2]) == pytest.approx(-DONE_DB / 10)


def test_a_shifted_sine_is_one_line_of_the_spectrum() -> None:
    x = torch.sin(2 * math.pi * 3 * torch.arange(16, dtype=torch.float64) / 16).expand(1, 3, 16, 16)
    bins = 16 * 9
    assert float(LOSSES["fft"](x, torch.zeros_like(x))) == pytest.approx(16 / 2 / (2 * bins))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_right(name: str) -> None:
    side_px = 12
    result, truth = pictures(5, side_px, 2).requires_grad_(), pictures(6, side_px, 2)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, truth), result, fast_mode=True)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("flat", [True, False])
def test_nothing_is_infinite_where_nothing_is_wrong(name: str, flat: bool) -> None:
    truth = torch.full((2, 3, 16, 16), 0.25) if flat else pictures(7, 16, 2).float()
    result = truth.clone().requires_grad_()
    value = LOSSES[name](result, truth)
    value.sum().backward()
    assert value.shape == (2,)
    assert result.grad is not None
    assert torch.isfinite(result.grad).all()
    assert float(result.grad.abs().max()) < 1e-4


@pytest.mark.parametrize("name", LOSSES)
def test_examples_do_not_mix(name: str) -> None:
    result, truth = pictures(8), pictures(9)
    together = LOSSES[name](result, truth)
    alone = torch.cat([LOSSES[name](result[n : n + 1], truth[n : n + 1]) for n in range(len(result))])
    assert torch.allclose(together, alone, rtol=1e-12)
