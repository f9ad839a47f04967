from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.frame import Size
from sharpen_core.gauge import BANDS, FEATURES, FrameGauge, Gauge, Reading, fused, spectrum
from tests.helpers.pictures import scene


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = (FEATURES, 8, 8, 2 * BANDS)
    arrays = {f"weight{i}": rng.normal(0, 0.1, (sizes[i + 1], sizes[i])).astype(np.float32) for i in range(3)}
    return arrays | {f"bias{i}": rng.normal(0, 0.1, sizes[i + 1]).astype(np.float32) for i in range(3)}


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_every_size_has_a_finite_spectrum(height: int, width: int) -> None:
    values = spectrum(scene(Size(height, width)))
    assert values.shape == (FEATURES,)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


def test_blur_lowers_the_fine_part_of_the_spectrum_alone() -> None:
    import cv2

    rng = np.random.default_rng(1)
    sharp = rng.integers(0, 256, (256, 256, 3), np.uint8)
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.0)
    change = spectrum(soft)[:33] - spectrum(sharp)[:33]
    assert abs(change[1]) < 0.3
    assert change[28] < -5
    # White noise through a Gaussian of 1 px: power falls by exp(-(2 pi f)^2), f = (ring + 0.5) / 64.
    expected = [-((2 * np.pi * (ring + 0.5) / 64) ** 2) for ring in range(4, 20)]
    np.testing.assert_allclose(change[4:20], expected, atol=0.35)


def test_flat_and_black_pictures_have_a_spectrum() -> None:
    for value in (0, 255):
        assert np.isfinite(spectrum(np.full((64, 64, 3), value, np.uint8))).all()


def test_sure_readings_count_more() -> None:
    ones = np.ones(BANDS, np.float32)
    mean = fused([Reading(0 * ones, 0.01 * ones), Reading(ones, 0.03 * ones)])
    np.testing.assert_allclose(mean, 0.25, rtol=1e-5)


def test_a_gauge_survives_its_file(tmp_path: Path) -> None:
    arrays, picture = weights(), scene(Size(256, 256))
    np.savez(tmp_path / "gauge.npz", **arrays)
    before, after = Gauge(arrays).read(picture), Gauge.load(tmp_path / "gauge.npz").read(picture)
    np.testing.assert_array_equal(before.mtf, after.mtf)
    assert (after.variance > 0).all()


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot have layers"):
        Gauge(weights() | {"weight0": np.zeros((8, 3), np.float32)})
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="holds no gauge"):
        Gauge.load(tmp_path / "other.npz")


def test_what_is_told_of_a_still_picture_does_not_move_at_all() -> None:
    frames, picture = FrameGauge(Gauge(weights()), every=1), scene(Size(720, 1280))
    begun = frames.look(picture)
    assert all(frames.look(picture) is begun for _ in range(30))


@pytest.mark.parametrize("size", [Size(256, 1280), Size(512, 1280), Size(100, 100)])
def test_every_part_has_its_turn(size: Size) -> None:
    class Counting(Gauge):
        def read(self, pixels: np.ndarray) -> Reading:
            seen.append(int(pixels[0, 0, 0]))
            return super().read(pixels)

    seen: list[int] = []
    frames, picture = FrameGauge(Counting(weights()), every=1), scene(size)
    picture[:] = np.indices(size).sum(axis=0)[:, :, None] // 32  # tells where a part is from
    frames.look(picture)
    all_parts = sorted(seen)
    seen.clear()
    for _ in all_parts:
        frames.look(picture)
    assert sorted(seen) == all_parts


def test_a_still_camera_reads_the_same_and_a_changed_one_slowly_something_else() -> None:
    gauge, first, second = Gauge(weights()), scene(Size(480, 640)), scene(Size(480, 640), seed=2) // 4
    frames = FrameGauge(gauge, every=2)
    begun = frames.look(first)
    np.testing.assert_allclose(begun, gauge.read_whole(first), atol=0.1)
    assert frames.look(second) is not None
    np.testing.assert_array_equal(frames.look(first * 1), frames.look(second))  # between readings nothing moves
    for _ in range(400):
        ended = frames.look(second)
    np.testing.assert_allclose(ended, gauge.read_whole(second), atol=0.1)
    assert not np.allclose(begun, ended, atol=0.01)
