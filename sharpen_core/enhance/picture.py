"""One picture file in, one sharpened picture file out."""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.draft import Draft, unwritable
from sharpen_core.enhance.exif import read_orientation, upright, without_orientation
from sharpen_core.enhance.header import MAX_PICTURE_BYTES, read_header, require_size
from sharpen_core.errors import MediaSizeUnsupported, MediaUnreadable, OutputFormatUnsupported
from sharpen_core.frame import Pixels

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")

_WITH_ALPHA = (".png", ".webp", ".tif", ".tiff")
_WITH_16_BITS = (".png", ".tif", ".tiff")
_WITH_METADATA = (".png", ".jpg", ".jpeg", ".webp")
_JPEG_PARAMETERS = [
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
_ICC_SPACES = {b"RGB ": (3, 4), b"GRAY": (1,)}
_STRIP_ROWS = 256


@dataclass(slots=True)
class _Picture:
    """A decoded picture, upright.

    Attributes:
        colours: (height, width) grey or (height, width, 3) RGB; uint8 or uint16.
        alpha: (height, width) of the same dtype; None if there is none.
        exif: block without orientation; may be empty.
        icc: colour profile; may be empty.
    """

    colours: NDArray[Any]
    alpha: NDArray[Any] | None
    exif: bytes
    icc: bytes


def enhance_picture(source: Path, target: Path, sharpen: Callable[[Pixels], Pixels], *, overwrite: bool = False) -> None:
    """Sharpens a PNG, JPEG, WebP, TIFF or BMP picture into another file, of the kind that the target's suffix says.

    The result is upright, whatever the EXIF orientation was. Kept: transparency, grey as grey, EXIF (without its thumbnail)
    and the ICC profile where OpenCV can write them (PNG, JPEG, WebP); XMP is not. 16-bit pictures stay 16-bit as PNG and
    TIFF: they are sharpened in 8 bits and the difference is added to what they were. JPEG is written at quality 95 without
    colour subsampling, WebP lossless.

    Args:
        source: the picture.
        target: may be the source if `overwrite`; complete or not there.
        sharpen: gets and returns (height, width, 3) uint8 RGB of the same size; its errors pass through.
        overwrite: replace an existing target.

    Raises:
        MediaNotFound, MediaUnreadable: there is no such picture, or it is damaged.
        MediaSizeUnsupported: more than 16384 pixels on a side, 150 megapixels or 2 GiB.
        OutputFormatUnsupported: the target's suffix is no picture's, or it cannot hold the source's transparency or size.
        OutputUnwritable: the target exists or its folder cannot be written to.
    """
    header = read_header(source)
    if header is None:
        raise MediaUnreadable(f"{source} is not a picture", "give a PNG, JPEG, WebP, TIFF or BMP file")
    require_size(header.size, source)
    if source.stat().st_size > MAX_PICTURE_BYTES:  # such as a TIFF of very many pages
        raise MediaSizeUnsupported(f"{source} is larger than {MAX_PICTURE_BYTES >> 30} GiB", "give one picture in a file")
    suffix = picture_suffix(target)
    with Draft(target, overwrite=overwrite) as draft:
        picture = _decode(source)
        _refuse_lost_alpha(picture, suffix)
        _sharpen(picture, sharpen)
        data = _encode(picture, suffix)
        try:
            draft.path.write_bytes(data)
        except OSError as exc:
            raise unwritable(target, exc) from exc


def picture_suffix(target: Path) -> str:
    """The target's suffix in lower case.

    Raises:
        OutputFormatUnsupported: no picture is written under it.
    """
    suffix = target.suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise OutputFormatUnsupported(f"no picture is written as '{suffix or target.name}'", f"use one of {', '.join(PICTURE_SUFFIXES)}")
    return suffix


def _decode(source: Path) -> _Picture:
    """Decodes and turns upright.

    `IMREAD_UNCHANGED` keeps alpha and depth, and is the one mode in which OpenCV leaves the orientation to us.
    """
    try:
        with _quiet_opencv():
            data = np.fromfile(source, np.uint8)
            stored, kinds, chunks = cv2.imdecodeWithMetadata(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as exc:
        if "MAX_IMAGE" in str(exc):
            raise MediaSizeUnsupported(f"{source} is larger than OpenCV may read", "unset OPENCV_IO_MAX_IMAGE_PIXELS") from exc
        raise MediaUnreadable(f"{source} is damaged") from exc
    except OSError as exc:
        raise MediaUnreadable(f"{source} cannot be read: {exc.strerror or exc}") from exc
    if stored is None:  # pyright: ignore[reportUnnecessaryComparison]  # OpenCV's stubs leave that out
        raise MediaUnreadable(f"{source} is damaged")
    if stored.dtype.name not in ("uint8", "uint16") or (stored.ndim == 3 and stored.shape[2] not in (3, 4)):
        raise MediaUnreadable(f"{source} has {stored.dtype} colours, which cannot be enhanced", "convert it to 8 or 16 bits first")
    metadata = {kind: chunk.tobytes() for kind, chunk in zip(kinds, chunks, strict=True)}
    exif = metadata.get(cv2.IMAGE_METADATA_EXIF, b"").removeprefix(b"Exif\0\0")
    turned = upright(stored, read_orientation(exif))  # pyright: ignore[reportArgumentType]
    colours, alpha = _split(turned)
    return _Picture(colours, alpha, without_orientation(exif), metadata.get(cv2.IMAGE_METADATA_ICCP, b""))


def _split(stored: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """OpenCV's grey, BGR or BGRA as grey or RGB, and alpha."""
    if stored.ndim == 2:
        return stored, None
    if stored.shape[2] == 3:
        return cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), None
    return cv2.cvtColor(stored, cv2.COLOR_BGRA2RGB), stored[..., 3].copy()


def _refuse_lost_alpha(picture: _Picture, suffix: str) -> None:
    """Drops alpha that hides nothing where the target has none."""
    if picture.alpha is None or suffix in _WITH_ALPHA:
        return
    if picture.alpha.min() < np.iinfo(picture.alpha.dtype).max:
        raise OutputFormatUnsupported(f"a {suffix} picture cannot be transparent", "write .png or .webp instead")
    picture.alpha = None


def _sharpen(picture: _Picture, sharpen: Callable[[Pixels], Pixels]) -> None:
    """Replaces the colours, in the depth and number of channels that they have."""
    before = _as_8_bits(picture.colours)
    after = _sharpen_grey(before, sharpen) if before.ndim == 2 else sharpen(before)
    if picture.colours.dtype == np.uint8:
        picture.colours = after
    else:
        _add_difference(picture.colours, before, after)


def _sharpen_grey(grey: NDArray[Any], sharpen: Callable[[Pixels], Pixels]) -> NDArray[Any]:
    return cv2.cvtColor(sharpen(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)), cv2.COLOR_RGB2GRAY)  # pyright: ignore[reportArgumentType]


def _as_8_bits(colours: NDArray[Any]) -> NDArray[np.uint8]:
    return colours if colours.dtype == np.uint8 else cv2.convertScaleAbs(colours, alpha=1 / 257)  # pyright: ignore[reportReturnType]


def _add_difference(deep: NDArray[Any], before: NDArray[Any], after: NDArray[Any]) -> None:
    """Adds what changed in 8 bits to the 16-bit original, in place; by strips, since int32 takes twice its memory."""
    for top in range(0, len(deep), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        change = after[rows].astype(np.int32) - before[rows]
        deep[rows] = np.clip(deep[rows] + 257 * change, 0, 65535)


def _encode(picture: _Picture, suffix: str) -> bytes:
    """The file's bytes.

    Raises:
        OutputFormatUnsupported: the format cannot hold the picture.
    """
    pixels = _join(picture, deep=suffix in _WITH_16_BITS)
    parameters = _JPEG_PARAMETERS if suffix in (".jpg", ".jpeg") else []
    kinds, chunks = _metadata(picture, pixels) if suffix in _WITH_METADATA else ([], [])
    data = _try_encode(suffix, pixels, kinds, chunks, parameters)
    if data is None and kinds:
        # A profile that libpng finds faulty, or a block too long for JPEG's 64 KB, must not cost the picture.
        data = _try_encode(suffix, pixels, [], [], parameters)
    if data is None:
        raise OutputFormatUnsupported(f"{pixels.shape[1]}x{pixels.shape[0]} pixels do not fit into a {suffix} file", "write .png instead")
    return data


def _try_encode(suffix: str, pixels: NDArray[Any], kinds: list[int], chunks: list[NDArray[Any]], parameters: list[int]) -> bytes | None:
    try:
        with _quiet_opencv():
            done, data = cv2.imencodeWithMetadata(suffix, pixels, kinds, chunks, parameters)
    except cv2.error:
        return None
    return data.tobytes() if done else None


def _join(picture: _Picture, *, deep: bool) -> NDArray[Any]:
    """Colours and alpha as OpenCV writes them: grey, BGR or BGRA, in 8 bits unless `deep`."""
    colours, alpha = picture.colours, picture.alpha
    if not deep:
        colours, alpha = _as_8_bits(colours), None if alpha is None else _as_8_bits(alpha)
    if colours.ndim == 2:
        return colours
    if alpha is None:
        return cv2.cvtColor(colours, cv2.COLOR_RGB2BGR)
    pixels = cv2.cvtColor(colours, cv2.COLOR_RGB2BGRA)
    pixels[..., 3] = alpha
    return pixels


def _metadata(picture: _Picture, pixels: NDArray[Any]) -> tuple[list[int], list[NDArray[Any]]]:
    """EXIF, and the profile if it is one for these channels: a CMYK JPEG's is not, once it is RGB."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    blocks = {cv2.IMAGE_METADATA_EXIF: picture.exif}
    if channels in _ICC_SPACES.get(picture.icc[16:20], ()):
        blocks[cv2.IMAGE_METADATA_ICCP] = picture.icc
    kept = {kind: block for kind, block in blocks.items() if block}
    return list(kept), [np.frombuffer(block, np.uint8) for block in kept.values()]


@contextlib.contextmanager
def _quiet_opencv() -> Generator[None]:
    """Keeps OpenCV from printing what is about to be said better by an error."""
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
