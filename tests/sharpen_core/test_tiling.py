import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import scene

from sharpen_core.frame import Pixels, Size
from sharpen_core.tiling import Mosaic, Span, TilePlan, pad, plan_tiles

sides = st.integers(1, 400)
multiples = st.sampled_from([1, 2, 4, 8])
halos = st.integers(0, 24)
most = st.integers(1, 60_000)


def axis_is_covered(spans: tuple[Span, ...], length: int, tile: int, halo: int, multiple: int) -> None:
    weights = np.zeros(length)
    for i, span in enumerate(spans):
        assert span.start % multiple == 0
        assert span.start >= 0
        assert span.start + tile <= length
        # Away from the frame's edge nothing within the halo of the tile's edge is used.
        assert span.first >= span.start + (halo if i else 0)
        assert span.last <= span.start + tile - (halo if i < len(spans) - 1 else 0)
        ramp = np.ones(span.last - span.first)
        ramp[: span.fade] = (np.arange(span.fade) + 1) / (span.fade + 1)
        weights[span.first : span.first + span.fade] *= 1 - ramp[: span.fade]
        weights[span.first : span.last] += ramp
        weights[span.first + span.fade : span.last] = 1 if not i else weights[span.first + span.fade : span.last]
    np.testing.assert_allclose(weights, 1)


@given(sides, sides, multiples, halos, most)
@settings(deadline=None)
def test_tiles_cover_every_pixel_with_weights_that_sum_to_one(height: int, width: int, multiple: int, halo: int, most_px: int) -> None:
    plan = plan_tiles(Size(height, width), multiple, halo, most_px)
    assert plan.tile.height % multiple == plan.tile.width % multiple == 0
    assert plan.padded.height - height < multiple
    assert plan.padded.width - width < multiple
    axis_is_covered(plan.rows, plan.padded.height, plan.tile.height, halo, multiple)
    axis_is_covered(plan.columns, plan.padded.width, plan.tile.width, halo, multiple)


@given(sides, sides, multiples, halos, most, st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_the_identity_returns_the_frame(height: int, width: int, multiple: int, halo: int, most_px: int, seed: int) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    plan = plan_tiles(Size(height, width), multiple, halo, most_px)
    result = Mosaic(plan).assemble(lambda tile: tile, frame)
    np.testing.assert_array_equal(result, frame)
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, frame)


def test_a_result_in_memory_that_is_used_again_is_copied_and_a_new_one_is_not() -> None:
    plan = plan_tiles(Size(8, 8), 4, 2, 1000)
    memory = np.empty((2, 8, 8, 3), np.uint8)

    def into_memory(tile: Pixels) -> Pixels:
        memory[0] = tile
        return memory[0]

    first = Mosaic(plan).assemble(into_memory, np.full((8, 8, 3), 1, np.uint8))
    Mosaic(plan).assemble(into_memory, np.full((8, 8, 3), 2, np.uint8))
    assert (first == 1).all()
    new = np.full((8, 8, 3), 3, np.uint8)
    assert Mosaic(plan).assemble(lambda _: new, first) is new


def finite_network(halo: int, multiple: int) -> "callable":
    """A network that sees exactly `halo` pixels far, treats what lies outside as zero, and depends on the phase."""

    def infer(tile: Pixels) -> Pixels:
        side = 2 * halo + 1
        mean = cv2.boxFilter(tile.astype(np.float32), -1, (side, side), normalize=True, borderType=cv2.BORDER_CONSTANT)
        y, x = np.indices(tile.shape[:2])
        phase = ((y % multiple) + (x % multiple)).astype(np.float32)[:, :, None]
        return np.clip(1.5 * tile - 0.5 * mean + phase + 0.5, 0, 255).astype(np.uint8)

    return infer


@given(st.integers(1, 300), st.integers(1, 300), multiples, st.integers(0, 12), st.integers(1, 30_000))
@settings(deadline=None, max_examples=60)
def test_tiles_of_a_network_with_a_finite_halo_equal_the_whole(height: int, width: int, multiple: int, halo: int, most_px: int) -> None:
    frame = scene(Size(height, width))
    infer = finite_network(halo, multiple)
    plan = plan_tiles(Size(height, width), multiple, halo, most_px)
    whole = infer(pad(frame, plan.padded))[:height, :width].astype(int)
    assert np.abs(Mosaic(plan).assemble(infer, frame) - whole).max() <= 1


@pytest.mark.parametrize("size", [Size(1, 1), Size(1080, 1920), Size(1920, 1080), Size(2160, 3840), Size(3, 2000), Size(721, 1279)])
def test_a_plan_stays_within_its_memory(size: Size) -> None:
    plan = plan_tiles(size, 4, 36, 400_000)
    assert plan.tile.height * plan.tile.width <= 400_000
    computed = plan.count * plan.tile.height * plan.tile.width
    assert computed <= 1.6 * plan.padded.height * plan.padded.width


def test_a_frame_that_fits_is_one_tile() -> None:
    assert plan_tiles(Size(720, 1280), 4, 36, 10**9) == TilePlan(
        Size(720, 1280), Size(720, 1280), Size(720, 1280), (Span(0, 0, 720, 0),), (Span(0, 0, 1280, 0),)
    )


@pytest.mark.parametrize(("multiple", "halo", "most_px"), [(0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_impossible_plans_are_refused(multiple: int, halo: int, most_px: int) -> None:
    with pytest.raises(ValueError, match="cannot plan tiles"):
        plan_tiles(Size(10, 10), multiple, halo, most_px)
