"""SPA "plain old data": how PipeWire's parameters are written in memory.

Every value is its size, its type, and its body padded to 8 bytes (https://docs.pipewire.org/page_spa_pod.html).
"""

import struct

_ID, _INT, _RECTANGLE, _FRACTION, _OBJECT, _CHOICE = 3, 4, 10, 11, 15, 19
_RANGE, _ENUM, _FLAGS = 1, 3, 4

_FORMAT_OBJECT, _BUFFERS_OBJECT, _META_OBJECT = 0x40003, 0x40004, 0x40005
_ENUM_FORMAT, _BUFFERS, _META = 3, 5, 6
_VIDEO, _RAW = 2, 1
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
        (2, _id(_RAW)),
        (0x20001, _id(video_format_id)),
        (0x20003, _pod(_RECTANGLE, struct.pack("<II", width, height))),
        (0x20004, _pod(_FRACTION, struct.pack("<II", fps, 1))),
        (0x2000C, _id(_LIMITED_RANGE)),
        (0x2000D, _id(_BT601)),
    )


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


def _choice(kind: int, child: int, values: bytes) -> bytes:
    return _pod(_CHOICE, struct.pack("<IIII", kind, 0, 4, child) + values)


def _object(kind: int, parameter: int, *fields: tuple[int, bytes]) -> bytes:
    written = b"".join(struct.pack("<II", key, 0) + value for key, value in fields)
    return _pod(_OBJECT, struct.pack("<II", kind, parameter) + written)
