from math import erf

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_train.evaluation import slanted_edge
from sharpen_train.evaluation.slanted_edge import Chart, analyse, decode, encode, render


def blurred(chart, sigma_px):
    linear = cv2.GaussianBlur(decode(render(chart) / 255), (0, 0), sigma_px)
    return np.round(encode(linear) * 255).astype(np.uint8)


def gaussian_mtf(frequencies, sigma_px):
    """Of `blurred`: exp(-2 pi^2 s^2 f^2), as OpenCV samples it, times that of the pixel, which is a mean over its area."""
    kernel = cv2.getGaussianKernel(31, sigma_px)[:, 0]
    sampled = sum(weight * np.cos(2 * np.pi * frequencies * offset) for offset, weight in enumerate(kernel, -15))
    return sampled * np.sinc(frequencies)


def unsharp(picture):
    """Sigma 1.5 px, amount 1."""
    return cv2.addWeighted(picture, 2.0, cv2.GaussianBlur(picture, (0, 0), 1.5), -1.0, 0)


@settings(max_examples=15, deadline=None)
@given(
    angle=st.floats(2.0, 10.0),
    mirrored=st.booleans(),
    sigma_px=st.floats(0.6, 2.5),
    contrast=st.sampled_from(slanted_edge.CONTRASTS),
    dark_first=st.booleans(),
    horizontal=st.booleans(),
)
def test_mtf50_of_a_gaussian_is_as_the_formula_says(angle, mirrored, sigma_px, contrast, dark_first, horizontal):
    chart = Chart(-angle if mirrored else angle, *contrast, dark_first, horizontal)
    frequencies = np.linspace(0.01, 0.6, 20_000)
    true = frequencies[gaussian_mtf(frequencies, sigma_px) < 0.5][0]
    assert analyse(blurred(chart, sigma_px), horizontal=horizontal).mtf50 == pytest.approx(true, rel=0.05)  # worst found by search: 0.032


def test_a_wide_gaussian_needs_no_account_of_the_pixel():
    sigma_px = 2.0
    assert analyse(blurred(Chart(), sigma_px)).mtf50 == pytest.approx(np.sqrt(np.log(2) / 2) / (np.pi * sigma_px), rel=0.03)


def test_the_whole_curve_of_a_gaussian():
    frequencies = slanted_edge.FREQUENCIES[slanted_edge.FREQUENCIES <= 0.5]
    assert np.abs(analyse(blurred(Chart(), 0.8)).mtf[: len(frequencies)] - gaussian_mtf(frequencies, 0.8)).max() < 0.02


def test_a_smooth_edge_has_no_overshoot():
    assert analyse(blurred(Chart(), 1.5)).overshoot_percent < 0.5


@pytest.mark.parametrize("dark_first", [True, False])
def test_overshoot_of_an_unsharp_mask_is_as_computed(dark_first):
    """Of a Gaussian edge the mask subtracts a wider Gaussian edge: the difference of two error functions, looked up on a fine grid."""
    sigma_px, mask_px, amount = 1.5, 2.0, 0.7
    chart = Chart(5.0, 0.2, 0.4, dark_first)
    first, second = (float(encode(np.array(x))) for x in (chart.dark, chart.light))
    edge = render(Chart(5.0, 0.0, 1.0, dark_first))
    share = decode(edge[:, :, 0] / 255)
    soft = cv2.GaussianBlur(share, (0, 0), sigma_px)
    sharp = soft + amount * (soft - cv2.GaussianBlur(soft, (0, 0), mask_px))
    picture = np.repeat(np.round((first + (second - first) * sharp) * 255).astype(np.uint8)[:, :, None], 3, axis=2)

    x = np.linspace(-20, 20, 40_001)
    step = _normal_cdf(x / sigma_px) * (1 + amount) - amount * _normal_cdf(x / np.hypot(sigma_px, mask_px))
    assert analyse(picture).overshoot_percent == pytest.approx(100 * (step.max() - 1), abs=0.7)


def _normal_cdf(x):
    return np.array([0.5 * (1 + erf(value / np.sqrt(2))) for value in x])


def test_overshoot_counts_the_worse_side():
    picture = blurred(Chart(), 1.0)
    clipped = np.minimum(unsharp(picture), picture.max())
    assert analyse(clipped).overshoot_percent == pytest.approx(analyse(unsharp(picture)).overshoot_percent, abs=1.0)
    flat = np.clip(unsharp(picture), picture.min(), picture.max())
    assert analyse(flat).overshoot_percent < 0.5


def test_a_filter_that_does_nothing():
    score = slanted_edge.measure(lambda picture: picture)
    assert score.noise_gain == score.smeared_noise_gain == 1.0
    assert set(score.levels) == {"heavy", "medium", "low"}
    for level in score.levels.values():
        assert level.gain == 1.0
        assert level.input_mtf == level.output_mtf
        assert level.input_overshoot_percent == level.output_overshoot_percent <= level.worst_overshoot_percent
    assert score.levels["heavy"].input_mtf50 < score.levels["medium"].input_mtf50 < score.levels["low"].input_mtf50


def test_an_unsharp_mask_sharpens_overshoots_and_amplifies_noise():
    score = slanted_edge.measure(unsharp, levels=["medium"])
    assert score.levels["medium"].gain > 1.2
    assert score.levels["medium"].output_overshoot_percent > 10
    kernel = np.zeros((31, 31))
    kernel[15, 15] = 1
    kernel = 2 * kernel - cv2.GaussianBlur(kernel, (0, 0), 1.5)
    # Rounding adds its own 1/12 on both sides, which is little beside the noise's variance of 4.
    assert score.noise_gain == pytest.approx(np.sqrt(np.square(kernel).sum()), rel=0.02)
    assert all(gain == pytest.approx(score.noise_gain, rel=0.03) for gain in score.noise_gain_by_grey.values())
    assert score.smeared_noise_gain < score.noise_gain  # blurred noise has less of what the mask amplifies


def test_noise_on_the_charts_hardly_moves_the_result():
    clean, noisy = (slanted_edge.measure(lambda picture: picture, levels=["heavy"], noise_sigma=sigma) for sigma in (0.0, 2.0))
    assert noisy.levels["heavy"].input_mtf50 == pytest.approx(clean.levels["heavy"].input_mtf50, rel=0.05)


def test_a_shift_of_colour_is_no_noise():
    def redden(picture):
        return np.clip(picture.astype(int) + np.array([9, 0, -9]), 0, 255).astype(np.uint8)

    assert slanted_edge.measure(redden, levels=[]).noise_gain == pytest.approx(1.0, abs=1e-6)
