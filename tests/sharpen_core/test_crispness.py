"""Crispening: steeper edges, plainer detail, no halos, and noise left alone."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pictures import scene

from sharpen_core import crispness
from sharpen_core.crispness import MOST_GAIN, OVERSHOOT, REACH_PX, Crispener
from sharpen_core.engines.identity import IdentityEngine
from sharpen_core.frame import Box, Pixels, Size
from sharpen_core.model_store import find_model
from sharpen_core.restorer import Restorer

SIZE = Size(240, 320)
LUMA = np.array([0.299, 0.587, 0.114])


def crispener(size: Size = SIZE, crispness: float = 1.0, threads: int = 1) -> Crispener:
    made = Crispener(size, threads)
    made.crispness = crispness
    return made


def grey(values: NDArray[np.floating]) -> Pixels:
    return np.repeat(np.clip(np.round(values), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def soft_edge(low: float = 60, high: float = 190, softness_px: float = 0.8) -> Pixels:
    across = (np.arange(SIZE.width) - SIZE.width / 2 + 0.3) / softness_px
    return grey(np.broadcast_to(low + (high - low) / (1 + np.exp(-across)), SIZE))


def test_none_is_the_very_picture() -> None:
    frame = scene(SIZE)
    assert crispener(crispness=0.0).apply(frame) is frame


def test_an_edge_becomes_steeper_and_gets_no_halo() -> None:
    frame = soft_edge()
    crisp = crispener().apply(frame)
    before, after = (picture[100, :, 0].astype(int) for picture in (frame, crisp))
    assert np.diff(after).max() > 1.2 * np.diff(before).max()
    span = before.max() - before.min()
    assert after.max() - before.max() <= OVERSHOOT * span + 1
    assert before.min() - after.min() <= OVERSHOOT * span + 1


def test_fine_detail_becomes_plainer_by_as_much_as_is_asked_for() -> None:
    row = 120 + 12 * np.sin(np.arange(SIZE.width) * 2 * np.pi / 6)
    frame = grey(np.broadcast_to(row, SIZE))
    contrast = [crispener(crispness=share).apply(frame)[100].astype(int).std() for share in (0, 0.2, 0.4)]
    assert contrast[0] * 1.1 < contrast[1] * 1.05 < contrast[2]


def test_noise_is_left_alone() -> None:
    noise = np.random.default_rng(3).normal(0, 2.5, SIZE)
    frame = grey(120 + noise)
    made = crispener()
    made.look(frame)
    assert made.apply(frame).std() <= 1.06 * frame.std()
    blind = crispener()
    assert blind.apply(frame).std() > 1.3 * frame.std()


def test_what_is_known_of_the_noise_does_not_go_to_and_fro() -> None:
    made, rng = crispener(), np.random.default_rng(0)
    cores = []
    for _ in range(150):
        made.look(grey(120 + rng.normal(0, 1.6 + rng.normal(0, 0.1), SIZE)))
        cores.append(made.core)
    assert len(set(cores)) == 1
    made.forget()
    made.look(grey(np.full(SIZE, 120.0)))
    assert made.core < cores[0]


def test_a_soft_picture_wants_more_than_a_sharp_one() -> None:
    sharp = np.random.default_rng(1).integers(0, 2, (60, 80)).repeat(4, axis=0).repeat(4, axis=1) * 150 + 50.0
    gains = []
    for softness_px in (0, 0.8, 1.5):
        made = crispener(crispness=0.5)
        made.look(grey(cv2.GaussianBlur(sharp, (0, 0), softness_px) if softness_px else sharp))
        gains.append(made.gain)
    assert gains[0] == 0
    assert gains == sorted(gains)
    assert gains[2] == 0.5 * MOST_GAIN
    frame = grey(sharp)
    made = crispener(crispness=0.5)
    made.look(frame)
    assert made.apply(frame) is frame
    made.crispness = 1.0  # unless somebody insists
    assert made.gain == MOST_GAIN


def test_black_bars_do_not_count_as_quiet() -> None:
    frame = grey(120 + np.random.default_rng(3).normal(0, 2.5, SIZE))
    barred = frame.copy()
    barred[:60] = 0
    made = [crispener(), crispener()]
    for one, pixels in zip(made, (frame, barred), strict=True):
        one.look(pixels)
    assert abs(made[0].core - made[1].core) <= 1


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("size", [Size(1, 1), Size(7, 900), Size(720, 1280), Size(1080, 1920), Size(2000, 3)])
def test_strips_cannot_be_seen(size: Size, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, made = scene(size), crispener(size, threads=threads)
    strips = made.apply(frame)
    monkeypatch.setattr(crispness, "_STRIP_PX", 10**9)
    np.testing.assert_array_equal(strips, made.apply(frame))


@settings(max_examples=60, deadline=None)
@given(
    frame=arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
    crispness=st.floats(0.01, 1),
)
def test_whatever_the_picture_no_pixel_leaves_its_surroundings_by_more_than_a_tenth(frame: Pixels, crispness: float) -> None:
    crisp = crispener(Size.of(frame), crispness).apply(frame)
    assert crisp.shape == frame.shape
    assert crisp.dtype == np.uint8
    luma, after = (np.round(picture @ LUMA) for picture in (frame, crisp))
    padded = np.pad(luma, 2, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    top, bottom = around.max(axis=(2, 3)), around.min(axis=(2, 3))
    room = OVERSHOOT * (top - bottom) + 3  # one level of its own, and what rounding three colours makes
    assert (after <= top + room).all()
    assert (after >= bottom - room).all()


def test_a_far_pixel_has_no_say() -> None:
    frame = scene(SIZE)
    other = frame.copy()
    other[:, 160 + REACH_PX :] = 255 - other[:, 160 + REACH_PX :]
    made = crispener()
    np.testing.assert_array_equal(made.apply(frame)[:, :160], made.apply(other)[:, :160])


def test_where_nothing_else_is_sharpened_the_picture_is_crisp_nevertheless() -> None:
    restorer = Restorer(find_model("fast"), IdentityEngine(), SIZE, reuse=True)
    restorer.area, restorer.crispness = 0.3, 0.5
    frame = scene(SIZE)
    everywhere = crispener(crispness=0.5)
    everywhere.look(frame)
    np.testing.assert_array_equal(restorer.sharpen(frame), everywhere.apply(frame))


def test_a_restorer_crispens_at_once_when_asked_and_what_was_kept_does_not_stay() -> None:
    restorer = Restorer(find_model("fast"), IdentityEngine(), SIZE, reuse=True)
    frame = soft_edge()
    np.testing.assert_array_equal(restorer.sharpen(frame), frame)
    restorer.crispness = 1.0
    crisp = restorer.sharpen(frame)
    assert restorer.computed_share >= 1
    assert np.abs(crisp.astype(int) - frame).max() > 8
    np.testing.assert_array_equal(restorer.sharpen(frame), crisp)  # still, so nothing was computed
    assert restorer.computed_share < 0.5
    restorer.crispness = 0.0
    np.testing.assert_array_equal(restorer.sharpen(frame), frame)


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_a_box_of_it_is_what_all_of_it_has_there(seed: int) -> None:
    random, frame = np.random.default_rng(seed), scene(SIZE)
    rows, columns = (sorted(random.choice(side + 1, 2, replace=False)) for side in SIZE)
    box = Box(int(rows[0]), int(columns[0]), int(rows[1]), int(columns[1]))
    whole = crispener().apply(frame)
    assert (crispener().cut(frame, box) == whole[box.top : box.bottom, box.left : box.right]).all()
