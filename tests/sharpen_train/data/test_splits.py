from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_train.data.splits import group, sequence_of, share_out


@pytest.mark.parametrize(
    ("file", "sequence"),
    [
        ("GoPro/train/GOPR0372_07_00/sharp/000047.png", "GOPR0372_07_00"),
        ("pairs/GOPR0477_11_00_198_sharp.png", "GOPR0477_11_00"),
        ("reds/train_sharp/017/00000042.png", "reds/train_sharp/017"),
        ("clips/walk/sharp/12.png", "clips/walk"),
        ("clips/walk_frame_0012.png", "clips/walk"),
        ("DIV2K_train_HR/0001.png", None),
        ("coco/train2017/000000000009.jpg", None),
        ("camera/IMG_0412.JPG", None),
        ("portraits/ifc_012.jpg", None),
    ],
)
def test_names_tell_which_pictures_are_frames_of_a_sequence(file: str, sequence: str | None) -> None:
    assert sequence_of(file) == sequence


def test_groups_join() -> None:
    assert group(6, [(0, 3), (4, 5), (3, 5)]) == [0, 1, 2, 0, 0, 0]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(0, 5), st.floats(0, 0.4), st.floats(0, 0.4))
def test_groups_stay_together_and_every_split_gets_its_share(groups: list[int], seed: int, test: float, benchmark: float) -> None:
    names = [f"a/{number}.png" for number in range(len(groups))]
    kinds = [f"photo:{number % 3}" for number in groups]
    splits = share_out(names, groups, kinds, [None] * len(names), test, benchmark, seed)
    by_group: dict[int, set[str]] = {}
    for number, split in zip(groups, splits, strict=True):
        by_group.setdefault(number, set()).add(split)
    assert all(len(found) == 1 for found in by_group.values())
    counts = Counter(next(iter(found)) for found in by_group.values())
    assert counts["train"] >= 1
    if len(by_group) > 1 and test:
        assert counts["test"] >= 1
    if len(by_group) > 2 and test and benchmark:
        assert counts["benchmark"] >= 1
    if not benchmark:
        assert counts["benchmark"] == 0
    assert splits == share_out(names, groups, kinds, [None] * len(names), test, benchmark, seed)


def test_what_is_assigned_stays_and_takes_its_group_along() -> None:
    splits = share_out(["a", "b", "c", "d"], [0, 0, 2, 3], ["x"] * 4, [None, "test", None, None], 0.05, 0, 1)
    assert splits == ["test", "test", "train", "train"]


def test_another_seed_is_another_split() -> None:
    names = [f"{number}.png" for number in range(200)]
    one, other = (share_out(names, range(200), ["x"] * 200, [None] * 200, 0.1, 0.1, seed) for seed in (1, 2))
    assert one != other
    assert Counter(one) == Counter(other) == {"train": 160, "test": 20, "benchmark": 20}
