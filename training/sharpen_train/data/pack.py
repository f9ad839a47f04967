"""A dataset in one small file, for a trip to another machine.

A pack is a ZIP file: `dataset.json`, and every patch and whole picture as a picture of its own. Patches are JPEG of
quality 95 without chroma subsampling, measured on 156 patches of 160x160 px of faces and screens: 8.1 kB each at 47.2 dB, 39.6 dB
in the worst case. WebP of quality 95 is smaller (5.1 kB), but its subsampled colour spoils coloured text (30.7 dB); lossless WebP
takes 15.9 kB and PNG 29.4 kB. The whole pictures of the benchmark, which scores are compared on, are lossless WebP.
"""

import errno
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from sharpen_core.draft import Draft
from sharpen_core.errors import OutputUnwritable
from sharpen_train.data.dataset import SPLITS, Dataset, DatasetInfo, SourceInfo, Split
from sharpen_train.data.folder import whole_folder
from sharpen_train.data.overview import write_overview
from sharpen_train.data.preparing import new_array
from sharpen_train.errors import DataError, DiskFullError

BENCHMARK_SHARE = 0.15  # of the budget, for whole pictures
HELD_OUT_SHARE = 0.05  # of the budget, for the patches of each of the other two splits
_ENTRY_BYTES = 130  # what ZIP adds to each entry
_WEBP_OF_PNG = 0.4  # lossless WebP takes hardly ever less than this share of a PNG
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
_LOSSLESS = [cv2.IMWRITE_WEBP_QUALITY, 101]


def write_pack(dataset: Dataset, path: Path, budget_bytes: int) -> int:
    """Writes as much of a dataset as fits into a file, all pictures given the same chance; returns the size in bytes.

    Raises:
        DataError: the budget is too small for one patch of each picture, or the folder cannot be written to.
        DiskFullError: the disk is full; nothing is left behind.
    """
    try:
        with Draft(path, overwrite=True) as draft, zipfile.ZipFile(draft.path, "w") as file:
            left = budget_bytes - len(dataset.info.model_dump_json())
            left -= _pack_wholes(file, dataset, int(BENCHMARK_SHARE * budget_bytes))
            rows: dict[Split, list[int]] = {}
            for split in ("test", "benchmark", "train"):
                share = left if split == "train" else min(left, int(HELD_OUT_SHARE * budget_bytes))
                rows[split], used = _pack_patches(file, dataset, split, share)
                left -= used
            if not rows["train"]:
                raise DataError(f"{budget_bytes / 1e6:g} MB are too few for a pack", "Give it more with --pack-mb.")
            file.writestr("dataset.json", _reduced(dataset.info, rows).model_dump_json())
    except OutputUnwritable as exc:
        raise DataError(exc.message, exc.hint) from exc
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFullError(f"the disk is full: {path} was not written", "Free some space or choose another folder.") from exc
        raise
    return path.stat().st_size


def _pack_wholes(file: zipfile.ZipFile, dataset: Dataset, budget: int) -> int:
    used = 0
    for picture in dataset.benchmark_pictures:
        halves = [half for half in (picture, picture.with_suffix(".soft.png")) if half.is_file()]
        if used + sum(half.stat().st_size for half in halves) * _WEBP_OF_PNG > budget:
            continue  # encoding takes a second for each megapixel
        encoded = [(half.name, _encode(np.asarray(cv2.imread(str(half))), ".webp", _LOSSLESS)) for half in halves]
        size = sum(len(data) + _ENTRY_BYTES for _, data in encoded)
        if used + size <= budget:
            used += size
            for name, data in encoded:
                file.writestr(f"benchmark/pictures/{name.removesuffix('.png')}.webp", data)
    return used


def _pack_patches(file: zipfile.ZipFile, dataset: Dataset, split: Split, budget: int) -> tuple[list[int], int]:
    """Writes patches of a split until the budget is used up; returns their rows and the bytes they take."""
    truth, (soft, soft_index) = dataset.truths(split), dataset.softs(split)
    soft_row = {patch: row for row, patch in enumerate(soft_index.tolist())}
    taken: list[int] = []
    used = 0
    for row in _in_turns(dataset.info, split):
        halves = [("truth", truth[row])] + ([("soft", soft[soft_row[row]])] if row in soft_row else [])
        encoded = [(name, _encode(cv2.cvtColor(half, cv2.COLOR_RGB2BGR), ".jpg", _JPEG)) for name, half in halves]
        size = sum(len(data) + _ENTRY_BYTES for _, data in encoded)
        if used + size > budget:
            break
        used += size
        taken.append(row)
        for name, data in encoded:
            file.writestr(f"{split}/{name}/{row}.jpg", data)
    return sorted(taken), used


