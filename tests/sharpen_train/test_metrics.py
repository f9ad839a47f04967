import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import sharp_picture
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from sharpen_core.frame import Size
from sharpen_train.degradations.published import soften
from sharpen_train.losses import DONE_DB, charbonnier, psnr_loss
from sharpen_train.metrics import psnr, ssim

LUMA = np.array([0.299, 0.587, 0.114])


@given(st.integers(0, 100), st.floats(0.3, 3.0))
@settings(deadline=None, max_examples=15)
def test_psnr_and_ssim_agree_with_torchmetrics(seed: int, sigma_px: float) -> None:
    truth = sharp_picture(Size(70, 90), seed)
    soft = soften(truth, 1.0, sigma_px)
    a, b = (torch.from_numpy(picture.astype(np.float64)) for picture in (soft, truth))
    assert psnr(soft, truth) == pytest.approx(float(peak_signal_noise_ratio(a, b, data_range=255.0)), abs=1e-3)
    y_a, y_b = (torch.from_numpy(picture @ LUMA)[None, None] for picture in (soft, truth))
    _, whole = structural_similarity_index_measure(y_a, y_b, sigma=1.5, data_range=255.0, return_full_image=True)
    inner = whole[0, 0, 5:-5, 5:-5]  # it continues the picture by reflection; the paper's definition leaves the border out
    assert ssim(soft, truth) == pytest.approx(float(inner.mean()), abs=1e-4)


def test_equal_pictures_are_perfect() -> None:
    truth = sharp_picture(Size(40, 40), 0)
    assert psnr(truth, truth) == 99.0
    assert ssim(truth, truth) == pytest.approx(1.0)


def test_a_picture_smaller_than_the_window_is_refused() -> None:
    tiny = np.zeros((8, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="smaller than the 11x11 window"):
        ssim(tiny, tiny)


def test_losses_by_hand() -> None:
    truth = torch.zeros(2, 3, 8, 8)
    result = truth.clone()
    result[1] = 0.1
    assert charbonnier(result, truth).tolist() == pytest.approx([1e-3, (0.01 + 1e-6) ** 0.5])
    assert psnr_loss(result, truth).tolist() == pytest.approx([-DONE_DB / 10, np.log10(0.01)], rel=1e-4)
