import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.frame import Box, Size
from sharpen_core.reuse.cover import CALL_PX, Cover, Layout, shapes_for

sizes = st.builds(Size, st.integers(1, 500), st.integers(1, 500))
multiples = st.sampled_from([1, 2, 3, 4, 8, 16])
pairs = st.lists(st.tuples(st.integers(20, 400), st.integers(20, 400)), max_size=8)


def layouts(size: Size, multiple: int, reach: int) -> Layout:
    return Layout.of(size, multiple, 16, reach)


@given(sizes, multiples, st.integers(0, 24), pairs, st.integers(0, 2**31), st.floats(0, 0.3))
@settings(deadline=None, max_examples=200)
def test_rectangles_lie_in_the_frame_and_hold_every_wanted_cell(
    size: Size, multiple: int, reach: int, shapes: list[tuple[int, int]], seed: int, density: float
) -> None:
    layout = layouts(size, multiple, reach)
    wanted = np.random.default_rng(seed).random(layout.grid) < density
    cover = Cover(layout, shapes_for(layout.padded, multiple, shapes))
    rectangles = cover.rectangles(wanted)
    if rectangles is None:
        assert wanted.any()
        return
    fresh = np.zeros(layout.grid, bool)
    for shape, top, left in rectangles:
        assert top % multiple == left % multiple == shape.height % multiple == shape.width % multiple == 0
        assert 0 <= top <= layout.padded.height - shape.height
        assert 0 <= left <= layout.padded.width - shape.width
    for rectangle in rectangles:
        box = layout.fresh_cells(rectangle)
        fresh[box.top : box.bottom, box.left : box.right] = True
    assert fresh[wanted].all()
    assert sum(shape.height * shape.width + CALL_PX for shape, _, _ in rectangles) < cover.whole_cost


def test_nothing_wanted_costs_nothing() -> None:
    layout = layouts(Size(720, 1280), 16, 8)
    assert Cover(layout, [Size(128, 128)]).rectangles(np.zeros(layout.grid, bool)) == []


def test_far_corners_are_not_put_into_one_rectangle() -> None:
    layout = layouts(Size(720, 1280), 16, 8)
    wanted = np.zeros(layout.grid, bool)
    wanted[0, 0] = wanted[-1, -1] = True
    rectangles = Cover(layout, [Size(128, 128), Size(720, 640), Size(720, 1280)]).rectangles(wanted)
    assert [shape for shape, _, _ in rectangles or ()] == [Size(128, 128), Size(128, 128)]


def test_most_of_the_frame_is_the_frame() -> None:
    layout = layouts(Size(720, 1280), 16, 8)
    assert Cover(layout, [Size(720, 640), Size(256, 256)]).rectangles(np.ones(layout.grid, bool)) is None


def test_a_shape_at_the_edge_needs_no_margin_there() -> None:
    layout = layouts(Size(128, 640), 16, 8)
    assert layout.needs(Box(0, 0, 8, 2)) == Box(0, 0, 128, 48)
    wanted = np.zeros(layout.grid, bool)
    wanted[:, :2] = True
    (rectangle,) = Cover(layout, [Size(128, 48)]).rectangles(wanted) or ()
    assert rectangle == (Size(128, 48), 0, 0)
    assert layout.fresh_cells(rectangle) == Box(0, 0, 8, 2)


def test_what_no_shape_holds_is_put_together() -> None:
    layout = layouts(Size(720, 1280), 16, 8)
    wanted = np.zeros(layout.grid, bool)
    wanted[10:20, 10:40] = True
    rectangles = Cover(layout, [Size(256, 256)]).rectangles(wanted)
    assert 3 <= len(rectangles or ()) <= 4
