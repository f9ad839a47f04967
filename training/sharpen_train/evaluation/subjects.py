"""The pictures that models are scored on: sharp ones to be softened, and real pairs of blurred and sharp."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sharpen_train.data.pictures import Source, find_sources, load_truth
from sharpen_train.errors import DataError
from sharpen_train.evaluation.conditions import IDENTITY, LEVEL_CONDITIONS, REAL, soften
from sharpen_train.metrics import Picture

SMALLEST_PX = 11  # the window of SSIM
BLURRED_FOLDERS, SHARP_FOLDER = ("blur", "blurry"), "sharp"
BLURRED_SUFFIX = ".soft.png"  # of the partner of X.png in a prepared dataset


@dataclass(frozen=True)
class Subject:
    """A picture that models are scored on.

    Attributes:
        name: its path inside the folder of pictures.
        number: its place among all pictures, from which its degradations are drawn.
        truth: the sharp picture.
        blurred: its real blurred partner; None for a picture that is softened by ourselves.
    """

    name: str
    number: int
    truth: Source
    blurred: Path | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that this picture is scored in."""
        return (REAL,) if self.blurred else (*LEVEL_CONDITIONS, IDENTITY)

    def load(self) -> "Loaded":
        """Reads the picture, and its partner at the same scale.

        Raises:
            DataError: a file cannot be read, the halves differ in size, or the picture is smaller than the window of SSIM.
        """
        truth = load_truth(self.truth)
        if min(truth.shape[:2]) < SMALLEST_PX:
            raise DataError(f"{self.name} is smaller than {SMALLEST_PX}x{SMALLEST_PX}", "Remove it.")
        if self.blurred is None:
            return Loaded(self, truth, None)
        blurred = load_truth(replace(self.truth, path=self.blurred))
        if blurred.shape != truth.shape:
            raise DataError(f"the halves of the pair {self.name} differ in size", "Remove the pair or cut both to the same size.")
        return Loaded(self, truth, blurred)


@dataclass(frozen=True)
class Loaded:
    """A subject in memory: the truth and the real blurred partner, (H, W, 3) uint8 each."""

    subject: Subject
    truth: Picture
    blurred: Picture | None

    def soft(self, condition: str) -> Picture:
        """Returns the input of a condition, (H, W, 3) uint8."""
        return soften(self.truth, condition, self.subject.number) if self.blurred is None else self.blurred

    def middle_soft(self, condition: str, middle: Picture) -> Picture:
        """Returns the input of a condition for `middle`, the middle of the truth."""
        if self.blurred is None:
            return soften(middle, condition, self.subject.number)
        top, left = ((whole - part) // 2 for whole, part in zip(self.truth.shape[:2], middle.shape[:2], strict=True))
        return np.ascontiguousarray(self.blurred[top : top + middle.shape[0], left : left + middle.shape[1]])


def find_subjects(folder: Path, *, limit: int | None = None, only_pairs: bool = False) -> list[Subject]:
    """Returns the pictures of a folder or of a prepared dataset's benchmark, and the real pairs among them.

    Pairs are `X_blur` and `X_sharp` side by side, or files of one name in the folders `blur` (or `blurry`) and `sharp`. The sharp half
    of a pair is softened like any other picture, too.

    Args:
        folder: pictures, or what `sharpen-train prepare` wrote.
        limit: score at most so many pictures and so many pairs, spread evenly over all; a picture's scores do not depend on it.
        only_pairs: leave out the softened pictures.

    Raises:
        DataError: there is no picture (or no pair, if only those are wanted).
    """
    root = folder / "benchmark" / "pictures" if (folder / "dataset.json").is_file() else folder
    sources = [source for source in find_sources(root) if not _is_blurred_half(source.path)]
    singles = [Subject(_name(source.path, root), number, source) for number, source in enumerate(sources)]
    pairs = [replace(single, blurred=blurred) for single in singles if (blurred := _blurred_half(single.truth.path)) is not None]
    if only_pairs and not pairs:
        raise DataError(f"there are no pairs in {folder}", "Name them X_blur and X_sharp, or put them into the folders blur and sharp.")
    return [*([] if only_pairs else _spread(singles, limit)), *_spread(pairs, limit)]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _spread(subjects: Sequence[Subject], limit: int | None) -> list[Subject]:
    """Returns at most `limit` of them, evenly spread."""
    if limit is None or limit >= len(subjects):
        return list(subjects)
    return [subjects[(2 * i + 1) * len(subjects) // (2 * limit)] for i in range(limit)]


def _is_blurred_half(path: Path) -> bool:
    if path.name.endswith(BLURRED_SUFFIX) and path.with_name(path.name.removesuffix(BLURRED_SUFFIX) + ".png").is_file():
        return True
    return path.parent.name in BLURRED_FOLDERS and (path.parent.parent / SHARP_FOLDER / path.name).is_file()


def _blurred_half(sharp: Path) -> Path | None:
    partners = [sharp.with_name(sharp.stem + BLURRED_SUFFIX)]
    if sharp.stem.endswith("_sharp"):
        partners.append(sharp.with_stem(sharp.stem.removesuffix("_sharp") + "_blur"))
    if sharp.parent.name == SHARP_FOLDER:
        partners.extend(sharp.parent.parent / name / sharp.name for name in BLURRED_FOLDERS)
    return next((partner for partner in partners if partner.is_file()), None)
