from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_core.frame import Box, Pixels, Size
from sharpen_core.reuse.cover import CALL_PX, Cover, Layout
from sharpen_core.reuse.focus import Focus

sizes = st.builds(Size, st.integers(1, 800), st.integers(1, 1300))


@given(sizes, st.sampled_from([1, 4, 16]), st.floats(0.05, 0.99), st.integers(0, 2**31))
@settings(deadline=None, max_examples=100)
def test_its_shape_always_holds_the_part(size: Size, multiple: int, area: float, seed: int) -> None:
    layout = Layout.of(size, multiple, 16, 8)
    focus = Focus(layout)
    random = np.random.default_rng(seed)
    for _ in range(20):
        focus.follow(random.random(layout.grid) < 0.3)
    part, shape = focus.part(area), focus.shape(area)
    assert 0 <= part.top < part.bottom <= size.height
    assert 0 <= part.left < part.right <= size.width
    cover = Cover(layout, [shape])
    rectangles = cover.rectangles(part.cells(layout))
    assert len(rectangles or ()) == 1 or shape.height * shape.width + CALL_PX >= cover.whole_cost


def test_it_computes_about_its_share() -> None:
    layout = Layout.of(Size(720, 1280), 16, 16, 8)
    for area in (0.1, 0.35, 0.6, 0.9):
        shape = Focus(layout).shape(area)
        assert area - 0.05 < shape.height * shape.width / (720 * 1280) <= area


def test_it_moves_slowly_to_what_moves_and_back_to_the_middle() -> None:
    layout = Layout.of(Size(720, 1280), 16, 16, 8)
    focus, moving, still = Focus(layout), np.zeros(layout.grid, bool), np.zeros(layout.grid, bool)
    moving[15:40, 50:62] = True
    middle = focus.part(0.35)
    assert abs((middle.left + middle.right) / 2 - 640) < 2
    lefts = []
    for _ in range(600):
        focus.follow(moving)
        lefts.append(focus.part(0.35).left)
    assert np.abs(np.diff(lefts)).max() <= 2
    assert lefts[-1] > middle.left + 100
    for _ in range(1200):
        focus.follow(still)
    assert abs(focus.part(0.35).left - middle.left) < 20


def cut(picture: Pixels) -> Callable[[Box], Pixels]:
    return lambda box: picture[box.top : box.bottom, box.left : box.right]


def test_the_part_fades_in_without_an_edge() -> None:
    layout = Layout.of(Size(720, 1280), 16, 16, 8)
    part = Focus(layout).part(0.35)
    before, after = np.full((720, 1280, 3), 100, np.uint8), np.full((720, 1280, 3), 200, np.uint8)
    part.merge(after, cut(before))
    assert after[0, 0, 0] == 100
    assert after[360, 640, 0] == 200
    assert max(np.abs(np.diff(after.astype(int), axis=axis)).max() for axis in (0, 1)) <= 3
    assert (before == 100).all()


def test_no_fading_at_the_frames_own_edge() -> None:
    layout = Layout.of(Size(720, 1280), 16, 16, 8)
    part = Focus(layout).part(0.9)
    assert part.top == 0
    after = np.full((720, 1280, 3), 200, np.uint8)
    part.merge(after, cut(np.zeros_like(after)))
    assert after[0, 640, 0] == 200


@given(st.builds(Size, st.integers(1, 300), st.integers(1, 500)), st.floats(0.05, 0.99), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_around_it_all_is_plain_inside_nothing_is(size: Size, area: float, seed: int) -> None:
    layout = Layout.of(size, 4, 16, 8)
    focus, random = Focus(layout), np.random.default_rng(seed)
    for _ in range(20):
        focus.follow(random.random(layout.grid) < 0.3)
    part = focus.part(area)
    before, sharp = (random.integers(0, 256, (*size, 3), np.uint8) for _ in range(2))
    after, inside = sharp.copy(), np.zeros(size, np.bool_)
    part.merge(after, cut(before))
    inside[part.top : part.bottom, part.left : part.right] = True
    assert (after[~inside] == before[~inside]).all()
    assert (
        after[(part.top + part.bottom) // 2, (part.left + part.right) // 2]
        == sharp[(part.top + part.bottom) // 2, (part.left + part.right) // 2]
    ).all()
    low, high = np.minimum(before, sharp), np.maximum(before, sharp)
    assert ((after >= low) & (after <= high)).all()
