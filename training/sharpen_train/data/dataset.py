"""A dataset on the disk, read: patches by split, the pictures they come from, blurred partners, teacher outputs.

```
DATA/
  dataset.json                     DatasetInfo
  overview.jpg                     random patches, to see what a network learns from
  train|test|benchmark/
    truth.npy                      (N, S, S, 3) uint8 RGB; S = patch_px + 2 * context_px
    soft.npy  soft_index.npy       (M, S, S, 3) and (M,) int64: the patches that have a really blurred partner
  benchmark/pictures/*.png         the whole pictures of that split; X.soft.png is the blurred partner of X.png
  teacher/<name>/                  one TeacherSet for patches of `train`
    teacher.json                   TeacherInfo
    index.npy  preset.npy          (R,) int64: the patch of each row, and the number of its preset in TeacherInfo.presets
    soft.npy  teacher.npy          (R, S, S, 3) uint8: what the teacher was given, and what it made of it
```
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sharpen_train.errors import DataError

FORMAT = 1
CONTEXT_PX = 16  # surroundings kept on each side of a patch, so that no blur sees the patch's edge
Split = Literal["train", "test", "benchmark"]
SPLITS: tuple[Split, ...] = ("train", "test", "benchmark")
Patches = NDArray[np.uint8]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceInfo(_Stored):
    """A picture that patches were cut from.

    Attributes:
        id: number of the picture in the dataset.
        file: its path below the folder that was given, that folder's name first; `text:N` for a generated one.
        sha256: of the file.
        split: where all of its patches are.
        scale: factor that it was shrunk by.
        kind: "photo", "pair" (has a blurred partner) or "text" (generated).
        first: row of its first patch in its split.
        patches: how many it gave.
    """

    id: int
    file: str
    sha256: str
    split: Split
    scale: float
    kind: Literal["photo", "pair", "text"]
    first: int
    patches: int


class DatasetInfo(_Stored):
    """What `dataset.json` says.

    Attributes:
        format: version of the layout.
        patch_px: side of a patch without its context.
        context_px: surroundings on each side.
        stride: distance between neighbouring patches, in px; smaller than `patch_px` where they overlap.
        seed: of the split and of the choice of patches.
        created_by: program and version.
        counts: patches by split.
        soft_counts: patches with a blurred partner, by split.
        sources: the pictures.
        skipped: pictures left out, by reason.
    """

    format: Literal[1]
    patch_px: Annotated[int, Field(ge=8)]
    context_px: Annotated[int, Field(ge=0)]
    stride: Annotated[int, Field(ge=1)]
    seed: int
    created_by: str
    counts: dict[Split, int]
    soft_counts: dict[Split, int]
    sources: list[SourceInfo]
    skipped: dict[str, list[str]] = {}

    @property
    def side_px(self) -> int:
        """Side of a stored patch, context included."""
        return self.patch_px + 2 * self.context_px


class TeacherInfo(_Stored):
    """What `teacher.json` says.

    Attributes:
        name: of the set.
        presets: degradations that the rows were made with; `preset.npy` counts in this list.
        seed: of those degradations.
        arch: the teacher's architecture.
        weights_sha256: of the teacher's weights.
        done: rows that are complete; later ones are not there yet.
        report: by level, how the teacher compares with its input: figures by name.
        masked: presets in which the teacher harms: their rows are not used.
    """

    name: str
    presets: list[str]
    seed: int
    arch: str
    weights_sha256: str
    done: Annotated[int, Field(ge=0)]
    report: dict[str, dict[str, float]] = {}
    masked: list[str] = []


@dataclass(frozen=True)
class TeacherSet:
    """What a teacher made of patches of the training split; read-only memory maps of the rows that are done.

    Attributes:
        info: what `teacher.json` says.
        index: (R,) int64, the patch of each row.
        preset: (R,) int64, the number of its preset in `info.presets`.
        soft: (R, S, S, 3) uint8, what the teacher was given.
        teacher: (R, S, S, 3) uint8, what it made of it.
    """

    info: TeacherInfo
    index: NDArray[np.int64]
    preset: NDArray[np.int64]
    soft: Patches
    teacher: Patches

    def rows_of(self, preset: str) -> dict[int, list[int]]:
        """Returns the rows of a preset by patch; empty where the set has none or the teacher harms there."""
        rows: dict[int, list[int]] = {}
        if preset not in self.info.presets or preset in self.info.masked:
            return rows
        for row in np.flatnonzero(self.preset == self.info.presets.index(preset)).tolist():
            rows.setdefault(int(self.index[row]), []).append(row)
        return rows


class Dataset:
    """A dataset whose files were checked; its arrays are read-only memory maps.

    Attributes:
        folder: where it is.
        info: what `dataset.json` says.
    """

    def __init__(self, folder: Path, info: DatasetInfo) -> None:
        self.folder, self.info = folder, info

    def truths(self, split: Split) -> Patches:
        """Returns the sharp patches of a split, (N, S, S, 3) uint8.

        Raises:
            DataError: the file is missing or damaged.
        """
        side = self.info.side_px
        return map_array(self.folder / split / "truth.npy", (self.info.counts[split], side, side, 3), np.uint8)

    def softs(self, split: Split) -> tuple[Patches, NDArray[np.int64]]:
        """Returns the really blurred partners, (M, S, S, 3) uint8, and the patch of each, (M,) int64; M may be 0.

        Raises:
            DataError: a file is missing or damaged.
        """
        side, count = self.info.side_px, self.info.soft_counts[split]
        if not count:
            return np.empty((0, side, side, 3), np.uint8), np.empty(0, np.int64)
        index = map_array(self.folder / split / "soft_index.npy", (count,), np.int64)
        if index.min() < 0 or index.max() >= self.info.counts[split]:
            raise _damaged(self.folder / split / "soft_index.npy", "it points at patches that do not exist")
        return map_array(self.folder / split / "soft.npy", (count, side, side, 3), np.uint8), index

    def teacher(self, name: str) -> TeacherSet | None:
        """Returns the outputs of the teacher `name`, or None if the dataset has none.

        Raises:
            DataError: they are there, but damaged.
        """
        folder = self.folder / "teacher" / name
        if not (folder / "teacher.json").is_file():
            return None
        info = _read(TeacherInfo, folder / "teacher.json")
        side, done = self.info.side_px, info.done
        numbers = [map_array(folder / file, (None,), np.int64)[:done] for file in ("index.npy", "preset.npy")]
        images = [map_array(folder / file, (None, side, side, 3), np.uint8)[:done] for file in ("soft.npy", "teacher.npy")]
        if any(len(array) != done for array in (*numbers, *images)):
            raise _damaged(folder, f"teacher.json promises {done} rows")
        for values, below in zip(numbers, (self.info.counts["train"], len(info.presets)), strict=True):
            if done and not 0 <= values.min() <= values.max() < below:
                raise _damaged(folder, "its index points at patches or presets that do not exist")
        return TeacherSet(info, numbers[0], numbers[1], images[0], images[1])

    @cached_property
    def benchmark_pictures(self) -> list[Path]:
        """The whole sharp pictures of the benchmark split, sorted; a blurred partner is `X.soft.png` beside `X.png`."""
        return sorted(p for p in (self.folder / "benchmark" / "pictures").glob("*.png") if not p.name.endswith(".soft.png"))


def open_dataset(folder: Path) -> Dataset:
    """Opens the dataset in `folder` after checking that all of its arrays are there and whole.

    Raises:
        DataError: the folder is missing, holds no dataset (a folder of pictures, say), or is damaged; says what.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "Give the folder that `sharpen-train prepare` wrote.")
    if not (folder / "dataset.json").is_file():
        raise DataError(f"{folder} is not a dataset", f"Make one of pictures: sharpen-train prepare {folder} --out DATA")
    dataset = Dataset(folder, _read(DatasetInfo, folder / "dataset.json"))
    if set(dataset.info.counts) != set(SPLITS) or set(dataset.info.soft_counts) != set(SPLITS):
        raise _damaged(folder / "dataset.json", "a split is missing")
    for split in SPLITS:
        dataset.truths(split)
        dataset.softs(split)
    return dataset


