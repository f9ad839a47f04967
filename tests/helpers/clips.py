"""Clips that the tests make themselves."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WriteClip = Callable[..., Path]

UNSPECIFIED = 2  # FFmpeg's number for "no matrix declared"
BT709 = 1


def picture(number: int, height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    """A grey slope that gets brighter from frame to frame, so that frames can be told apart."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = np.linspace(0, 100, width, dtype=np.uint8)[None, :, None] + number * 4
    return pixels


def level(pixels: NDArray[np.uint8]) -> int:
    """The number of the frame that `picture` drew."""
    return round((float(pixels.mean()) - 49.5) / 4)


def write_clip(
    path: Path,
    frames: list[NDArray[np.uint8]] | None = None,
    *,
    codec: str = "libx264",
    rate: int = 30,
    times: list[float] | None = None,
    pixel_format: str = "yuv420p",
    matrix: int = UNSPECIFIED,
    drawn_with: int | None = None,
    rotation: float = 0,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes frames (30 of `picture` unless given) into a clip whose container follows the file's suffix.

    `matrix` is what the clip declares, `drawn_with` what its colours are really made with; `times` are in seconds.
    """
    frames = [picture(number) for number in range(30)] if frames is None else frames
    coder_options = {"crf": "12", "preset": "ultrafast", "g": "10"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate, options=coder_options | (options or {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.colorspace = matrix
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number, pixels in enumerate(frames):
            made = av.VideoFrame.from_ndarray(pixels)
            frame = made.reformat(format=pixel_format, dst_colorspace=1 if (drawn_with or matrix) == BT709 else 5)
            frame.colorspace = matrix
            frame.time_base = Fraction(1, 1000)
            frame.pts = round((times[number] if times else number / rate) * 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
