from pathlib import Path

import pytest

from sharpen_train.data.pairing import find_pairs, without_blurry_halves
from sharpen_train.data.pictures import find_pictures
from sharpen_train.errors import DataError


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"x")


def named(root: Path, sharp: Path | None = None) -> list[tuple[str, str]]:
    pairs, _ = find_pairs(root, sharp, skip_unpaired=False)
    return [(pair.blurry.relative_to(root).as_posix(), pair.sharp.relative_to(sharp or root).as_posix()) for pair in pairs]


def test_halves_are_folders_below_sequences(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/GOPR1/{half}/{number}.png" for half in ("blur", "blur_gamma", "sharp") for number in ("01", "02")))
    assert named(tmp_path) == [(f"train/GOPR1/blur/{n}.png", f"train/GOPR1/sharp/{n}.png") for n in ("01", "02")]


def test_halves_are_names_in_one_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a_1_blur.png", "a_1_sharp.jpg", "a_2_sharp.png", "a_2_blur.png")
    assert named(tmp_path) == [("a_1_blur.png", "a_1_sharp.jpg"), ("a_2_blur.png", "a_2_sharp.png")]


def test_halves_are_two_folders(tmp_path: Path) -> None:
    touch(tmp_path, "soft/x/1.png", "crisp/x/1.jpg")
    assert named(tmp_path / "soft", tmp_path / "crisp") == [("x/1.png", "x/1.jpg")]


def test_a_missing_partner_is_named_or_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a_blur.png", "a_sharp.png", "b_sharp.png", "c.png")
    with pytest.raises(DataError, match=r"b_sharp\.png has no partner \(and 1 more\).*--skip-unpaired"):
        find_pairs(tmp_path, None, skip_unpaired=False)
    pairs, odd = find_pairs(tmp_path, None, skip_unpaired=True)
    assert [pair.sharp.name for pair in pairs] == ["a_sharp.png"]
    assert [path.name for path in odd] == ["b_sharp.png", "c.png"]


def test_two_that_claim_one_partner_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "a_blur.png", "a_blur.jpg", "a_sharp.png")
    with pytest.raises(DataError, match=r"a_blur\.jpg and .*a_blur\.png claim the same partner"):
        find_pairs(tmp_path, None, skip_unpaired=False)


def test_no_pairs_is_one_clear_error(tmp_path: Path) -> None:
    touch(tmp_path, "soft/1.png", "crisp/2.png")
    with pytest.raises(DataError, match="no pairs in"):
        find_pairs(tmp_path / "soft", tmp_path / "crisp", skip_unpaired=True)


def test_blurred_halves_are_no_truth(tmp_path: Path) -> None:
    touch(tmp_path, "a_blur.png", "a_sharp.png", "s/blur/1.png", "s/sharp/1.png", "motion_blur.png")
    kept = without_blurry_halves(find_pictures(tmp_path), tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in kept] == ["a_sharp.png", "motion_blur.png", "s/sharp/1.png"]
