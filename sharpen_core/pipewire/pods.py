"""SPA "plain old data": how PipeWire's parameters are written in memory.

Every value is its size, its type, and its body padded to 8 bytes (https://docs.pipewire.org/page_spa_pod.html).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ID, _INT, _RECTANGLE, _FRACTION, _OBJECT, _CHOICE = 3, 4, 10, 11, 15, 19
_CHOICE_HEAD_BYTES = 16
_RANGE, _ENUM, _FLAGS = 1, 3, 4

_FORMAT_OBJECT, _BUFFERS_OBJECT, _META_OBJECT = 0x40003, 0x40004, 0x40005
_ENUM_FORMAT, _BUFFERS, _META = 3, 5, 6
_MEDIA_SUBTYPE, _VIDEO_FORMAT, _SIZE, _RATE = 2, 0x20001, 0x20003, 0x20004
_VIDEO, _RAW, _MJPG = 2, 1, 0x20002
_MEMFD = 1 << 2
_BT601, _LIMITED_RANGE = 4, 2


def video_format(video_format_id: int, size: tuple[int, int], fps: int) -> bytes:
    """EnumFormat: raw video of exactly one kind, BT.601 in limited range.

    Args:
        video_format_id: enum spa_video_format.
        size: (height, width).
        fps: frames per second.
    """
    height, width = size
    return _object(
        _FORMAT_OBJECT,
        _ENUM_FORMAT,
        (1, _id(_VIDEO)),
        (_MEDIA_SUBTYPE, _id(_RAW)),
        (_VIDEO_FORMAT, _id(video_format_id)),
        (_SIZE, _pod(_RECTANGLE, struct.pack("<II", width, height))),
        (_RATE, _pod(_FRACTION, struct.pack("<II", fps, 1))),
        (0x2000C, _id(_LIMITED_RANGE)),
        (0x2000D, _id(_BT601)),
    )


def wanted_formats(video_format_ids: Sequence[int], size: tuple[int, int], fps: int, *, exactly: bool) -> list[bytes]:
    """EnumFormat, twice, best first: raw video of one of these kinds, and JPEG pictures, for a reader.

    Args:
        video_format_ids: enum spa_video_format, best first.
        size: (height, width) that is wanted.
        fps: frames per second that are wanted; others are taken too.
        exactly: take no other size.
    """
    height, width = size
    wanted = struct.pack("<II", width, height)
    smallest, largest = struct.pack("<II", 2, 2), struct.pack("<II", 8192, 8192)
    rates = struct.pack("<6I", fps, 1, 0, 1, 1000, 1)
    shape = (
        (_SIZE, _pod(_RECTANGLE, wanted) if exactly else _choice(_RANGE, _RECTANGLE, wanted + smallest + largest, 8)),
        (_RATE, _choice(_RANGE, _FRACTION, rates, 8)),
    )
    kinds = struct.pack(f"<{len(video_format_ids) + 1}I", video_format_ids[0], *video_format_ids)  # the first stands for no choice made
    raw = ((_MEDIA_SUBTYPE, _id(_RAW)), (_VIDEO_FORMAT, _choice(_ENUM, _ID, kinds)))
    jpeg = ((_MEDIA_SUBTYPE, _id(_MJPG)),)
    return [_object(_FORMAT_OBJECT, _ENUM_FORMAT, (1, _id(_VIDEO)), *kind, *shape) for kind in (raw, jpeg)]


@dataclass(frozen=True, slots=True)
class AgreedFormat:
    """What a reader gets.

    Attributes:
        video_format_id: enum spa_video_format; None for JPEG pictures.
        size: (height, width).
        fps: nominal; 0 where the rate varies.
    """

    video_format_id: int | None
    size: tuple[int, int]
    fps: float


def read_format(pod: bytes) -> AgreedFormat | None:
    """Reads a Format that both sides have agreed on; None if it is no video in a kind of `wanted_formats`."""
    fields = dict(_fields(pod))
    if _SIZE not in fields or (subtype := struct.unpack("<I", fields[_MEDIA_SUBTYPE][:4])[0]) not in (_RAW, _MJPG):
        return None
    width, height = struct.unpack("<II", fields[_SIZE][:8])
    frames, seconds = struct.unpack("<II", fields[_RATE][:8]) if _RATE in fields else (0, 1)
    kind = struct.unpack("<I", fields[_VIDEO_FORMAT][:4])[0] if subtype == _RAW else None
    return AgreedFormat(kind, (height, width), frames / max(1, seconds))


def _fields(pod: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of an object, by key; of a choice its first value, which is the one that holds."""
    at = 16  # size and type of the object, its own type and which parameter it is
    while at + 16 <= len(pod):
        key, _, size, kind = struct.unpack_from("<4I", pod, at)
        body = pod[at + 16 : at + 16 + size]
        yield key, body[_CHOICE_HEAD_BYTES:] if kind == _CHOICE else body
        at += 16 + size + -size % 8


def buffers(count: int, most: int, size_bytes: int, stride_bytes: int) -> bytes:
    """Buffers: `count` of one block each unless a reader wants more, at most `most`, in memory that readers map."""
    return _object(
        _BUFFERS_OBJECT,
        _BUFFERS,
        (1, _choice(_RANGE, _INT, struct.pack("<iii", count, 2, most))),
        (2, _int(1)),
        (3, _int(size_bytes)),
        (4, _int(stride_bytes)),
        (6, _choice(_FLAGS, _INT, struct.pack("<i", _MEMFD))),
    )


def meta(kind: int, size_bytes: int) -> bytes:
    """Meta: something that travels with every buffer."""
    return _object(_META_OBJECT, _META, (1, _id(kind)), (2, _int(size_bytes)))


def _pod(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", len(body), kind) + body + bytes(-len(body) % 8)


def _id(value: int) -> bytes:
    return _pod(_ID, struct.pack("<I", value))


def _int(value: int) -> bytes:
    return _pod(_INT, struct.pack("<i", value))


def _choice(kind: int, child: int, values: bytes, child_bytes: int = 4) -> bytes:
    return _pod(_CHOICE, struct.pack("<IIII", kind, 0, child_bytes, child) + values)


def _object(kind: int, parameter: int, *fields: tuple[int, bytes]) -> bytes:
    written = b"".join(struct.pack("<II", key, 0) + value for key, value in fields)
    return _pod(_OBJECT, struct.pack("<II", kind, parameter) + written)
