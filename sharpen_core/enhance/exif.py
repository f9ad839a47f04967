"""The orientation that a camera writes into its pictures (EXIF 2.32, tag 274)."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORIENTATION = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12

# From stored to upright; see the figure at tag 274.
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: np.rot90(stored),
}


def upright(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turns a stored picture as its orientation says.

    Args:
        stored: (height, width) or (height, width, channels), any dtype.
        orientation: 1 to 8; anything else counts as 1.

    Returns:
        The same dtype, C-contiguous: `stored` itself if nothing is to be turned.
    """
    turn = _TURNS.get(orientation)
    return stored if turn is None else np.ascontiguousarray(turn(stored))


def read_orientation(exif: bytes) -> int:
    """The orientation in an EXIF block (from its "II" or "MM" on); 1 if it says none or is damaged."""
    try:
        for position, tag in _entries(exif):
            if tag == _ORIENTATION:
                return struct.unpack_from(_order(exif) + "H", exif, position + 8)[0]
    except struct.error:
        pass
    return 1


def without_orientation(exif: bytes) -> bytes:
    """The same EXIF block for an upright picture: orientation 1, and no thumbnail, which would lie on its side.

    A damaged block becomes empty.
    """
    changed = bytearray(exif)
    order = _order(exif)
    try:
        end = struct.unpack_from(order + "I", exif, 4)[0] + 2
        for position, tag in _entries(exif):
            if tag == _ORIENTATION:
                struct.pack_into(order + "HIHH", changed, position + 2, _SHORT, 1, 1, 0)
            end = position + _ENTRY_BYTES
        struct.pack_into(order + "I", changed, end, 0)  # where the second directory, the thumbnail's, would begin
    except struct.error:
        return b""
    return bytes(changed)


def _order(exif: bytes) -> str:
    return "<" if exif.startswith(b"II") else ">"


def _entries(exif: bytes) -> Iterator[tuple[int, int]]:
    """Position and tag of each entry of the first directory."""
    order = _order(exif)
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, start)
    for position in range(start + 2, start + 2 + count * _ENTRY_BYTES, _ENTRY_BYTES):
        yield position, struct.unpack_from(order + "H", exif, position)[0]
