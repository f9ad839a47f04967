"""Pictures from files: found in folders, decoded whatever their kind, brought to the scale at which they are sharp."""

import csv
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.errors import DataError

Picture = NDArray[np.uint8]

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
_FULL = {"uint8": 255, "uint16": 65535}  # alpha of what is not clear at all


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

    Grey, palette, CMYK and 16-bit pictures are converted.

    Raises:
        DataError: the file cannot be read as a picture, or ends before the picture does.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise DataError(f"cannot read the picture {path}: {exc.strerror or exc}", "Check the file's permissions.") from exc
    if _is_truncated(data):
        raise DataError(f"cannot read the picture {path}: it is truncated", "Copy it again or remove it.")
    try:
        return _decode(np.frombuffer(data, np.uint8))
    except cv2.error as exc:
        raise DataError(f"cannot read the picture {path}", "Remove it or replace it.") from exc


def _decode(data: NDArray[np.uint8]) -> Picture:
    if data[:2].tobytes() != b"\xff\xd8":  # JPEG has no alpha: it is decoded once only
        raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if raw is not None and raw.ndim == 3 and raw.shape[2] == 4 and raw.dtype.name in _FULL:
            full = _FULL[raw.dtype.name]
            alpha = raw[:, :, 3:].astype(np.float32) / full
            colour = raw[:, :, 2::-1].astype(np.float32) * (255 / full)
            return (colour * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)
    # This flag, unlike the first, applies EXIF rotation and converts every other kind.
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise cv2.error("no decoder takes it")
    return np.asarray(picture, np.uint8)


def _is_truncated(data: bytes) -> bool:
    """Tells whether a JPEG, PNG or WebP file lacks its end; OpenCV would fill the rest with grey and say nothing."""
    if data[:2] == b"\xff\xd8":
        at = 2
        while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:  # to the start of the scan, past any thumbnail
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        return data.find(b"\xff\xd9", at) < 0
    if data[:4] == b"\x89PNG":
        return b"IEND" not in data
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return len(data) < 8 + struct.unpack("<I", data[4:8])[0]
    return False


def shrink(picture: Picture, scale: float) -> Picture:
    """Returns the picture, (H, W, 3) uint8, shrunk by `scale` in (0, 1] with an area filter; the same at 1."""
    if scale >= 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def load_truth(source: Source) -> Picture:
    """Returns the picture at its sharp scale, (H, W, 3) uint8 RGB.

    Raises:
        DataError: the file cannot be read as a picture.
    """
    return shrink(read_picture(source.path), source.scale)


def find_pictures(folder: Path) -> list[Path]:
    """Returns every picture file below `folder`, hidden ones left out, sorted.

    Raises:
        DataError: the folder is missing or holds no picture.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "Give a folder of sharp pictures.")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file())
    if not paths:
        raise DataError(f"no pictures in {folder}", f"Put {', '.join(sorted(SUFFIXES))} files there.")
    return paths


def find_sources(folder: Path) -> list[Source]:
    """Returns the pictures under `folder`, sorted by path.

    A table `SOURCES.tsv` in the folder or its parent, with the columns `file` and `gt_scale`, says at which scale a
    picture is sharp; pictures that it calls blurred at every scale are left out, and so is the blurred half of each
    pair named `X_blur` and `X_sharp`.

    Raises:
        DataError: the folder is missing or holds no picture, or the table cannot be read.
    """
    paths = find_pictures(folder)
    names = {p.stem for p in paths}
    scales = read_scales(folder)
    found: list[Source] = []
    for path in paths:
        if path.stem.endswith("_blur") and path.stem.replace("_blur", "_sharp") in names:
            continue
        scale = scales.get(path.resolve(), 1.0)
        if scale > 0:
            found.append(Source(path, scale))
    if not found:
        raise DataError(f"no sharp pictures in {folder}", "Its SOURCES.tsv calls every one of them blurred.")
    return found


def read_scales(folder: Path) -> dict[Path, float]:
    """Reads `gt_scale` of `SOURCES.tsv` by file, in (0, 1]; 0 stands for "sharp at no scale". Empty without a table.

    Raises:
        DataError: the table is damaged.
    """
    for root in (folder, folder.parent):
        table = root / "SOURCES.tsv"
        if not table.is_file():
            continue
        try:
            with table.open(encoding="utf-8", newline="") as lines:
                rows = list(csv.DictReader(lines, delimiter="\t"))
            return {(root / row["file"]).resolve(): _scale(row["gt_scale"]) for row in rows if row.get("gt_scale")}
        except (OSError, KeyError, ValueError, ZeroDivisionError, csv.Error) as exc:
            raise DataError(f"cannot read {table}: {exc}", "Its columns are `file` and `gt_scale` (1, 1/2, 1/3 or <1/3).") from exc
    return {}


def _scale(text: str) -> float:
    scale = 0.0 if text.startswith("<") else float(Fraction(text))
    if not 0 <= scale <= 1:
        raise ValueError(f"gt_scale {text}")
    return scale
