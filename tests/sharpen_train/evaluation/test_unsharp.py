import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.degradations.published import soften
from sharpen_train.evaluation.unsharp import SETTINGS, best_setting, middle, score_settings, unsharp
from sharpen_train.metrics import psnr


@given(st.integers(0, 255), st.sampled_from(SETTINGS))
@settings(max_examples=20, deadline=None)
def test_a_flat_picture_stays_as_it_is(grey, setting):
    flat = np.full((20, 30, 3), grey, np.uint8)
    assert np.array_equal(unsharp(flat, *setting), flat)


def test_every_setting_is_scored_as_the_mask_itself_scores():
    truth = sharp_picture(Size(60, 70), 2)
    soft = soften(truth, 1.5, 0.8)
    assert score_settings(soft, truth).tolist() == [psnr(unsharp(soft, *setting), truth) for setting in SETTINGS]


def test_a_heavier_blur_is_given_a_stronger_mask():
    truths = [sharp_picture(Size(100, 100), seed) for seed in range(3)]
    products = []
    for scale, sigma_px in ((1.2, 0.4), (2.0, 1.4)):
        best_sigma_px, amount = best_setting(score_settings(soften(truth, scale, sigma_px), truth) for truth in truths)
        products.append(best_sigma_px * amount)
    assert products[0] < products[1]


def test_the_middle_of_a_picture():
    picture = np.arange(600 * 700 * 3, dtype=np.uint32).astype(np.uint8).reshape(600, 700, 3)
    assert np.array_equal(middle(picture), picture[44:556, 94:606])
    assert middle(picture[:100]).shape == (100, 512, 3)
