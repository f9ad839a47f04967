from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.data import Pairs, Source, cut_crops, find_sources, load_truth, read_picture
from sharpen_train.degrade import Mixture
from sharpen_train.errors import DataError


def test_pictures_are_found_in_every_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.PNG", "deep/er/a.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [source.path.name for source in find_sources(tmp_path)] == ["b.PNG", "a.jpg"]


def test_the_table_says_where_a_picture_is_sharp(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    for name in ("half", "whole", "never", "x_sharp", "x_blur"):
        cv2.imwrite(str(folder / f"{name}.png"), sharp_picture(Size(40, 60), 1))
    rows = ["file\tgt_scale", "train/half.png\t1/2", "train/whole.png\t1", "train/never.png\t<1/3", "train/x_sharp.png\t"]
    (tmp_path / "SOURCES.tsv").write_text("\n".join(rows) + "\n")
    sources = find_sources(folder)
    assert {source.path.stem: source.scale for source in sources} == {"half": 0.5, "whole": 1.0, "x_sharp": 1.0}
    assert {source.path.stem: Size.of(load_truth(source)) for source in sources}["half"] == Size(20, 30)


@pytest.mark.parametrize("there", [True, False])
def test_an_empty_or_missing_folder_is_one_clear_error(tmp_path: Path, there: bool) -> None:
    with pytest.raises(DataError, match="no pictures in" if there else "there is no folder"):
        find_sources(tmp_path if there else tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read the picture .*damaged\.png"):
        read_picture(path)


def test_grey_16_bit_and_alpha_become_rgb(tmp_path: Path) -> None:
    colour = sharp_picture(Size(20, 30), 2)
    cv2.imwrite(str(tmp_path / "colour.png"), colour[:, :, ::-1])
    cv2.imwrite(str(tmp_path / "grey.png"), colour[:, :, 0])
    cv2.imwrite(str(tmp_path / "deep.png"), colour[:, :, ::-1].astype(np.uint16) * 257)
    clear = np.dstack([colour, np.zeros((20, 30), np.uint8)])
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    np.testing.assert_array_equal(read_picture(tmp_path / "colour.png"), colour)
    assert np.abs(read_picture(tmp_path / "deep.png").astype(int) - colour).max() <= 1
    assert read_picture(tmp_path / "grey.png").shape == (20, 30, 3)
    assert (read_picture(tmp_path / "clear.png") == 255).all()


def test_crops_come_from_every_picture_and_are_reproducible(pictures: Path) -> None:
    sources = find_sources(pictures)
    first, second = (cut_crops(sources, 96, 8, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape[1:] == (96, 96, 3)
    assert len(first) == len(sources) * 8


def test_pictures_that_are_too_small_are_one_clear_error(pictures: Path) -> None:
    with pytest.raises(DataError, match="no picture is as large as 4000x4000"):
        cut_crops(find_sources(pictures), 4000, 1, seed=0)


def test_batches_are_pairs_and_reproducible(pictures: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "crops.npy", cut_crops(find_sources(pictures), 160, 4, seed=0))
    first, second = (next(iter(Pairs(tmp_path / "crops.npy", 6, 64, Mixture(), seed=9))) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.shape == (6, 3, 64, 64)
        assert (a == b).all()
    soft, truth = first
    assert (soft != truth).any()
    assert float((soft.float() - truth.float()).abs().mean()) < 40  # the same place, only softer


def test_a_source_with_scale_one_is_the_picture_itself(pictures: Path) -> None:
    path = sorted(pictures.iterdir())[0]
    np.testing.assert_array_equal(load_truth(Source(path, 1.0)), read_picture(path))