def _in_turns(info: DatasetInfo, split: Split) -> Iterator[int]:
    """Yields the rows of a split: one patch of each picture, then a second one of each that has more, and so on."""
    rng = np.random.default_rng(info.seed)
    left = [source.first + rng.permutation(source.patches) for source in info.sources if source.split == split and source.patches]
    for turn in range(max(map(len, left), default=0)):
        yield from (int(rows[turn]) for rows in left if turn < len(rows))


def _reduced(info: DatasetInfo, rows: dict[Split, list[int]]) -> DatasetInfo:
    """Describes the dataset that has only the given rows of each split."""
    sources: list[SourceInfo] = []
    for source in info.sources:
        first, end = np.searchsorted(rows[source.split], [source.first, source.first + source.patches]).tolist()
        sources.append(source.model_copy(update={"first": first, "patches": end - first}))
    counts = {split: len(rows[split]) for split in SPLITS}
    paired = {split: sum(source.patches for source in sources if source.split == split and source.kind == "pair") for split in SPLITS}
    return info.model_copy(update={"counts": counts, "soft_counts": paired, "sources": sources})


def unpack(path: Path, out: Path, *, force: bool, progress: Callable[[str, int, int], None]) -> DatasetInfo:
    """Makes a dataset of a pack, of the same layout as the one it was made of.

    Raises:
        DataError: the pack is missing or damaged, or `out` is occupied.
        DiskFullError: the disk is full; nothing is left behind.
    """
    damaged = DataError(f"{path} is not a whole pack", "Copy it again, or write it again with --pack-mb.")
    try:
        with zipfile.ZipFile(path) as file:
            info = DatasetInfo.model_validate_json(file.read("dataset.json"))
            with whole_folder(out, force=force) as draft:
                (draft / "benchmark" / "pictures").mkdir(parents=True)
                for at, split in enumerate(SPLITS):
                    progress("unpacking", at, len(SPLITS))
                    (draft / split).mkdir(exist_ok=True)
                    _unpack_patches(file, info, split, draft / split)
                _unpack_wholes(file, draft / "benchmark" / "pictures")
                write_overview(draft, info)
                (draft / "dataset.json").write_text(info.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except FileNotFoundError as exc:
        raise DataError(f"there is no file {path}", "Give a pack that `sharpen-train prepare --pack-mb` wrote.") from exc
    except (zipfile.BadZipFile, KeyError, ValidationError, ValueError, cv2.error, EOFError, NotImplementedError) as exc:
        raise damaged from exc
    progress("unpacking", len(SPLITS), len(SPLITS))
    return info


def _unpack_patches(file: zipfile.ZipFile, info: DatasetInfo, split: Split, folder: Path) -> None:
    """Writes the arrays of a split."""
    names = {half: _rows(file, f"{split}/{half}/") for half in ("truth", "soft")}
    if (len(names["truth"]), len(names["soft"])) != (info.counts[split], info.soft_counts[split]):
        raise ValueError("patches are missing")
    side = info.side_px
    for half, rows in names.items():
        if half == "soft" and not rows:
            continue
        new_array(folder / f"{half}.npy", (len(rows), side, side, 3))
        with (folder / f"{half}.npy").open("r+b") as out:
            out.seek(-len(rows) * side * side * 3, 2)
            for row in rows:
                out.write(_decode(file, f"{split}/{half}/{row}.jpg", side).tobytes())
    if names["soft"]:
        np.save(folder / "soft_index.npy", np.searchsorted(names["truth"], names["soft"]).astype(np.int64))


def _unpack_wholes(file: zipfile.ZipFile, folder: Path) -> None:
    for name in file.namelist():
        if name.startswith("benchmark/pictures/"):
            picture = np.asarray(cv2.cvtColor(_decode(file, name, None), cv2.COLOR_RGB2BGR), np.uint8)
            (folder / f"{Path(name).name.removesuffix('.webp')}.png").write_bytes(_encode(picture, ".png", []))


def _rows(file: zipfile.ZipFile, prefix: str) -> list[int]:
    return sorted(int(name.removeprefix(prefix).removesuffix(".jpg")) for name in file.namelist() if name.startswith(prefix))


def _encode(bgr: NDArray[np.uint8], ending: str, settings: list[int]) -> bytes:
    return cv2.imencode(ending, bgr, settings)[1].tobytes()


def _decode(file: zipfile.ZipFile, name: str, side: int | None) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(file.read(name), np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None or (side is not None and picture.shape != (side, side, 3)):
        raise ValueError(f"{name} is not a picture of the right size")
    return np.asarray(picture, np.uint8)
