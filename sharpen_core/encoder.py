"""RGB pictures to H.264 and back, with colours that say what they are."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
from av.codec import Codec
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from sharpen_core.draft import unwritable
from sharpen_core.errors import OutputFormatUnsupported, OutputUnwritable
from sharpen_core.frame import Pixels, Size
from sharpen_core.yuv import rgb_to_yuv420

CLIP_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""File suffix to FFmpeg's container name."""

# Without these flags swscale rounds every colour down: by 1.1 to 1.4 of 255 on a smooth picture, 0.03 with them.
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

_SD_LINES = 720
_SWS_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
_UNSPECIFIED = 2
_MPEG4_TIME_BASE = Fraction(1, 60_000)  # MPEG-4 has 16 bits for the clock


def clip_format(path: Path) -> str:
    """FFmpeg's name for the container that a file's suffix asks for.

    Raises:
        OutputFormatUnsupported: no container for video has this suffix.
    """
    try:
        return CLIP_FORMATS[path.suffix.lower()]
    except KeyError:
        raise OutputFormatUnsupported(
            f"no video is written as '{path.suffix or path.name}'", f"use one of {', '.join(CLIP_FORMATS)}"
        ) from None


@dataclass(frozen=True, slots=True)
class Colour:
    """What a video's YUV numbers mean, in the codes of ITU-T H.273.

    Attributes:
        matrix: how YUV comes from RGB: 1 is BT.709, 5 and 6 are BT.601, 9 is BT.2020.
        primaries: which red, green and blue; only passed on.
        transfer: which gamma; only passed on.
    """

    matrix: int
    primaries: int = int(ColorPrimaries.BT709)
    transfer: int = int(ColorTrc.BT709)

    @classmethod
    def of_lines(cls, lines: int) -> Self:
        """The usual meaning for a video of so many lines: BT.601 below 720, as players assume, else BT.709."""
        return cls(matrix=6 if lines < _SD_LINES else 1)

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """What a decoded frame says about itself, and where it is silent, what its lines suggest."""
        usual = cls.of_lines(frame.height)
        return cls(
            matrix=frame.colorspace if frame.colorspace in _SWS_MATRICES else usual.matrix,
            primaries=usual.primaries if frame.color_primaries in (0, _UNSPECIFIED) else frame.color_primaries,
            transfer=usual.transfer if frame.color_trc in (0, _UNSPECIFIED) else frame.color_trc,
        )

    @property
    def sws(self) -> Colorspace:
        """Swscale's name for the matrix."""
        return _SWS_MATRICES[self.matrix]


class Decoder:
    """Decoded frames to RGB pictures; keeps swscale's tables between frames. For one thread."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def to_rgb(self, frame: VideoFrame, colour: Colour) -> Pixels:
        """A decoded frame as (height, width, 3) uint8 RGB, C-contiguous, owned by the caller.

        The range is the frame's own; where it says none, it is limited.
        """
        full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
        rgb = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=colour.sws,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            interpolation=_EXACT,
            threads=1,
        )
        return rgb.to_ndarray()  # pyright: ignore[reportReturnType]  # rgb24 is uint8


@dataclass(frozen=True, slots=True)
class Quality:
    """How H.264 is encoded.

    Attributes:
        crf: x264's constant rate factor: 0 loses nothing, 18 is hard to tell from it, 23 is x264's own choice.
        preset: x264's speed.
        threads: at most so many; 0 takes every core.
    """

    crf: int
    preset: str
    threads: int


class VideoEncoder:
    """Writes pictures as one H.264 stream into a container. For one thread.

    Times must grow from picture to picture; the rate may vary.
    """

    def __init__(
        self, container: OutputContainer, path: Path, size: Size, *, fps: Fraction, time_base: Fraction, quality: Quality, colour: Colour
    ) -> None:
        """Adds the stream.

        Args:
            container: open for writing.
            path: what to call the file in errors.
            size: of every picture; both sides even.
            fps: about how many pictures a second; only rate control and players' guesses depend on it.
            time_base: seconds for one unit of `encode`'s time.
            quality: how it is encoded.
            colour: what the numbers shall mean.
        """
        self._container = container
        self._path = path
        self._colour = colour
        self._time_base = time_base
        self.stream = self._add_stream(size, fps, quality)

    def _add_stream(self, size: Size, fps: Fraction, quality: Quality) -> VideoStream:
        has_x264 = _has_encoder("libx264")
        stream: VideoStream = self._container.add_stream("libx264" if has_x264 else "mpeg4", rate=fps)  # pyright: ignore[reportAssignmentType]
        stream.height, stream.width, stream.pix_fmt = size.height, size.width, "yuv420p"
        context = stream.codec_context
        context.thread_count = quality.threads
        context.time_base = self._time_base
        context.gop_size = max(1, round(fps * 4))  # a key frame every 4 s lets players seek
        context.colorspace, context.color_range = self._colour.matrix, int(ColorRange.MPEG)
        context.color_primaries, context.color_trc = self._colour.primaries, self._colour.transfer
        if has_x264:
            context.options = {"preset": quality.preset, "crf": str(quality.crf)}
        else:
            context.time_base = _MPEG4_TIME_BASE  # PyAV converts each frame's time
            context.qmin, context.qmax = 2, 5
        return stream

    def encode(self, pixels: Pixels, time: int) -> None:
        """Encodes one picture that is shown from `time`, in units of the time base.

        Raises:
            OutputUnwritable: the file cannot take more.
        """
        frame = VideoFrame.from_ndarray(rgb_to_yuv420(pixels, self._colour.matrix), format="yuv420p")
        frame.colorspace, frame.color_range = self._colour.matrix, int(ColorRange.MPEG)
        frame.pts, frame.time_base = time, self._time_base
        with writing(self._path):
            self._container.mux(self.stream.encode(frame))

    def flush(self) -> None:
        """Writes what the encoder still holds.

        Raises:
            OutputUnwritable: the file cannot take more.
        """
        with writing(self._path):
            self._container.mux(self.stream.encode(None))


@contextlib.contextmanager
def writing(path: Path) -> Generator[None]:
    """Translates what FFmpeg raises while the video at `path` is written.

    Raises:
        OutputUnwritable: the file cannot take more.
    """
    try:
        yield
    except OSError as exc:
        raise unwritable(path, exc) from exc
    except FFmpegError as exc:
        raise OutputUnwritable(f"cannot write {path}: {exc.strerror or exc}") from exc


def open_container(path: Path, target: Path) -> OutputContainer:
    """Opens the draft at `path` for writing video in the container that `target`'s suffix asks for.

    Raises:
        OutputFormatUnsupported: no container has this suffix.
        OutputUnwritable: the draft cannot be opened.
    """
    with writing(target):
        return av.open(str(path), "w", format=clip_format(target))


def close_container(container: OutputContainer, target: Path) -> None:
    """Completes the file: writes the index and lets go.

    Raises:
        OutputUnwritable: the last of it could not be written.
    """
    with writing(target):
        container.close()


def _has_encoder(name: str) -> bool:
    try:
        Codec(name, "w")
    except ValueError:
        return False
    return True
