from pathlib import Path

import cv2
import numpy as np
import pytest

from sharpen_train.data import open_dataset
from sharpen_train.data.pack import unpack, write_pack
from sharpen_train.errors import DataError
from sharpen_train.metrics import psnr


def silent(_what: str, _done: int, _total: int) -> None:
    pass


def test_a_pack_becomes_the_dataset_again(dataset_folder: Path, tmp_path: Path) -> None:
    before = open_dataset(dataset_folder)
    size = write_pack(before, tmp_path / "data.pack", 10**8)
    assert size < sum(path.stat().st_size for path in dataset_folder.rglob("*.npy")) / 3
    info = unpack(tmp_path / "data.pack", tmp_path / "data", force=False, progress=silent)
    after = open_dataset(tmp_path / "data")
    assert info == before.info == after.info
    for split in ("train", "test", "benchmark"):
        np.testing.assert_array_equal(before.softs(split)[1], after.softs(split)[1])
        for one, other in ((before.truths(split), after.truths(split)), (before.softs(split)[0], after.softs(split)[0])):
            assert all(psnr(a, b) > 33 for a, b in zip(one, other, strict=True))  # hard discs in colour: as bad as it gets
    for one, other in zip(before.benchmark_pictures, after.benchmark_pictures, strict=True):
        np.testing.assert_array_equal(cv2.imread(str(one)), cv2.imread(str(other)))


def test_a_small_pack_takes_something_of_every_picture(dataset_folder: Path, tmp_path: Path) -> None:
    before = open_dataset(dataset_folder)
    whole = write_pack(before, tmp_path / "whole.pack", 10**8)
    budget = whole // 2
    assert budget / 2 < write_pack(before, tmp_path / "half.pack", budget) <= budget
    info = unpack(tmp_path / "half.pack", tmp_path / "data", force=False, progress=silent)
    assert 0 < info.counts["train"] < before.info.counts["train"]
    assert all(source.patches > 0 for source in info.sources if source.split == "train")
    assert info == open_dataset(tmp_path / "data").info


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "missing", "empty"])
def test_a_damaged_pack_is_refused_in_one_line(dataset_folder: Path, tmp_path: Path, damage: str) -> None:
    pack = tmp_path / "data.pack"
    write_pack(open_dataset(dataset_folder), pack, 10**8)
    data = pack.read_bytes()
    middle = len(data) // 2
    contents = {
        "cut": data[:middle],
        "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
        "other": b"PK",
        "empty": b"",
    }
    if damage == "missing":
        pack.unlink()
    else:
        pack.write_bytes(contents[damage])
    with pytest.raises(DataError, match="there is no file" if damage == "missing" else "is not a whole pack"):
        unpack(pack, tmp_path / "out", force=False, progress=silent)
    assert not (tmp_path / "out").exists()


def test_a_budget_for_nothing_is_refused(dataset_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few for a pack"):
        write_pack(open_dataset(dataset_folder), tmp_path / "data.pack", 5000)
    assert list(tmp_path.iterdir()) == []