def is_dataset(folder: Path) -> bool:
    """Tells whether `folder` holds a dataset, whole or not."""
    return (folder / "dataset.json").is_file()


Model = TypeVar("Model", bound=BaseModel)
Number = TypeVar("Number", np.uint8, np.int64)


def _read(model: type[Model], path: Path) -> Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as exc:
        what = exc.errors()[0]["msg"] if isinstance(exc, ValidationError) else exc.strerror
        raise _damaged(path, str(what)) from exc


def map_array(path: Path, shape: tuple[int | None, ...], dtype: type[Number]) -> NDArray[Number]:
    """Returns the array in a file as a read-only memory map, after checking its shape (None: any) and type.

    Raises:
        DataError: the file is missing, cut short, or holds something else.
    """
    try:
        array = np.load(path, mmap_mode="r") if shape[0] != 0 else np.load(path)  # nothing cannot be mapped
    except FileNotFoundError as exc:
        raise _damaged(path, "it is missing") from exc
    except (OSError, ValueError, EOFError) as exc:
        raise _damaged(path, "it is cut short or not an array") from exc
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != dtype:
        expected = "x".join("any" if side is None else str(side) for side in shape)
        raise _damaged(path, f"it holds {'x'.join(map(str, array.shape))} {array.dtype}, not {expected} {np.dtype(dtype)}")
    return array


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"the dataset is damaged: {path}: {what}", "Run `sharpen-train prepare` again with --force.")
