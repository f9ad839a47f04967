from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.frame import Size
from sharpen_core.gauge import (
    BANDS,
    CAUTION,
    CROP_PX,
    LEAN,
    MAYBE_SHARP,
    SHARP_FROM,
    SOFT_FOR_SURE,
    SOFT_UP_TO,
    FrameGauge,
    Gauge,
    Reading,
    Summary,
    share_to_add,
)
from sharpen_core.traces import FEATURES, GRID_PX
from tests.helpers.pictures import scene


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = (FEATURES, 8, 8, 2 * BANDS)
    arrays = {f"weight{i}": rng.normal(0, 0.1, (sizes[i + 1], sizes[i])).astype(np.float32) for i in range(3)}
    return arrays | {f"bias{i}": rng.normal(0, 0.1, sizes[i + 1]).astype(np.float32) for i in range(3)}


def summary(*readings: tuple[float, float]) -> np.ndarray:
    ones, whole = np.ones(BANDS, np.float32), Summary(len(readings))
    for part, (mtf, variance) in enumerate(readings):
        whole.take(part, Reading(mtf * ones, variance * ones), stays=0.5)
    return whole.told()


def test_sure_and_sharp_readings_count_more() -> None:
    low, high = 0.3, 0.4
    weights = np.array([1 / 0.01, 1 / 0.03])
    doubt = (2 / weights.sum()) ** 0.5
    leaning = weights * (1, np.exp(LEAN * (high - low)))
    expected = np.average((low, high), weights=leaning) + CAUTION[0] * doubt
    np.testing.assert_allclose(summary((low, 0.01), (high, 0.03)), expected, rtol=1e-4)


def test_parts_that_something_else_softened_count_less() -> None:
    even, one_is_soft = summary((0.5, 0.01), (0.5, 0.01)), summary((0.5, 0.01), (0.1, 0.01))
    assert ((even - one_is_soft) < 0.2 * 0.5).all()
    assert (one_is_soft < even).all()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(1e-4, 1)), min_size=1, max_size=5))
def test_in_doubt_a_picture_is_taken_to_be_sharper(readings: list[tuple[float, float]]) -> None:
    told, surer = summary(*readings), summary(*((mtf, variance / 4) for mtf, variance in readings))
    assert (told > surer).all()
    assert (surer > min(mtf for mtf, _ in readings)).all()


def test_the_doubt_counts_more_where_a_picture_may_be_sharp() -> None:
    for mtf, caution in ((0.2, CAUTION[0]), (SOFT_FOR_SURE, CAUTION[0]), (MAYBE_SHARP, CAUTION[1]), (1, CAUTION[1])):
        np.testing.assert_allclose(summary((mtf, 0.04)), mtf + caution * 0.2, rtol=1e-5)
    between = summary(((SOFT_FOR_SURE + MAYBE_SHARP) / 2, 0.04)) - (SOFT_FOR_SURE + MAYBE_SHARP) / 2
    np.testing.assert_allclose(between, sum(CAUTION) / 2 * 0.2, rtol=1e-5)


def test_of_what_was_read_before_so_much_stays() -> None:
    whole, ones = Summary(1), np.ones(BANDS, np.float32)
    for mtf in (0, 0.5):
        whole.take(0, Reading(mtf * ones, 0.04 * ones), stays=0.25)
    np.testing.assert_allclose(whole.told(), 0.4 + CAUTION[0] * 0.2, rtol=1e-5)


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


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 1500), st.integers(1, 1500))
def test_parts_begin_where_compressed_blocks_do_and_reach_the_end(height: int, width: int) -> None:
    class Noting(Gauge):
        def read(self, pixels: np.ndarray) -> Reading:
            corners.append(((int(pixels[0, 0, 0]) << 8) + int(pixels[0, 0, 1]), pixels.shape))
            return Reading(np.ones(BANDS, np.float32), np.ones(BANDS, np.float32))

    corners: list[tuple[int, tuple[int, ...]]] = []
    rows = (np.indices((height, width))[0] // GRID_PX).astype(np.uint8)  # tells where a part begins: its block, and its place in that
    places = (np.add(*np.indices((height, width)) % GRID_PX)).astype(np.uint8)
    Noting(weights()).read_whole(np.dstack([rows, places, places]))
    assert all(corner & 255 == 0 for corner, _ in corners)
    assert all(max(shape[:2]) <= CROP_PX for _, shape in corners)
    ends = [GRID_PX * (corner >> 8) + shape[0] for corner, shape in corners]
    assert min(corner >> 8 for corner, _ in corners) == 0
    assert height < 1.5 * CROP_PX or max(ends) > height - GRID_PX


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


@given(st.lists(st.floats(0, 1.1), min_size=BANDS, max_size=BANDS))
def test_the_sharper_a_frame_the_less_is_added_and_to_a_sharp_one_nothing(bands: list[float]) -> None:
    mtf = np.array(bands, np.float32)
    assert share_to_add(np.minimum(mtf, SOFT_UP_TO - 0.001)) == 1
    assert 0 <= share_to_add(mtf + np.float32(0.01)) <= share_to_add(mtf) <= 1
    assert share_to_add(np.maximum(mtf, SHARP_FROM + 0.001)) == 0
