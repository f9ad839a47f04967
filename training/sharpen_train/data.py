"""Pictures for training: found in a folder, brought to the scale at which they are sharp, cut into patches."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from sharpen_train.degrade import Mixture, Picture
from sharpen_train.errors import DataError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
PATCH_MARGIN_PX = 16  # degraded with its surroundings, so that no blur sees a patch's edge


@dataclass(frozen=True)
class Source:
    """A picture and the scale at which it is truly sharp.

    Attributes:
        path: the file.
        scale: factor to shrink by before the picture serves as truth; 1 for a picture that is sharp as it is.
    """

    path: Path
    scale: float


def read_picture(path: Path) -> Picture:
    """Returns a picture as (H, W, 3) uint8 RGB, upright, alpha laid over white.

    Raises:
        DataError: the file cannot be read as a picture.
    """
    try:
        raw = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_ANYCOLOR)
        with_alpha = raw is not None and raw.ndim == 3 and raw.shape[2] == 4 and raw.dtype == np.uint8
        if not with_alpha:  # this flag, unlike the first, applies EXIF rotation
            raw = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise DataError(f"cannot read the picture {path}", "Remove it or replace it.") from error
    if raw is None:
        raise DataError(f"cannot read the picture {path}", "Remove it or replace it.")
    if with_alpha:
        alpha = raw[:, :, 3:].astype(np.float32) / 255
        raw = (raw[:, :, :3] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)
    return np.asarray(cv2.cvtColor(raw, cv2.COLOR_BGR2RGB), np.uint8)


def load_truth(source: Source) -> Picture:
    """Returns the picture at its sharp scale, (H, W, 3) uint8 RGB."""
    picture = read_picture(source.path)
    if source.scale >= 1:
        return picture
    height, width = (round(side * source.scale) for side in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def find_sources(folder: Path) -> list[Source]:
    """Returns the pictures under `folder`, sorted by path.

    A table `SOURCES.tsv` in the folder or its parent, with the columns `file` and `gt_scale`, says at which scale a
    picture is sharp; pictures that it calls blurred at every scale are left out, and so is the blurred half of each
    pair named `X_blur` and `X_sharp`.

    Raises:
        DataError: the folder is missing or holds no picture.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "Give a folder of sharp pictures.")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    names = {p.stem for p in paths}
    scales = _scales(folder)
    found: list[Source] = []
    for path in paths:
        if path.stem.endswith("_blur") and path.stem.replace("_blur", "_sharp") in names:
            continue
        scale = scales.get(path.resolve(), 1.0)
        if scale > 0:
            found.append(Source(path, scale))
    if not found:
        raise DataError(f"no pictures in {folder}", f"Put {', '.join(sorted(SUFFIXES))} files there.")
    return found


def _scales(folder: Path) -> dict[Path, float]:
    """Reads `gt_scale` by file; 0 stands for "sharp at no scale"."""
    for root in (folder, folder.parent):
        table = root / "SOURCES.tsv"
        if table.is_file():
            with table.open(encoding="utf-8", newline="") as lines:
                rows = list(csv.DictReader(lines, delimiter="\t"))
            return {
                (root / row["file"]).resolve(): 0.0 if row["gt_scale"].startswith("<") else float(Fraction(row["gt_scale"]))
                for row in rows
                if row.get("gt_scale")
            }
    return {}


def cut_crops(sources: list[Source], crop_px: int, most_per_picture: int, seed: int) -> NDArray[np.uint8]:
    """Returns crops of the sharp pictures, (N, crop_px, crop_px, 3) uint8.

    Every picture gives as many as its area holds, at most `most_per_picture`, so that a few huge screenshots do not
    outvote a hundred faces. Flat crops teach nothing: of three drawn, the most detailed is kept.

    Raises:
        DataError: no picture is large enough.
    """
    rng = np.random.default_rng(seed)
    crops: list[Picture] = []
    for source in sources:
        picture = load_truth(source)
        height, width = picture.shape[:2]
        if min(height, width) < crop_px:
            continue
        count = min(most_per_picture, max(1, round(2 * height * width / crop_px**2)))
        for _ in range(count):
            drawn = [_random_crop(picture, crop_px, rng) for _ in range(3)]
            crops.append(max(drawn, key=_detail).copy())
    if not crops:
        raise DataError(f"no picture is as large as {crop_px}x{crop_px}", "Use larger pictures or a smaller patch.")
    return np.stack(crops)


def _random_crop(picture: Picture, size: int, rng: np.random.Generator) -> Picture:
    top = int(rng.integers(0, picture.shape[0] - size + 1))
    left = int(rng.integers(0, picture.shape[1] - size + 1))
    return picture[top : top + size, left : left + size]


def _detail(crop: Picture) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std())


class Pairs(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of batches (soft, truth), each (N, 3, patch, patch) uint8, drawn from sharp crops.

    The crops are the file that `np.save` made of them: spawned workers map it instead of copying it. Each worker of a
    DataLoader draws its own sequence from the seed and its number.
    """

    def __init__(self, crops: Path, batch: int, patch_px: int, mixture: Mixture, seed: int) -> None:
        super().__init__()
        self._file, self._batch, self._patch_px, self._mixture, self._seed = crops, batch, patch_px, mixture, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        cv2.setNumThreads(1)
        self._crops: NDArray[np.uint8] = np.load(self._file, mmap_mode="r")
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self._seed, info.id if info else 0])
        while True:
            pairs = [self._example(rng) for _ in range(self._batch)]
            soft, truth = (np.stack([pair[i] for pair in pairs]).transpose(0, 3, 1, 2) for i in (0, 1))
            yield torch.from_numpy(np.ascontiguousarray(soft)), torch.from_numpy(np.ascontiguousarray(truth))

    def _example(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        size, margin = self._patch_px, PATCH_MARGIN_PX
        crop = self._crops[rng.integers(len(self._crops))]
        whole = size + 2 * margin
        if rng.random() < 0.3 and crop.shape[0] >= 1.4 * whole:  # finer detail than the picture has at its own scale
            side = int(rng.integers(whole, int(crop.shape[0] / 1.4) + 1))
            crop = np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        truth = _random_crop(crop, whole, rng)
        truth = np.ascontiguousarray(np.rot90(truth, int(rng.integers(4))))
        if rng.random() < 0.5:
            truth = np.ascontiguousarray(truth[:, ::-1])
        soft = self._mixture.draw(truth, rng)
        inner = slice(margin, margin + size)
        return soft[inner, inner], truth[inner, inner]
