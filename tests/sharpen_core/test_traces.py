import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.frame import Size
from sharpen_core.traces import FEATURES, GRID_PX, SPECTRUM, features
from tests.helpers.pictures import scene

RINGS = SPECTRUM // 3


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_pictures_of_every_size_have_finite_traces(height: int, width: int) -> None:
    values = features(scene(Size(height, width)))
    assert values.shape == (FEATURES,)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


@pytest.mark.parametrize("value", [0, 255])
def test_flat_pictures_have_finite_traces(value: int) -> None:
    assert np.isfinite(features(np.full((64, 64, 3), value, np.uint8))).all()


def test_blur_lowers_the_fine_part_of_the_spectrum_alone() -> None:
    rng = np.random.default_rng(1)
    sharp = rng.integers(0, 256, (256, 256, 3), np.uint8)
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.0)
    change = features(soft)[:RINGS] - features(sharp)[:RINGS]
    assert abs(change[1]) < 0.3
    assert change[28] < -5
    # White noise through a Gaussian of 1 px: power falls by exp(-(2 pi f)^2), f = (ring + 0.5) / 64.
    expected = [-((2 * np.pi * (ring + 0.5) / 64) ** 2) for ring in range(4, 20)]
    np.testing.assert_allclose(change[4:20], expected, atol=0.35)


def compressed(quality: int, picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR), np.uint8)


def textured() -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, 30, (256, 256)).astype(np.float32)
    return np.dstack([np.clip(128 + 3 * cv2.GaussianBlur(noise, (0, 0), 1.5), 0, 255).astype(np.uint8)] * 3)


def edges(picture: np.ndarray) -> np.ndarray:
    """How much blocks stand out, across rows and across columns."""
    return features(picture)[-2:]


def test_compressed_blocks_stand_out_where_they_are() -> None:
    picture = compressed(20, textured())
    assert (edges(picture) > 0.1).all()
    assert (np.abs(edges(textured())) < 0.05).all()
    assert (edges(picture[GRID_PX // 2 :, GRID_PX // 2 :]) < -0.1).all()  # cut in the middle of blocks, they lie the other way round
    np.testing.assert_allclose(edges(picture[GRID_PX:, 2 * GRID_PX :]), edges(picture), atol=0.05)


def test_what_compression_rounds_is_nothing_or_large() -> None:
    def between(picture: np.ndarray) -> np.ndarray:
        """Share of the finer coefficients that are more than rounding to bytes leaves, and less than a step of JPEG."""
        shares = np.exp(features(picture)[SPECTRUM:-2].reshape(-1, 2 * GRID_PX - 2))
        return shares[0, 5:8] - shares[2, 5:8]

    assert (between(compressed(50, textured())) < 0.3 * between(textured())).all()


def test_softness_leaves_fewer_large_coefficients() -> None:
    soft = cv2.GaussianBlur(textured(), (0, 0), 1.0)
    fine = np.s_[:, 4:]
    after, before = (features(picture)[SPECTRUM:-2].reshape(-1, 2 * GRID_PX - 2)[fine] for picture in (soft, textured()))
    assert (after <= before + 0.1).all()
    assert (after < before - 1).any()
