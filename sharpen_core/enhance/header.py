"""What a file is, from its first bytes: nothing is decoded, so a hostile size costs no memory."""

import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sharpen_core.errors import MediaNotFound, MediaSizeUnsupported, MediaUnreadable
from sharpen_core.frame import Size

MAX_SIDE_PX = 16384
MAX_PIXELS = 150_000_000
MAX_PICTURE_BYTES = 2**31

_HEAD_BYTES = 32
_HEIF_BRANDS = {b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif", b"avis"}
# Start-of-frame markers of JPEG carry the size; C4, C8 and CC in their midst are other tables.
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a picture file says about itself.

    Attributes:
        kind: "PNG", "JPEG", "WebP", "BMP" or "TIFF".
        size: as stored, before any EXIF orientation.
    """

    kind: str
    size: Size


def require_file(source: Path) -> None:
    """Checks that there is something to read.

    Raises:
        MediaNotFound: there is no such file.
        MediaUnreadable: it is empty, a folder, or not readable for this user.
    """
    try:
        kind = source.stat().st_mode
        if not stat.S_ISREG(kind):  # a pipe or device would block
            raise MediaUnreadable(f"{source} is {'a folder' if stat.S_ISDIR(kind) else 'not a file'}", "give a picture or clip")
        with source.open("rb") as file:
            if not file.read(1):
                raise MediaUnreadable(f"{source} is empty")
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise MediaNotFound(f"there is no file {source}") from exc
    except OSError as exc:
        raise MediaUnreadable(f"{source} cannot be read: {exc.strerror or exc}") from exc


def require_size(size: Size, source: Path) -> None:
    """Checks that a picture or clip is not too large to be enhanced.

    Raises:
        MediaSizeUnsupported: a side is over 16384 pixels, there are over 150 megapixels, or none.
    """
    if min(size) < 1:
        raise MediaSizeUnsupported(f"{source} has no pixels ({size})")
    if max(size) > MAX_SIDE_PX:
        raise MediaSizeUnsupported(f"{source} is too large: {size}", f"shrink it to at most {MAX_SIDE_PX} pixels on a side")
    if size.height * size.width > MAX_PIXELS:
        raise MediaSizeUnsupported(f"{source} is too large: {size}", f"shrink it to at most {MAX_PIXELS // 10**6} megapixels")


def read_header(source: Path) -> PictureHeader | None:
    """Reads a picture's kind and size; None if the file is not a picture of a known kind.

    Raises:
        MediaNotFound, MediaUnreadable: the file cannot be read, its header is damaged, or it is an animation or HEIF.
    """
    require_file(source)
    try:
        with source.open("rb") as file:
            return _parse(file)
    except (struct.error, IndexError) as exc:
        raise MediaUnreadable(f"{source} is damaged: its header ends early") from exc
    except _UnsupportedError as exc:
        raise MediaUnreadable(f"{source} is {exc}", "convert it to PNG or JPEG first") from exc
    except OSError as exc:
        raise MediaUnreadable(f"{source} cannot be read: {exc.strerror or exc}") from exc


class _UnsupportedError(Exception):
    """The file is a picture of a kind that cannot be enhanced; its text says which."""


def _parse(file: BinaryIO) -> PictureHeader | None:
    head = file.read(_HEAD_BYTES)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack_from(">II", head, 16)
        return PictureHeader("PNG", Size(height, width))
    if head.startswith(b"\xff\xd8\xff"):
        return PictureHeader("JPEG", _jpeg_size(file))
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return PictureHeader("WebP", _webp_size(head))
    if head.startswith(b"BM") and struct.unpack_from("<I", head, 14)[0] in (12, 40, 52, 56, 64, 108, 124):
        return PictureHeader("BMP", _bmp_size(head))
    if head.startswith((b"II*\0", b"MM\0*")):
        return PictureHeader("TIFF", _tiff_size(file, "<" if head.startswith(b"II") else ">"))
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        raise _UnsupportedError("a HEIC or AVIF picture, which cannot be read")
    return None


def _jpeg_size(file: BinaryIO) -> Size:
    file.seek(2)
    while True:
        marker = _next_marker(file)
        if marker in _JPEG_BARE:
            continue
        if marker in (_JPEG_SCAN, _JPEG_END):
            raise IndexError
        (length,) = struct.unpack(">H", file.read(2))
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">xHH", file.read(5))
            return Size(height, width)
        file.seek(length - 2, 1)


def _next_marker(file: BinaryIO) -> int:
    """The code after the next 0xFF; padding before it, and 0xFF repeated, is allowed. IndexError at the end."""
    byte = file.read(1)[0]
    while byte != 0xFF:
        byte = file.read(1)[0]
    while byte == 0xFF:
        byte = file.read(1)[0]
    return byte


def _webp_size(head: bytes) -> Size:
    kind = head[12:16]
    if kind == b"VP8X":
        if head[20] & 0x02:
            raise _UnsupportedError("an animated WebP, which cannot be enhanced")
        return Size(height=1 + int.from_bytes(head[27:30], "little"), width=1 + int.from_bytes(head[24:27], "little"))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return Size(height=1 + (bits >> 14 & 0x3FFF), width=1 + (bits & 0x3FFF))
    width, height = struct.unpack_from("<HH", head, 26)
    return Size(height & 0x3FFF, width & 0x3FFF)


def _bmp_size(head: bytes) -> Size:
    if head[14] == 12:
        width, height = struct.unpack_from("<HH", head, 18)
        return Size(height, width)
    width, height = struct.unpack_from("<ii", head, 18)
    return Size(abs(height), abs(width))  # a negative height means: stored from the top


def _tiff_size(file: BinaryIO, order: str) -> Size:
    """Follows TIFF 6.0: the first directory's tags 256 and 257 are width and height, as SHORT (3) or LONG (4)."""
    file.seek(4)
    file.seek(struct.unpack(order + "I", file.read(4))[0])
    (count,) = struct.unpack(order + "H", file.read(2))
    sides: dict[int, int] = {}
    for _ in range(count):
        entry = file.read(12)
        tag, kind = struct.unpack_from(order + "HH", entry)
        if tag in (256, 257):
            (sides[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), entry, 8)
    if len(sides) < 2:
        raise IndexError
    return Size(height=sides[257], width=sides[256])
