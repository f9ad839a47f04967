import hashlib
import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_train.degradations import PRESETS, Picture, find_preset
from sharpen_train.errors import ConfigError
from sharpen_train.metrics import psnr


def natural(height: int, width: int, seed: int) -> Picture:
    """Texture at every scale, coarse ones strongest, with some colour: the spectrum of photographs."""
    rng = np.random.default_rng(seed)
    total = np.full((height, width, 3), (128.0, 112.0, 100.0), np.float32)
    for octave in range(6):
        side = 2 ** (octave + 2)
        coarse = rng.normal(0, 1, (side, side, 1)) + 0.3 * rng.normal(0, 1, (side, side, 3))
        total += 26 * 0.62**octave * cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 255).astype(np.uint8)


def _blurred_luma(picture: Picture) -> np.ndarray:
    return cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 2)


TRUTH = natural(128, 160, 0)
DRAWN = 'import numpy as np; from sharpen_train.degradations import find_preset; truth = np.frombuffer(bytes.fromhex("{hex}"), np.uint8)'
PRINTED = (
    'print(b"".join(find_preset("webcam").apply(truth.reshape(32, 32, 3), np.random.default_rng(n)).tobytes() for n in range(24)).hex())'
)


@pytest.mark.parametrize("name", PRESETS)
def test_neither_brightness_nor_colour_shifts(name: str) -> None:
    preset, shifts = PRESETS[name], list[np.ndarray]()
    for seed in range(16):
        truth = natural(128, 128, seed)
        shifts.append(preset.apply(truth, np.random.default_rng(seed)).mean((0, 1)) - truth.mean((0, 1)))
    assert np.abs(shifts).max() < 1.2, "of one picture, in 1/255"
    assert np.abs(np.mean(shifts, 0)).max() < 0.4, "of all, in 1/255"


@pytest.mark.parametrize("name", ["heavy", "any", "complex", "webcam"])
def test_nothing_moves(name: str) -> None:
    """A shifted pair would teach the network to move the picture; the shift is fitted to the gradients of blurred luma."""
    preset, shifts = PRESETS[name], list[np.ndarray]()
    sharp = _blurred_luma(TRUTH)
    gradients = np.stack([part[16:-16, 16:-16].ravel() for part in np.gradient(sharp)], 1)
    for seed in range(16):
        change = _blurred_luma(preset.apply(TRUTH, np.random.default_rng(seed))) - sharp
        shifts.append(np.linalg.lstsq(gradients, -change[16:-16, 16:-16].ravel(), rcond=None)[0])
    assert np.abs(shifts).max() < 0.2, "of one picture, in px: the track of a shake is centred, but not even"
    assert np.abs(np.mean(shifts, 0)).max() < 0.06, "of all, in px"


@pytest.mark.parametrize("name", PRESETS)
def test_the_same_seed_gives_the_same_picture(name: str) -> None:
    preset = pickle.loads(pickle.dumps(find_preset(name)))
    before = TRUTH.copy()
    for seed in range(6):
        first = find_preset(name).apply(TRUTH, np.random.default_rng(seed))
        second = preset.soften(TRUTH, np.random.default_rng(seed))
        np.testing.assert_array_equal(first, second.soft)
        assert second.drawn
        assert all(isinstance(words, str) and words.isascii() for words in second.drawn), "the sheet prints ASCII only"
    np.testing.assert_array_equal(TRUTH, before)


def test_another_process_draws_the_same() -> None:
    """H.264 is among these draws: x264 with one thread gives the same bytes everywhere."""
    truth = natural(32, 32, 1)
    ours = [find_preset("webcam").soften(truth, np.random.default_rng(n)) for n in range(24)]
    assert any("h264" in words for made in ours for words in made.drawn)
    code = f"{DRAWN.format(hex=truth.tobytes().hex())}; {PRINTED}"
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout
    whole = b"".join(made.soft.tobytes() for made in ours)
    assert hashlib.sha256(bytes.fromhex(theirs)).digest() == hashlib.sha256(whole).digest()


@given(st.sampled_from(list(PRESETS)), st.integers(2, 70), st.integers(2, 70), st.integers(0, 2**31))
@settings(deadline=None, max_examples=80)
def test_any_picture_keeps_shape_and_type(name: str, height: int, width: int, seed: int) -> None:
    truth = natural(70, 70, 2)[:height, :width]
    soft = find_preset(name).apply(truth, np.random.default_rng(seed))
    assert soft.shape == truth.shape
    assert soft.dtype == np.uint8
    assert not np.shares_memory(soft, truth)


@pytest.mark.parametrize("name", ["mixed", "mixed-jpeg-noise", "complex", "webcam"])
def test_mixtures_leave_some_pictures_alone_and_some_nearly(name: str) -> None:
    small = natural(48, 48, 3)
    rng = np.random.default_rng(0)
    drawn = [find_preset(name).apply(small, rng) for _ in range(200)]
    untouched = sum(np.array_equal(soft, small) for soft in drawn)
    assert 10 < untouched < 45
    quality = [psnr(soft, small) for soft in drawn if not np.array_equal(soft, small)]
    assert np.percentile(quality, 90) - np.percentile(quality, 10) > 6, "light and heavy"


def test_identity_is_the_picture() -> None:
    np.testing.assert_array_equal(find_preset("identity").apply(TRUTH, np.random.default_rng(0)), TRUTH)


def test_a_wrong_name_meets_a_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        find_preset("webcan")
    assert "webcam" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        find_preset("zzz")
    assert "mixed-jpeg-noise" in caught.value.hint


def test_cards_say_what_is_done() -> None:
    assert find_preset("heavy-jpeg").describe() == {
        "blur": "heavy (bicubic 1/1.7-2.2, Gaussian 1.2-1.5 px)",
        "compression": "JPEG of quality 50-95",
    }
    mixed = find_preset("mixed-jpeg-noise").describe()
    assert mixed["compression"] == "50%: JPEG of quality 40-95"
    assert mixed["untouched"] == "12% of all"
    assert {"bright room", "ordinary room", "dark room", "untouched"} == set(find_preset("webcam").describe())
    for preset in PRESETS.values():
        assert preset.title
        assert all(preset.describe().values())
