"""What is done to one picture, in any process: judged first, cut into patches later."""

import hashlib
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.data.dataset import CONTEXT_PX, Split
from sharpen_train.data.pictures import Picture, read_picture, shrink
from sharpen_train.data.screening import sharp_scale, thumbnail
from sharpen_train.data.synthetic import text_picture
from sharpen_train.errors import DataError

FLAT_DETAIL = 3.5  # a patch with less teaches nothing ...
FLAT_SHARE = 0.04  # ... but that nothing is to be invented there
RICH_DETAIL = 20.0  # more than this is no better: among too many patches, those with more detail are likelier up to here
TEXT_PATCHES = 12  # from a generated picture: they cost nothing, and many screens teach more than much of one

Reason = Literal["unreadable", "too small", "blurred at every scale", "near-duplicate", "unpaired"]


@dataclass(frozen=True)
class Candidate:
    """A picture that may go into a dataset.

    Attributes:
        file: what it is called in the dataset.
        kind: "photo", "pair" or "text".
        path: the file; the sharp half of a pair; none for a generated one.
        soft: the blurred half of a pair.
        number: of a generated picture.
        scale: at which it is known to be sharp; None if that is to be found out.
        fixed: split that its folder's name assigns it to.
    """

    file: str
    kind: Literal["photo", "pair", "text"]
    path: Path | None = None
    soft: Path | None = None
    number: int = 0
    scale: float | None = None
    fixed: Split | None = None


@dataclass(frozen=True)
class CutPlan:
    """How pictures are cut.

    Attributes:
        patch_px: side of a patch.
        stride_px: distance between neighbours.
        per_picture: most patches from one picture.
        seed: of generated pictures and of the choice among too many patches.
    """

    patch_px: int
    stride_px: int
    per_picture: int
    seed: int


@dataclass(frozen=True)
class Scanned:
    """A picture that was judged.

    Attributes:
        candidate: the picture.
        reason: why it is left out; None for one that is used, and only then the rest says something.
        detail: more about the reason.
        sha256: of the file.
        scale: at which it is sharp.
        pixels: of the picture at that scale.
        thumbnail: (16, 18) grey values.
        corners: (top, left) of each patch.
    """

    candidate: Candidate
    reason: Reason | None = None
    detail: str = ""
    sha256: str = ""
    scale: float = 1.0
    pixels: int = 0
    thumbnail: NDArray[np.uint8] | None = None
    corners: tuple[tuple[int, int], ...] = ()


def scan(candidate: Candidate, plan: CutPlan) -> Scanned:
    """Judges a picture: readable, large enough, sharp, and where its patches are."""
    try:
        picture, soft = _load(candidate, plan.seed)
    except DataError as exc:
        return Scanned(candidate, "unreadable", exc.message)
    if soft is not None and soft.shape != picture.shape:
        sizes = " and ".join(f"{p.shape[1]}x{p.shape[0]}" for p in (soft, picture))
        return Scanned(candidate, "unpaired", f"{candidate.soft} and {candidate.path} differ in size: {sizes}")
    scale = sharp_scale(picture) if candidate.scale is None else candidate.scale
    if scale == 0:
        return Scanned(candidate, "blurred at every scale")
    picture = shrink(picture, scale)
    if min(picture.shape[:2]) < plan.patch_px:
        return Scanned(candidate, "too small", f"{picture.shape[1]}x{picture.shape[0]} where it is sharp")
    data = candidate.path.read_bytes() if candidate.path else f"text:{plan.seed}:{candidate.number}".encode()
    rng = np.random.default_rng([plan.seed, zlib.crc32(candidate.file.encode())])
    most = min(plan.per_picture, TEXT_PATCHES) if candidate.kind == "text" else plan.per_picture
    corners = choose_corners(picture, replace(plan, per_picture=most), rng)
    height, width = picture.shape[:2]
    return Scanned(candidate, None, "", hashlib.sha256(data).hexdigest(), scale, height * width, thumbnail(picture), corners)


def choose_corners(picture: Picture, plan: CutPlan, rng: np.random.Generator) -> tuple[tuple[int, int], ...]:
    """Returns the corners (top, left) of the patches of a picture: a centred grid, few of the flat ones, not too many."""
    rows, columns = (_grid(side, plan) for side in picture.shape[:2])
    half = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # less noise
    edges = cv2.Laplacian(half, cv2.CV_32F)
    size = plan.patch_px // 2
    details = {(top, left): float(edges[top // 2 :, left // 2 :][:size, :size].std()) for top in rows for left in columns}
    rich = [corner for corner, detail in details.items() if detail >= FLAT_DETAIL]
    flat = [corner for corner, detail in details.items() if detail < FLAT_DETAIL]
    rich = _some(rich, [min(details[corner], RICH_DETAIL) for corner in rich], plan.per_picture, rng)
    return tuple(sorted(rich + _some(flat, [1.0] * len(flat), max(int(FLAT_SHARE * len(rich)), int(not rich)), rng)))


def _grid(side: int, plan: CutPlan) -> range:
    room = side - plan.patch_px
    return range(room % plan.stride_px // 2, room + 1, plan.stride_px)


def _some(corners: list[tuple[int, int]], weights: list[float], most: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    if len(corners) <= most:
        return corners
    chances = np.array(weights) / sum(weights)
    return [corners[at] for at in rng.choice(len(corners), most, replace=False, p=chances)]


def cut(scanned: Scanned, plan: CutPlan, first: int, soft_first: int, folder: Path, whole: str | None) -> None:
    """Writes the patches of a picture to their rows of the arrays in `folder`.

    Args:
        scanned: the picture.
        plan: how to cut.
        first: row of its first patch in `truth.npy`.
        soft_first: row of its first patch in `soft.npy`.
        folder: of the split.
        whole: name under which the whole picture is kept as well, or None.

    Raises:
        DataError: the picture has changed since it was judged.
        OSError: the disk is full.
    """
    picture, soft = _load(scanned.candidate, plan.seed)
    for name, row, source in (("truth", first, picture), ("soft", soft_first, soft)):
        if source is None:
            continue
        source = shrink(source, scanned.scale)
        if source.shape[0] * source.shape[1] != scanned.pixels:
            raise DataError(f"{scanned.candidate.path} has changed while it was being read", "Run it again.")
        _write_rows(folder / f"{name}.npy", row, _patches(source, scanned.corners, plan.patch_px))
        if whole is not None:
            ending = "png" if name == "truth" else "soft.png"
            data = cv2.imencode(".png", cv2.cvtColor(source, cv2.COLOR_RGB2BGR))[1]
            (folder / "pictures" / f"{whole}.{ending}").write_bytes(data.tobytes())


def _patches(picture: Picture, corners: tuple[tuple[int, int], ...], patch_px: int) -> NDArray[np.uint8]:
    side, edge = patch_px + 2 * CONTEXT_PX, CONTEXT_PX
    framed = np.asarray(cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REFLECT_101), np.uint8)
    return np.stack([framed[top : top + side, left : left + side] for top, left in corners])


def _write_rows(path: Path, row: int, patches: NDArray[np.uint8]) -> None:
    """Writes into the middle of an array file. Not through a memory map: on a full disk that ends in a signal, not an error."""
    with path.open("r+b") as file:
        major, _ = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        read(file)
        file.seek(file.tell() + row * patches[0].nbytes)
        file.write(patches.tobytes())


def _load(candidate: Candidate, seed: int) -> tuple[Picture, Picture | None]:
    if candidate.path is None:
        return text_picture(seed, candidate.number), None
    return read_picture(candidate.path), None if candidate.soft is None else read_picture(candidate.soft)
