import shutil

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.errors import DataError
from sharpen_train.evaluation.conditions import IDENTITY, LEVEL_CONDITIONS, REAL
from sharpen_train.evaluation.subjects import find_subjects

SIZE = Size(40, 50)


def write(path, size=SIZE, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sharp_picture(size, seed))
    return path


@pytest.mark.parametrize(
    ("blurred", "sharp"),
    [("a/x_blur.png", "a/x_sharp.png"), ("blur/x.png", "sharp/x.png"), ("b/blurry/x.png", "b/sharp/x.png")],
)
def test_pairs_are_their_own_condition_and_only_the_sharp_half_is_softened(tmp_path, blurred, sharp):
    write(tmp_path / blurred, seed=1)
    write(tmp_path / sharp, seed=2)
    single, pair = find_subjects(tmp_path)
    assert single.name == pair.name == sharp
    assert single.conditions == (*LEVEL_CONDITIONS, IDENTITY)
    assert pair.conditions == (REAL,)
    loaded = pair.load()
    assert np.array_equal(loaded.truth, find_subjects(tmp_path, only_pairs=True)[0].load().truth)
    assert not np.array_equal(loaded.soft(REAL), loaded.truth)
    assert np.array_equal(loaded.middle_soft(REAL, loaded.truth), loaded.blurred)


def test_a_blurred_picture_without_its_partner_is_a_picture_like_any_other(tmp_path):
    write(tmp_path / "blur" / "x.png")
    write(tmp_path / "sharp" / "y.png")
    assert [subject.blurred for subject in find_subjects(tmp_path)] == [None, None]


def test_a_dataset_offers_its_benchmark(tmp_path):
    (tmp_path / "dataset.json").write_text("{}", encoding="utf-8")
    write(tmp_path / "train" / "no.png")
    write(tmp_path / "benchmark" / "pictures" / "0.png", seed=1)
    write(tmp_path / "benchmark" / "pictures" / "0.soft.png", seed=2)
    write(tmp_path / "benchmark" / "pictures" / "1.png", seed=3)
    assert [(subject.name, subject.blurred is not None) for subject in find_subjects(tmp_path)] == [
        ("0.png", False),
        ("1.png", False),
        ("0.png", True),
    ]


def test_a_limit_spreads_and_changes_no_degradation(tmp_path):
    for number in range(7):
        write(tmp_path / f"{number}.png", seed=number)
    few = find_subjects(tmp_path, limit=3)
    assert [subject.name for subject in few] == ["1.png", "3.png", "5.png"]
    everything = {subject.name: subject for subject in find_subjects(tmp_path, limit=100)}
    assert len(everything) == 7
    for subject in few:
        assert np.array_equal(subject.load().soft("heavy"), everything[subject.name].load().soft("heavy"))


def test_a_picture_is_brought_to_its_sharp_scale_with_its_partner(tmp_path):
    write(tmp_path / "x_sharp.png", seed=1)
    write(tmp_path / "x_blur.png", seed=2)
    (tmp_path / "SOURCES.tsv").write_text("file\tgt_scale\nx_sharp.png\t1/2\nx_blur.png\t1/3\n", encoding="utf-8")
    loaded = find_subjects(tmp_path, only_pairs=True)[0].load()
    assert loaded.truth.shape == loaded.blurred.shape == (20, 25, 3)


def test_what_cannot_be_scored_is_named(tmp_path):
    write(tmp_path / "tiny.png", Size(10, 40))
    with pytest.raises(DataError, match=r"tiny\.png is smaller than 11x11"):
        find_subjects(tmp_path)[0].load()
    write(tmp_path / "p_blur.png", Size(40, 50))
    write(tmp_path / "p_sharp.png", Size(40, 60))
    with pytest.raises(DataError, match=r"p_sharp\.png differ in size"):
        find_subjects(tmp_path, only_pairs=True)[0].load()


def test_a_folder_without_what_is_wanted_is_refused(tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        find_subjects(tmp_path)
    write(tmp_path / "x.png")
    with pytest.raises(DataError, match="no pairs"):
        find_subjects(tmp_path, only_pairs=True)
    shutil.rmtree(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        find_subjects(tmp_path)
