"""Sensor, processor and sizes."""

import numpy as np
import pytest
from pictures import scene, sharp_picture

from sharpen_core.frame import Size
from sharpen_train.degradations.isp import bilateral, guided, non_local, oversharpen
from sharpen_train.degradations.resampling import KERNELS, Resized, resize
from sharpen_train.degradations.sensor import Sensor, display_from_linear, linear_from_display, mosaic, noise_table

PICTURE = scene(Size(64, 96))


def test_the_transfer_function_is_its_own_inverse_and_known_at_half() -> None:
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(display_from_linear(linear_from_display(values)), values, atol=1e-6)
    assert linear_from_display(np.array(0.5)) == pytest.approx(0.21404, abs=1e-5)


def test_noise_falls_with_the_light() -> None:
    middle = [noise_table(electrons, 2.0)[128] for electrons in (100, 400, 1600)]
    assert middle[0] / middle[1] == pytest.approx(2, rel=0.15)  # shot noise: four times the light, half the noise
    assert middle[1] / middle[2] == pytest.approx(2, rel=0.15)


def test_noise_in_the_middle_is_that_of_counted_photons() -> None:
    electrons, read = 1000.0, 2.0
    light = linear_from_display(np.array(128 / 255))
    rng = np.random.default_rng(0)
    measured = (rng.poisson(light * electrons, 20000) + rng.normal(0, read, 20000)) / electrons
    values = 255 * display_from_linear(np.clip(measured, 0, 1))
    assert noise_table(electrons, read)[128] == pytest.approx(values.std(), rel=0.03)


def test_a_mosaic_keeps_one_channel_a_pixel() -> None:
    colours = np.zeros((3, 5, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    np.testing.assert_array_equal(mosaic(colours, (0, 1, 1, 2)), [[10, 20, 10, 20, 10], [20, 30, 20, 30, 20], [10, 20, 10, 20, 10]])


@pytest.mark.parametrize("seed", range(8))
def test_a_sensor_keeps_every_colour_its_own(seed: int) -> None:
    """Eight draws meet all four colour filters and both interpolations, on odd sizes too."""
    flat = np.full((33, 47, 3), (200, 90, 40), np.uint8)
    taken = Sensor((50000, 50000), (0, 0)).run(flat, np.random.default_rng(seed), [])
    assert taken.shape == flat.shape
    np.testing.assert_allclose(taken.mean((0, 1)), (200, 90, 40), atol=0.5)


def test_noise_is_alike_between_neighbours() -> None:
    grey = np.full((128, 128, 3), 128, np.uint8)
    noise = Sensor((300, 300)).run(grey, np.random.default_rng(0), []).astype(float)[..., 0] - 128
    assert 3 < noise.std() < 30
    assert (noise[:, 1:] * noise[:, :-1]).mean() > 0.2 * noise.var()


@pytest.mark.parametrize("smooth", [bilateral, guided, non_local])
def test_a_noise_filter_smooths_the_flat_and_keeps_the_edge(smooth: object) -> None:
    rng = np.random.default_rng(0)
    plane = np.full((64, 64), 60, np.uint8)
    plane[:, 32:] = 190
    noisy = np.clip(plane + rng.normal(0, 6, plane.shape), 0, 255).astype(np.uint8)
    smoothed = smooth(noisy, 15.0).astype(float)
    assert smoothed[:, :28].std() < 0.7 * noisy[:, :28].std()
    assert smoothed[:, 33].mean() - smoothed[:, 30].mean() > 115
    assert smoothed.mean() == pytest.approx(noisy.mean(), abs=0.6)


def test_sharpening_overshoots_as_far_as_it_may() -> None:
    edge = np.full((32, 32, 3), 100, np.uint8)
    edge[:, 16:] = 160
    sharpened = oversharpen(edge, 3.0, 1.0, 12).astype(int)
    assert (sharpened.min(), sharpened.max()) == (88, 172)
    np.testing.assert_array_equal(sharpened[:, [0, -1]], edge[:, [0, -1]])


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_resized_ramp_stays_in_its_place(kernel: str) -> None:
    ramp = np.repeat(np.linspace(20, 230, 120).astype(np.uint8)[None, :, None], 40, 0).repeat(3, 2)
    back = resize(resize(ramp, 27, 81, kernel), 40, 120, kernel)
    np.testing.assert_allclose(back[:, 6:-6].astype(int), ramp[:, 6:-6].astype(int), atol=3)


def test_what_happens_inside_happens_at_the_other_size() -> None:
    sizes: list[tuple[int, ...]] = []

    class Looks:
        def run(self, picture: np.ndarray, rng: np.random.Generator, trace: list[str]) -> np.ndarray:
            sizes.append(picture.shape)
            return picture

        def describe(self) -> dict[str, str]:
            return {"looks": "on"}

    stage = Resized((0.5, 0.5), (Looks(),))
    soft = stage.run(sharp_picture(Size(60, 80), 0), np.random.default_rng(0), [])
    assert sizes == [(30, 40, 3)]
    assert soft.shape == (60, 80, 3)
    assert list(stage.describe()) == ["size", "looks"]
