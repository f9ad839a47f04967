"""From what PipeWire's cameras deliver to RGB."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels
from sharpen_core.pipewire.pods import AgreedFormat


@dataclass(frozen=True, slots=True)
class Plane:
    """A block of a picture: its bytes, and how many of them a row takes, 0 if the camera does not say."""

    data: NDArray[np.uint8]
    stride_bytes: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a format looks in memory: its name, bytes per pixel (0: planes, of which the first has one), OpenCV's conversion to RGB."""

    name: str
    bytes_per_px: int
    to_rgb: int | None


# enum spa_video_format, best first: what costs the least to carry.
KINDS = {
    23: _Kind("NV12", 0, cv2.COLOR_YUV2RGB_NV12),
    2: _Kind("I420", 0, cv2.COLOR_YUV2RGB_I420),
    4: _Kind("YUYV", 2, cv2.COLOR_YUV2RGB_YUY2),
    5: _Kind("UYVY", 2, cv2.COLOR_YUV2RGB_UYVY),
    15: _Kind("RGB", 3, None),
    16: _Kind("BGR", 3, cv2.COLOR_BGR2RGB),
    7: _Kind("RGBx", 4, cv2.COLOR_RGBA2RGB),
    8: _Kind("BGRx", 4, cv2.COLOR_BGRA2RGB),
    11: _Kind("RGBA", 4, cv2.COLOR_RGBA2RGB),
    12: _Kind("BGRA", 4, cv2.COLOR_BGRA2RGB),
}


def name_of(agreed: AgreedFormat) -> str:
    """What people call the format."""
    return "MJPG" if agreed.video_format_id is None else KINDS[agreed.video_format_id].name


def to_rgb(agreed: AgreedFormat, planes: list[Plane]) -> Pixels | None:
    """Converts a picture; None if it is damaged.

    Args:
        agreed: its format.
        planes: one block with everything, or one for each plane.

    Returns:
        (height, width, 3) uint8 RGB, C-contiguous, new.
    """
    try:
        if agreed.video_format_id is None:
            return cv2.imdecode(planes[0].data, cv2.IMREAD_COLOR_RGB)  # pyright: ignore[reportReturnType]
        kind = KINDS[agreed.video_format_id]
        packed = _rows(planes[0], agreed.size, kind.bytes_per_px) if kind.bytes_per_px else _planes(planes, agreed.size, kind.name)
    except (ValueError, IndexError, cv2.error):  # shorter than it should be, or no JPEG
        return None
    return packed.copy() if kind.to_rgb is None else cv2.cvtColor(packed, kind.to_rgb)  # pyright: ignore[reportReturnType]


def _rows(plane: Plane, size: tuple[int, int], bytes_per_px: int) -> NDArray[np.uint8]:
    """(height, width, bytes_per_px) without what pads the rows.

    Raises:
        ValueError: there are too few bytes.
    """
    height, width = size
    stride = plane.stride_bytes or width * bytes_per_px
    # The last row may end without its padding.
    missing = height * stride - plane.data.size
    data = np.pad(plane.data, (0, missing)) if 0 < missing <= stride - width * bytes_per_px else plane.data
    return data[: height * stride].reshape(height, stride)[:, : width * bytes_per_px].reshape(height, width, bytes_per_px)


def _planes(planes: list[Plane], size: tuple[int, int], name: str) -> NDArray[np.uint8]:
    """(height * 3 / 2, width): luma, then what OpenCV expects of chroma in this format.

    Raises:
        ValueError: there are too few bytes.
    """
    height, width = size
    sizes = [(height // 2, width // 2)] * 2 if name == "I420" else [(height // 2, width)]
    share = 2 if name == "I420" else 1  # of the luma's row that a chroma row takes
    if len(planes) == 1:
        stride = planes[0].stride_bytes or width
        planes = list(_split(planes[0].data, [height * stride, *(rows * stride // share for rows, _ in sizes)], stride, share))
    luma = _rows(planes[0], size, 1).reshape(-1)
    chroma = [_rows(plane, part, 1).reshape(-1) for plane, part in zip(planes[1:], sizes, strict=True)]
    return np.concatenate([luma, *chroma]).reshape(height * 3 // 2, width)


def _split(data: NDArray[np.uint8], lengths: list[int], stride: int, share: int) -> list[Plane]:
    ends = np.cumsum(lengths)
    starts = [0, *ends[:-1]]
    strides = [stride, *[stride // share] * (len(lengths) - 1)]
    return [Plane(data[start:end], row) for start, end, row in zip(starts, ends, strides, strict=True)]
