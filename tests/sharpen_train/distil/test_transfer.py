import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from sharpen_core.frame import Size
from sharpen_core.gauge import BAND_EDGES, BANDS
from sharpen_train.distil import transfer
from tests.helpers.pictures import sharp_picture


def floats(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("sigma_px", [0.8, 1.3])
def test_a_gaussian_is_measured_as_its_formula_says(sigma_px: float) -> None:
    truth = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    soft = cv2.GaussianBlur(truth, (0, 0), sigma_px)
    middles = (np.array(BAND_EDGES[:-1]) + np.array(BAND_EDGES[1:])) / 2
    expected = np.exp(-2 * (np.pi * middles * sigma_px) ** 2)
    np.testing.assert_allclose(transfer.measure(floats(soft), floats(truth))[0], expected, atol=0.05)


def test_noise_does_not_bias_it() -> None:
    truth, rng = sharp_picture(Size(256, 256), 1), np.random.default_rng(0)
    noisy = np.clip(truth + rng.normal(0, 10, truth.shape), 0, 255).astype(np.uint8)
    np.testing.assert_allclose(transfer.measure(floats(noisy), floats(truth))[0], 1, atol=0.06)


def test_what_has_no_detail_counts_as_in_between() -> None:
    flat = torch.full((2, 3, 64, 64), 0.5)
    torch.testing.assert_close(transfer.measure(flat, flat), torch.full((2, BANDS), 0.5))


def test_a_surer_reading_costs_less_only_if_it_is_right() -> None:
    truth = torch.full((1, BANDS), 0.5)
    right, wrong = truth + 0.01, truth + 0.4
    sure, unsure = torch.full((1, BANDS), -8.0), torch.full((1, BANDS), -2.0)
    assert transfer.misreading(right, sure, truth) < transfer.misreading(right, unsure, truth)
    assert transfer.misreading(wrong, unsure, truth) < transfer.misreading(wrong, sure, truth)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_student_is_told_the_truth_nearly_or_what_was_read(share: float) -> None:
    torch.manual_seed(0)
    mtf, reading = torch.full((2000, BANDS), 0.6), torch.full((2000, BANDS), 0.1)
    told = transfer.told(mtf, reading, share)
    read = (told == reading).all(1)
    assert abs(float(read.float().mean()) - (1 - share)) < 0.05
    off = told[~read] - 0.6
    assert float(off.mean().abs()) < 0.01
    assert 0.03 < float(off.std()) < 0.12
