import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import scene

from sharpen_core.frame import Pixels, Size
from sharpen_core.reuse.change import ChangeTest, Sensitivity

SIZE, CELL_PX = Size(240, 320), 16
GRID = Size(15, 20)


def kept(frame: Pixels, size: Size = SIZE, grid: Size = GRID, sensitivity: Sensitivity | None = None) -> ChangeTest:
    test = ChangeTest(size, grid, CELL_PX, sensitivity)
    test.changed(frame)
    test.keep(slice(0, grid.height), slice(0, grid.width))
    return test


def noisy(frame: Pixels, sigma: float, seed: int) -> Pixels:
    grain = np.random.default_rng(seed).normal(0, sigma, frame.shape)
    return np.clip(frame + grain + 0.5, 0, 255).astype(np.uint8)


def test_at_first_nothing_is_known() -> None:
    changes = ChangeTest(SIZE, GRID, CELL_PX).changed(scene(SIZE))
    assert changes.unknown.all()
    assert not changes.moving.any()


@given(st.integers(1, 70), st.integers(1, 70))
@settings(deadline=None, max_examples=20)
def test_the_same_frame_has_not_changed_at_any_size(height: int, width: int) -> None:
    size, grid = Size(height, width), Size(-(-height // CELL_PX), -(-width // CELL_PX))
    frame = scene(size)
    changes = kept(frame, size, grid).changed(frame)
    assert not any(cells.any() for cells in changes)


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_noise_is_no_movement_but_an_edge_that_moves_is(sigma: float) -> None:
    test = kept(noisy(scene(SIZE), sigma, 0))
    for seed in range(1, 90):
        changes = test.changed(noisy(scene(SIZE), sigma, seed))
    assert not changes.moving.any()
    frame = scene(SIZE)
    frame[96:160, 112:176] = np.roll(frame, 5, axis=1)[96:160, 112:176]
    moving = test.changed(noisy(frame, sigma, 99)).moving
    assert moving[6:10, 7:11].mean() > 0.7
    moving[5:11, 6:12] = False
    assert not moving.any()


def test_what_changes_slowly_is_noticed_once_it_adds_up() -> None:
    frame, other = scene(SIZE), scene(SIZE)
    other[96:160, 112:176] = np.roll(frame, 9, axis=1)[96:160, 112:176]
    test = kept(frame)
    seen = []
    for step in range(100):
        mixed = (frame + (other.astype(np.float32) - frame) * step / 99).astype(np.uint8)
        seen.append(test.changed(mixed).moving[6:10, 7:11].mean())
    assert seen[1] == 0
    assert seen[-1] > 0.7


def test_a_cell_moves_until_it_is_clearly_still() -> None:
    frame, little, much = scene(SIZE), scene(SIZE), scene(SIZE)
    rng = np.random.default_rng(1)
    grain = rng.choice([-1, 1], (32, 32, 1)) * np.ones((1, 1, 3))
    grain = np.kron(grain, np.ones((2, 2, 1)))
    little[64:128, 64:128] = np.clip(frame[64:128, 64:128] + 2.3 * grain, 0, 255)
    much[64:128, 64:128] = np.clip(frame[64:128, 64:128] + 30 * grain, 0, 255)
    part = np.s_[4:8, 4:8]
    test = kept(frame, sensitivity=Sensitivity(begin=3.0, end=1.0, texture=0.0))
    assert not test.changed(little).moving[part].any()
    assert test.changed(much).moving[part].all()
    assert test.changed(little).moving[part].any()
    assert not test.changed(frame).moving.any()


def test_when_the_exposure_changes_everything_did() -> None:
    frame = scene(SIZE)
    test = kept(frame)
    assert test.changed(np.clip(frame * 0.9, 0, 255).astype(np.uint8)).moving.all()


def test_someone_who_moves_all_the_time_does_not_become_noise() -> None:
    test = kept(scene(SIZE))
    for number in range(300):
        frame = scene(SIZE)
        frame[64:160, 64:160] = np.roll(frame, number % 7 - 3, axis=1)[64:160, 64:160]
        moving = test.changed(frame).moving
        test.keep(slice(0, GRID.height), slice(0, GRID.width))
    assert moving[4:10, 4:10].mean() > 0.6


def test_of_scattered_cells_each_is_compared_with_what_it_was_kept_of() -> None:
    test = kept(scene(SIZE))
    frame = scene(SIZE)
    frame[96:160, 112:176] = np.roll(frame, 5, axis=1)[96:160, 112:176]
    moving = test.changed(frame).moving
    taken = moving.copy()
    taken[:, 9:] = False
    assert taken.any()
    test.keep_cells(taken)
    np.testing.assert_array_equal(test.changed(frame).moving, moving & ~taken)
    assert not test.changed(frame).unknown.any()
