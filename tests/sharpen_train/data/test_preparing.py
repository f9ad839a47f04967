import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.data import CONTEXT_PX, open_dataset, read_picture
from sharpen_train.data.folder import whole_folder
from sharpen_train.data.preparing import PrepareOptions, prepare
from sharpen_train.errors import DataError


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[:, :, ::-1])


def test_patches_are_the_pictures_with_their_surroundings(pictures: Path, tmp_path: Path, options: PrepareOptions) -> None:
    info = prepare([pictures], tmp_path / "data", replace(options, per_picture=100))
    dataset = open_dataset(tmp_path / "data")
    assert dataset.info == info
    source = next(source for source in info.sources if source.split == "train")
    picture = read_picture(pictures.parent / source.file)
    framed = cv2.copyMakeBorder(picture, CONTEXT_PX, CONTEXT_PX, CONTEXT_PX, CONTEXT_PX, cv2.BORDER_REFLECT_101)
    assert source.patches == 4 * 4  # of 280x300 px, side by side
    first = dataset.truths("train")[source.first]
    top, left = (280 - 4 * 64) // 2, (300 - 4 * 64) // 2
    np.testing.assert_array_equal(first, framed[top : top + 96, left : left + 96])


def test_a_prepared_dataset_is_reproducible_and_the_number_of_processes_changes_nothing(tmp_path: Path, options: PrepareOptions) -> None:
    for number in range(13):
        write(tmp_path / "in" / f"{number}.png", sharp_picture(Size(100, 140), number))
    for name, processes in (("one", 1), ("two", 2)):
        prepare([tmp_path / "in"], tmp_path / name, replace(options, processes=processes, text=2))
    for file in ("dataset.json", "train/truth.npy", "test/truth.npy", "benchmark/truth.npy", "overview.jpg"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_overlapping_patches_and_the_cap(pictures: Path, tmp_path: Path, options: PrepareOptions) -> None:
    overlapping = prepare([pictures], tmp_path / "a", replace(options, stride_px=32, per_picture=1000))
    assert {source.patches for source in overlapping.sources} == {7 * 8}
    assert {source.patches for source in prepare([pictures], tmp_path / "b", options).sources} == {options.per_picture}


def test_flat_patches_are_few(tmp_path: Path, options: PrepareOptions) -> None:
    page = np.full((640, 640, 3), 240, np.uint8)
    page[:188] = sharp_picture(Size(188, 640), 1)
    write(tmp_path / "in" / "page.png", page)
    info = prepare([tmp_path / "in"], tmp_path / "data", replace(options, per_picture=1000, test_share=0, benchmark_share=0))
    assert 30 <= info.counts["train"] <= 31  # three rows of ten, and a few percent of the seventy others


def test_splits_are_by_picture_and_benchmark_pictures_are_whole(dataset_folder: Path) -> None:
    dataset = open_dataset(dataset_folder)
    assert {source.split for source in dataset.info.sources} == {"train", "test", "benchmark"}
    for split in ("train", "test", "benchmark"):
        rows = sorted((s.first, s.first + s.patches) for s in dataset.info.sources if s.split == split)
        assert rows[0][0] == 0
        assert all(end == first for (_, end), (first, _) in pairwise(rows))
        assert rows[-1][1] == dataset.info.counts[split] == len(dataset.truths(split))
    benches = [source for source in dataset.info.sources if source.split == "benchmark"]
    assert [path.stem for path in dataset.benchmark_pictures] == [f"{source.id:05d}" for source in benches]
    assert read_picture(dataset.benchmark_pictures[0]).shape in ((280, 300, 3), (150, 170, 3))


def test_blurred_partners_lie_on_their_truth(dataset_folder: Path) -> None:
    dataset = open_dataset(dataset_folder)
    pairs = [source for source in dataset.info.sources if source.kind == "pair"]
    assert sum(dataset.info.soft_counts.values()) == sum(source.patches for source in pairs) > 0
    soft, index = dataset.softs("train")
    for blurred, truth in zip(soft, dataset.truths("train")[index], strict=True):
        again = cv2.GaussianBlur(truth, (0, 0), 3)[32:-32, 32:-32].astype(int)
        assert np.abs(blurred[32:-32, 32:-32] - again).mean() < 1


def test_every_kind_of_unusable_picture_is_named(pictures: Path, tmp_path: Path, options: PrepareOptions) -> None:
    good = sharp_picture(Size(280, 300), 0)
    write(tmp_path / "in" / "tiny.png", good[:40, :40])
    write(tmp_path / "in" / "soft.png", cv2.GaussianBlur(sharp_picture(Size(280, 300), 9), (0, 0), 12))
    write(tmp_path / "in" / "copy.png", cv2.resize(good[:, :, ::-1], (240, 224), interpolation=cv2.INTER_AREA))
    write(tmp_path / "in" / "torn.png", good)
    (tmp_path / "in" / "torn.png").write_bytes((tmp_path / "in" / "torn.png").read_bytes()[:-100])
    info = prepare([pictures, tmp_path / "in"], tmp_path / "data", options)
    assert {reason: [Path(file).name.split(" ")[0] for file in files] for reason, files in info.skipped.items()} == {
        "too small": ["tiny.png"],
        "blurred at every scale": ["soft.png"],
        "near-duplicate": ["copy.png"],
        "unreadable": ["torn.png"],
    }
    assert len(info.sources) == 4


def test_nothing_usable_is_one_clear_error(tmp_path: Path, options: PrepareOptions) -> None:
    write(tmp_path / "in" / "tiny.png", sharp_picture(Size(30, 30), 1))
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none of the 2 pictures can be used: .*1 unreadable"):
        prepare([tmp_path / "in"], tmp_path / "data", options)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    with pytest.raises(DataError, match="nothing to prepare"):
        prepare([], tmp_path / "data", options)


def test_the_scale_is_found_taken_from_the_table_or_left_alone(tmp_path: Path, options: PrepareOptions) -> None:
    large = cv2.resize(sharp_picture(Size(200, 220), 1), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    write(tmp_path / "in" / "large.png", large)

    def scale(**changes: object) -> float:
        return prepare([tmp_path / "in"], tmp_path / "data", replace(options, force=True, **changes)).sources[0].scale

    assert scale() == 0.5
    assert scale(screen=False) == 1
    (tmp_path / "in" / "SOURCES.tsv").write_text("file\tgt_scale\nlarge.png\t1/3\n", encoding="utf-8")
    assert scale() == pytest.approx(1 / 3)


def test_layouts_are_told_by_their_folders(tmp_path: Path, options: PrepareOptions) -> None:
    for at, file in enumerate(
        ("DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X2/0001x2.png", "DIV2K_valid_HR/0801.png", "coco/val2017/1.png")
    ):
        write(tmp_path / "in" / file, sharp_picture(Size(100, 140), at))
    info = prepare([tmp_path / "in"], tmp_path / "data", options)
    assert {source.file: source.split for source in info.sources} == {
        "in/DIV2K_train_HR/0001.png": "train",
        "in/DIV2K_valid_HR/0801.png": "test",
        "in/coco/val2017/1.png": "test",
    }
    assert prepare([tmp_path / "in" / "coco" / "val2017"], tmp_path / "val", options).counts["train"] > 0


def test_pairs_of_different_sizes_are_named_or_left_out(pairs_folder: Path, tmp_path: Path, options: PrepareOptions) -> None:
    write(pairs_folder / "p1_blur.png", sharp_picture(Size(150, 172), 1))
    options = replace(options, pairs=((pairs_folder, None),))
    with pytest.raises(DataError, match=r"p1_blur\.png and .*p1_sharp\.png differ in size: 172x150 and 170x150"):
        prepare([], tmp_path / "data", options)
    info = prepare([], tmp_path / "data", replace(options, skip_unpaired=True))
    assert info.skipped == {"unpaired": ["pairs/p1_sharp.png"]}


def test_what_is_there_is_replaced_only_if_it_is_a_dataset_and_on_demand(pictures: Path, tmp_path: Path, options: PrepareOptions) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(DataError, match="is not a dataset"):
            prepare([pictures], tmp_path / "mine", replace(options, force=force))
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "precious"
    (tmp_path / "data").mkdir()
    prepare([pictures], tmp_path / "data", options)
    with pytest.raises(DataError, match=r"already.*--force"):
        prepare([pictures], tmp_path / "data", options)
    prepare([pictures], tmp_path / "data", replace(options, force=True, patch_px=128))
    assert open_dataset(tmp_path / "data").info.patch_px == 128
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mine"]


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    dead = tmp_path / ".data.999999999.part"  # of a process that was killed
    dead.mkdir()
    alive = tmp_path / f".data.{os.getppid()}.part"
    alive.mkdir()

    def interrupted() -> None:
        with whole_folder(tmp_path / "data", force=False) as draft:
            assert not dead.exists()
            (draft / "dataset.json").write_text("{}", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == [alive]


def test_folders_of_the_same_name_are_kept_apart(tmp_path: Path, options: PrepareOptions) -> None:
    for at, folder in enumerate(("x/in", "y/in")):
        write(tmp_path / folder / "a.png", sharp_picture(Size(100, 140), at))
    info = prepare([tmp_path / "x" / "in", tmp_path / "y" / "in", tmp_path / "x" / "in"], tmp_path / "data", options)
    assert [source.file for source in info.sources] == ["in/a.png", "in-2/a.png"]


@pytest.mark.parametrize("place", ["in/data", "in", "."])
def test_a_dataset_among_its_own_sources_is_refused(tmp_path: Path, place: str, options: PrepareOptions) -> None:
    write(tmp_path / "in" / "a.png", sharp_picture(Size(100, 140), 1))
    with pytest.raises(DataError, match="lie in one another"):
        prepare([tmp_path / "in"], tmp_path / place, options)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX")
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(pictures: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    program = Path(sys.executable).with_name("sharpen-train")
    command = [program, "prepare", pictures, "--out", tmp_path / "data"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, preexec_fn=limited)
    assert done.returncode == 37, done.stderr
    assert "sharpen-train: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command_tells_what_it_did(pictures: Path, pairs_folder: Path, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("sharpen-train")
    command = [program, "prepare", pictures, "--out", tmp_path / "data", "--text", "1", "--pairs", pairs_folder, "--pack-mb", "3", "--json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["pictures"] == {"photo": 4, "pair": 3, "text": 1}
    assert summary["patches"] == open_dataset(tmp_path / "data").info.counts
    done = subprocess.run(
        [program, "prepare", tmp_path / "data.pack", "--out", tmp_path / "again"], capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "have a look at" in done.stdout
    assert open_dataset(tmp_path / "again").info.counts["train"] > 0


def test_one_picture_trains_and_two_are_enough_to_test(tmp_path: Path, options: PrepareOptions) -> None:
    write(tmp_path / "in" / "a.png", sharp_picture(Size(100, 140), 1))
    prepare([tmp_path / "in"], tmp_path / "one", options)
    assert [len(open_dataset(tmp_path / "one").truths(split)) for split in ("train", "test", "benchmark")] == [2, 0, 0]
    write(tmp_path / "in" / "b.png", sharp_picture(Size(100, 140), 2))
    assert prepare([tmp_path / "in"], tmp_path / "two", options).counts == {"train": 2, "test": 2, "benchmark": 0}
