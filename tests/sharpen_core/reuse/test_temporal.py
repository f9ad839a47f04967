from concurrent.futures import Executor, Future

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import scene

from sharpen_core.engines.base import Precision
from sharpen_core.engines.identity import IdentityNetwork
from sharpen_core.frame import Pixels, Size
from sharpen_core.reuse.change import ChangeTest
from sharpen_core.reuse.cover import Layout
from sharpen_core.reuse.shapes import Networks
from sharpen_core.reuse.temporal import REFRESH_FRAMES, Patchwork
from sharpen_core.tiling import pad


class AtOnce(Executor):
    """Does everything when it is given."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class FiniteNetwork:
    """Sees exactly `halo` pixels far, treats what lies outside as zero, and depends on the phase."""

    precision: Precision = "f32"

    def __init__(self, halo: int, multiple: int) -> None:
        self._side, self._multiple = 2 * halo + 1, multiple

    def infer(self, pixels: Pixels) -> Pixels:
        mean = cv2.boxFilter(pixels.astype(np.float32), -1, (self._side, self._side), normalize=True, borderType=cv2.BORDER_CONSTANT)
        y, x = np.indices(pixels.shape[:2])
        phase = ((y % self._multiple) + (x % self._multiple)).astype(np.float32)[:, :, None]
        return np.clip(1.5 * pixels - 0.5 * mean + phase + 0.5, 0, 255).astype(np.uint8)


class ExactTest(ChangeTest):
    """Takes every difference for movement, wherever the shipped test looks for detail beyond noise."""

    def changed(self, pixels: Pixels):
        changes = super().changed(pixels)
        if not hasattr(self, "kept"):
            self.kept = np.zeros((*pixels.shape[:2], 3), np.uint8)
        self.now = pixels
        cell = 2 * self._half_px
        rows, columns = self._grid
        different = np.zeros((rows * cell, columns * cell), bool)
        different[: pixels.shape[0], : pixels.shape[1]] = (pixels != self.kept).any(axis=2)
        moving = different.reshape(rows, cell, columns, cell).any(axis=(1, 3)) & ~changes.unknown
        return changes._replace(moving=moving, mild=np.zeros_like(moving))

    def keep(self, rows: slice, columns: slice) -> None:
        super().keep(rows, columns)
        cell = 2 * self._half_px
        part = slice(rows.start * cell, rows.stop * cell), slice(columns.start * cell, columns.stop * cell)
        self.kept[part] = self.now[part]


def patchwork(size: Size, network, multiple: int, reach: int, *, reuse: bool = True, exact: bool = False) -> Patchwork:
    layout = Layout.of(size, multiple, 16, reach)

    def whole(pixels: Pixels) -> Pixels:
        return np.array(network.infer(pad(pixels, layout.padded))[: size.height, : size.width], order="C")

    test = ExactTest(size, layout.grid, layout.cell_px) if exact else None
    return Patchwork(layout, Networks(lambda *_: network, AtOnce()), whole, reuse=reuse, test=test)


@st.composite
def stories(draw: st.DrawFn) -> tuple[Size, list[Pixels]]:
    """Frames in which now and then a rectangle becomes something else, or everything does, or nothing."""
    size = Size(draw(st.integers(1, 300)), draw(st.integers(1, 300)))
    frame = scene(size, draw(st.integers(0, 9)))
    frames = [frame]
    for _ in range(draw(st.integers(1, 12))):
        frame = frame.copy()
        for _ in range(draw(st.integers(0, 3))):
            top, left = draw(st.integers(0, size.height - 1)), draw(st.integers(0, size.width - 1))
            height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
            part = frame[top : top + height, left : left + width]
            part[:] = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, part.shape)
        frames.append(frame)
    return size, frames


@given(stories(), st.sampled_from([1, 2, 4, 16]), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_network_that_changes_nothing_gives_the_frame(story: tuple[Size, list[Pixels]], multiple: int, reuse: bool) -> None:
    size, frames = story
    parts = patchwork(size, IdentityNetwork(), multiple, 8, reuse=reuse)
    for number, frame in enumerate(frames):
        kept = frame.copy()
        result = parts.sharpen(frame, 1.0 if number % 3 else 0.4)
        np.testing.assert_array_equal(result, kept)
        np.testing.assert_array_equal(frame, kept)
        assert result.flags.c_contiguous
        assert not np.shares_memory(result, frame)


@given(stories(), st.sampled_from([1, 2, 4, 16]), st.integers(0, 12))
@settings(deadline=None, max_examples=100)
def test_with_an_exact_test_and_the_networks_reach_the_result_is_that_of_the_whole(
    story: tuple[Size, list[Pixels]], multiple: int, halo: int
) -> None:
    size, frames = story
    network = FiniteNetwork(halo, multiple)
    parts = patchwork(size, network, multiple, halo, exact=True)
    for _ in range(2):
        for frame in frames:
            full = network.infer(pad(frame, parts.layout.padded))[: size.height, : size.width]
            assert np.abs(parts.sharpen(frame, 1.0).astype(int) - full).max() <= 1  # float sums differ by the position in the crop


def talking(number: int) -> Pixels:
    frame = scene(Size(480, 640))
    frame[160:260, 260:360] = np.roll(frame, 3 * number, axis=1)[160:260, 260:360]
    return frame


def test_a_talking_head_costs_a_part_and_a_still_picture_next_to_nothing() -> None:
    network = FiniteNetwork(8, 4)
    parts = patchwork(Size(480, 640), network, 4, 8)
    shares = []
    for number in range(60):
        result = parts.sharpen(talking(number), 1.0)
        shares.append(parts.computed_px / (480 * 640))
        assert np.abs(result.astype(int) - network.infer(talking(number))).mean() < 0.1
    assert 0.03 < np.mean(shares[20:]) < 0.3
    shares = []
    for _ in range(120):
        parts.sharpen(talking(59), 1.0)
        shares.append(parts.computed_px / (480 * 640))
    assert np.mean(shares) < 0.08


def test_a_still_picture_is_computed_again_in_time_and_hardly_before() -> None:
    parts = patchwork(Size(480, 640), FiniteNetwork(8, 4), 4, 8)
    oldest, shares = [], []
    for _ in range(4 * REFRESH_FRAMES):
        parts.sharpen(scene(Size(480, 640)), 1.0)
        oldest.append(parts.oldest)
        shares.append(parts.computed_px / (480 * 640))
    assert max(oldest) <= REFRESH_FRAMES + 10  # the first time networks for the parts have to be made
    assert max(oldest[REFRESH_FRAMES + 10 :]) <= REFRESH_FRAMES
    once = 1.8  # each part of the picture, with what it needs around it
    assert sum(shares[REFRESH_FRAMES:]) < 3 * once


def test_all_is_computed_again_soon_when_that_is_wanted_and_not_at_once() -> None:
    parts = patchwork(Size(480, 640), FiniteNetwork(8, 4), 4, 8)
    for _ in range(REFRESH_FRAMES + 20):
        parts.sharpen(scene(Size(480, 640)), 1.0)
    parts.hurry()
    soon = 41  # twenty windows, one every second frame
    for _ in range(soon):
        parts.sharpen(scene(Size(480, 640)), 1.0)
        assert parts.computed_px < 480 * 640 / 4
    assert parts.oldest < soon


def test_a_cut_is_computed_at_once() -> None:
    network = FiniteNetwork(8, 4)
    parts = patchwork(Size(240, 320), network, 4, 8)
    for seed in (0, 0, 1, 0, 2):
        frame = scene(Size(240, 320), seed)
        turned = frame if seed < 2 else np.ascontiguousarray(frame[::-1])
        assert np.abs(parts.sharpen(turned, 1.0).astype(int) - network.infer(turned)).mean() < 1


@pytest.mark.parametrize("reuse", [True, False])
def test_only_the_area_is_sharpened_and_it_costs_about_its_share(reuse: bool) -> None:
    size = Size(480, 640)
    network = FiniteNetwork(8, 4)
    parts = patchwork(size, network, 4, 8, reuse=reuse)
    for number in range(20):
        frame = np.ascontiguousarray(np.roll(scene(size), 7 * number, axis=1))
        result = parts.sharpen(frame, 0.35)
    np.testing.assert_array_equal(result[:40], frame[:40])
    assert np.abs(result[220:260, 300:340].astype(int) - network.infer(frame)[220:260, 300:340]).max() <= 2
    assert 0.2 < parts.computed_px / (480 * 640) <= 0.36


def test_a_network_that_needs_all_of_the_frame_gets_it() -> None:
    size = Size(96, 128)
    asked = []
    layout = Layout.of(size, 1, 16, 8)
    networks = Networks(lambda shape, _: asked.append(shape) or IdentityNetwork(), AtOnce())
    parts = Patchwork(layout, networks, lambda pixels: pixels // 2, reuse=False, parts=False)
    frame = scene(size)
    for _ in range(9):
        result = parts.sharpen(frame, 0.5)
    assert not asked
    np.testing.assert_array_equal(result[48, 64], frame[48, 64] // 2)
    np.testing.assert_array_equal(result[0, 0], frame[0, 0])
