import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sharpen_train.data import TeacherInfo, open_dataset
from sharpen_train.errors import DataError


@pytest.fixture
def data(dataset_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dataset_folder, tmp_path / "data"))


def write_teacher(data: Path, rows: int, **changes: object) -> Path:
    folder = data / "teacher" / "big"
    folder.mkdir(parents=True)
    side = open_dataset(data).info.side_px
    values = {"name": "big", "presets": ["heavy", "low"], "seed": 1, "arch": "restormer", "weights_sha256": "0" * 64, "done": rows - 1}
    (folder / "teacher.json").write_text(TeacherInfo.model_validate({**values, **changes}).model_dump_json(), encoding="utf-8")
    np.save(folder / "index.npy", np.arange(rows) // 2)
    np.save(folder / "preset.npy", np.arange(rows) % 2)
    for name in ("soft", "teacher"):
        np.save(folder / f"{name}.npy", np.zeros((rows, side, side, 3), np.uint8))
    return folder


def test_arrays_are_read_only(data: Path) -> None:
    truths = open_dataset(data).truths("train")
    with pytest.raises(ValueError, match="read-only"):
        truths[0] = 0


def test_a_folder_of_pictures_is_told_how_to_become_a_dataset(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"is not a dataset.*sharpen-train prepare {pictures} --out DATA"):
        open_dataset(pictures)
    with pytest.raises(DataError, match="there is no folder"):
        open_dataset(tmp_path / "none")


@pytest.mark.parametrize(
    ("file", "kept", "what"),
    [
        ("dataset.json", 0.5, "Invalid JSON"),
        ("train/truth.npy", 0.5, "cut short"),
        ("train/truth.npy", 0, "missing"),
        ("test/truth.npy", 0.001, "cut short"),
        ("train/soft_index.npy", 0, "missing"),
        ("train/soft.npy", 0.9, "cut short"),
    ],
)
def test_a_damaged_dataset_is_named(data: Path, file: str, kept: float, what: str) -> None:
    content = (data / file).read_bytes()
    (data / file).unlink()
    if kept:
        (data / file).write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=rf"damaged: .*{file}: .*{what}"):
        open_dataset(data)


def test_an_array_of_another_kind_is_named(data: Path) -> None:
    np.save(data / "test" / "truth.npy", np.zeros((2, 3)))
    with pytest.raises(DataError, match="it holds 2x3 float64, not"):
        open_dataset(data)
    content = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    (data / "dataset.json").write_text(json.dumps({**content, "format": 2}), encoding="utf-8")
    with pytest.raises(DataError, match=r"dataset\.json: Input should be 1"):
        open_dataset(data)


def test_only_the_rows_that_are_done_count(data: Path) -> None:
    assert open_dataset(data).teacher("big") is None
    write_teacher(data, 8)
    found = open_dataset(data).teacher("big")
    assert found is not None
    assert len(found.soft) == len(found.teacher) == len(found.index) == 7
    assert found.rows_of("heavy") == {0: [0], 1: [2], 2: [4], 3: [6]}
    assert found.rows_of("low") == {0: [1], 1: [3], 2: [5]}
    assert found.rows_of("medium") == {}


def test_where_the_teacher_harms_it_has_no_rows(data: Path) -> None:
    write_teacher(data, 8, masked=["low"])
    found = open_dataset(data).teacher("big")
    assert found is not None
    assert found.rows_of("heavy")
    assert not found.rows_of("low")


def test_damaged_teacher_outputs_are_named(data: Path) -> None:
    folder = write_teacher(data, 8)
    np.save(folder / "index.npy", np.full(8, 10**6))
    with pytest.raises(DataError, match="do not exist"):
        open_dataset(data).teacher("big")
    np.save(folder / "index.npy", np.zeros(5, np.int64))
    with pytest.raises(DataError, match="promises 7 rows"):
        open_dataset(data).teacher("big")
