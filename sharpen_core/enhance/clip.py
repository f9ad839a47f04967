"""One clip in, one sharpened clip out, with its sound and its timing."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from sharpen_core.draft import Draft
from sharpen_core.encoder import Colour, Decoder, Quality, VideoEncoder, clip_format, close_container, open_container, writing
from sharpen_core.enhance.header import require_file, require_size
from sharpen_core.enhance.sound import SoundTrack, sound_streams
from sharpen_core.errors import MediaSizeUnsupported, MediaUnreadable, OutputError
from sharpen_core.frame import Pixels, Size
from sharpen_core.letterbox import even_size, fit_even

_QUALITY = Quality(crf=16, preset="fast", threads=0)

# Containers of recorded clips. FFmpeg would also take playlists, which open other files and the network, and show text
# files as ANSI art; the second option keeps even these containers from reaching beyond the file.
_SAFE = {
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,m4v,h264,hevc,ivf,mxf,dv,nut,yuv4mpegpipe",
    "protocol_whitelist": "file",
}
_INDEXED = {"mov", "matroska", "avi"}  # their headers say how long they are
_TOLERATED_LOSS_S = 1.0

_NOT_CARRIED = {"major_brand", "minor_version", "compatible_brands", "encoder"}


@dataclass(frozen=True, slots=True)
class _Look:
    """What the first frame of a clip tells.

    Attributes:
        size: upright and even, as it will be written.
        quarter_turns: counter-clockwise, from stored to upright.
        colour: what the numbers mean.
    """

    size: Size
    quarter_turns: int
    colour: Colour


def enhance_clip(
    source: Path,
    target: Path,
    sharpen: Callable[[Pixels], Pixels],
    *,
    progress: Callable[[int, int | None], None],
    overwrite: bool = False,
) -> None:
    """Sharpens every frame of a clip into another file: H.264 at crf 16, in the container that the target's suffix says.

    Frames keep their times; sound is copied, or encoded as AAC where the container refuses its codec. Rotated clips come
    out upright, without a rotation mark. Colour matrix, primaries and transfer stay what they are; the range becomes
    limited, 4:2:0, 8 bits. Left out: subtitles, further video streams, an odd last row or column.

    Args:
        source: any clip that FFmpeg reads from one file.
        target: .mp4, .m4v, .mov or .mkv; may be the source if `overwrite`; complete or not there.
        sharpen: gets and returns (height, width, 3) uint8 RGB of the same size; its errors pass through.
        progress: called after each frame with the frames done and, where known, their total.
        overwrite: replace an existing target.

    Raises:
        MediaNotFound, MediaUnreadable: there is no such clip, or it is damaged or ends early.
        MediaSizeUnsupported: more than 16384 pixels on a side or 150 megapixels, or less than 2x2.
        OutputFormatUnsupported: the target's suffix is no clip's.
        OutputUnwritable: the target exists or its folder cannot be written to.
    """
    require_file(source)
    clip_format(target)
    with Draft(target, overwrite=overwrite) as draft:
        look = _look(source)
        with _Clip(source) as clip, _completed(open_container(draft.path, target), target) as container:
            _transcode(clip, container, target, _Pictures(clip, container, target, look, sharpen, progress))


@contextlib.contextmanager
def _completed(container: OutputContainer, target: Path) -> Generator[OutputContainer]:
    """Closes the container in any case, and says so if its end cannot be written; the first error wins."""
    try:
        yield container
        close_container(container, target)
    except BaseException:
        with contextlib.suppress(OutputError):
            close_container(container, target)
        raise


class _Clip:
    """A clip being read; translates FFmpeg's errors."""

    def __init__(self, source: Path) -> None:
        self._source = source
        with self._reading():
            self.container: InputContainer = av.open(str(source), options=_SAFE)
        try:
            self.video = self._first_video()
        except BaseException:
            self.container.close()
            raise

    def _first_video(self) -> VideoStream:
        """The first video stream that is not a cover picture."""
        for stream in self.container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                stream.thread_type = "AUTO"  # pyright: ignore[reportAttributeAccessIssue]  # its setter takes the name
                require_size(Size(stream.height, stream.width), self._source)
                return stream
        raise MediaUnreadable(f"{self._source} has no video in it")

    @contextlib.contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except (FFmpegError, OSError) as exc:
            raise MediaUnreadable(f"{self._source} is not a clip, or is damaged: {exc.strerror or exc}") from exc

    def packets(self, *streams: Any) -> "Iterator[Packet[Any]]":
        """Packets in the order of the file, then one empty packet a stream to flush its decoder."""
        packets = self.container.demux(*streams)
        while True:
            with self._reading():
                packet = next(packets, None)
            if packet is None:
                return
            yield packet

    def decode(self, packet: "Packet[Any]") -> list[Any]:
        """The frames that a packet completes."""
        with self._reading():
            return packet.decode()

    @property
    def total(self) -> int | None:
        """How many frames there are, if the file says it or its length and rate do."""
        if self.video.frames:
            return self.video.frames
        if self.container.duration and self.video.average_rate:
            return round(self.container.duration * self.video.average_rate / av.time_base)
        return None

    def require_complete(self, packets: int, end_s: float) -> None:
        """Compares what was read with what the header promised.

        Raises:
            MediaUnreadable: the end is missing.
        """
        if self.container.format.name.split(",")[0] not in _INDEXED:
            return
        promised_s = (self.container.duration or 0) / av.time_base
        if packets < self.video.frames or end_s < promised_s - _TOLERATED_LOSS_S:
            raise MediaUnreadable(f"{self._source} ends early: its last part is missing")

    def __enter__(self) -> "_Clip":
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()


def _look(source: Path) -> _Look:
    """Decodes the first frame: rotation and colour are known only then, and the streams must be laid out before any packet."""
    with _Clip(source) as clip:
        for packet in clip.packets(clip.video):
            for frame in clip.decode(packet):
                return _look_at(frame, source)
    raise MediaUnreadable(f"{source} has no frame in it")


def _look_at(frame: VideoFrame, source: Path) -> _Look:
    turns = round(frame.rotation / 90) % 4
    sides = (frame.height, frame.width) if turns % 2 == 0 else (frame.width, frame.height)
    size = even_size(Size(*sides))
    if min(size) < 2:
        raise MediaSizeUnsupported(f"{source} is too small: {Size(*sides)}", "a video has at least 2x2 pixels")
    return _Look(size, turns, Colour.of(frame))


def _transcode(clip: _Clip, container: OutputContainer, target: Path, pictures: "_Pictures") -> None:
    container.metadata.update({key: text for key, text in clip.container.metadata.items() if key not in _NOT_CARRIED})
    with writing(target):
        sounds = {stream.index: SoundTrack(stream, container, _start(clip, stream)) for stream in sound_streams(clip.container)}
    streams = [clip.video, *(sound.source for sound in sounds.values())]
    packets, end_s = 0, 0.0
    for packet in clip.packets(*streams):
        end_s = max(end_s, _end_s(packet))
        if packet.stream_index == clip.video.index:
            packets += bool(packet.size)
            for frame in clip.decode(packet):
                pictures.add(frame)
        else:
            sound = sounds[packet.stream_index]
            frames = [] if sound.copies else clip.decode(packet)
            with writing(target):
                container.mux(sound.copy(packet) if sound.copies else sound.encode(frames, last=not packet.size))
    clip.require_complete(packets, end_s - float(_start_s(clip)))
    pictures.encoder.flush()


def _start_s(clip: _Clip) -> Fraction:
    """When the clip begins: transport streams begin anywhere; the result begins at 0."""
    return Fraction(max(0, clip.container.start_time or 0), av.time_base)


def _start(clip: _Clip, stream: Any) -> int:
    """The clip's beginning on a stream's clock."""
    return round(_start_s(clip) / stream.time_base)


def _end_s(packet: "Packet[Any]") -> float:
    return 0.0 if packet.pts is None else float((packet.pts + (packet.duration or 0)) * packet.time_base)


class _Pictures:
    """The way of each decoded frame: upright, sharpened, encoded at its own time."""

    def __init__(
        self,
        clip: _Clip,
        container: OutputContainer,
        target: Path,
        look: _Look,
        sharpen: Callable[[Pixels], Pixels],
        progress: Callable[[int, int | None], None],
    ) -> None:
        self._look = look
        self._sharpen = sharpen
        self._progress = progress
        self._total = clip.total
        self._start = _start(clip, clip.video)
        self._decoder = Decoder()
        self._done = 0
        rate = clip.video.average_rate or Fraction(30)
        time_base = clip.video.time_base or 1 / rate
        self._step = max(1, round(1 / rate / time_base))
        self._last_time = -self._step
        self.encoder = VideoEncoder(container, target, look.size, fps=rate, time_base=time_base, quality=_QUALITY, colour=look.colour)
        aspect = clip.video.sample_aspect_ratio
        if aspect:
            self.encoder.stream.codec_context.sample_aspect_ratio = aspect if look.quarter_turns % 2 == 0 else 1 / aspect

    def add(self, frame: VideoFrame) -> None:
        """Takes the next frame in order of showing."""
        pixels = self._decoder.to_rgb(frame, Colour.of(frame))
        if self._look.quarter_turns:
            pixels = np.ascontiguousarray(np.rot90(pixels, self._look.quarter_turns))
        self.encoder.encode(self._sharpen(fit_even(pixels, self._look.size)), self._time(frame))
        self._done += 1
        self._progress(self._done, self._total)

    def _time(self, frame: VideoFrame) -> int:
        """The frame's time; where it has none, or it does not grow, the next that a container accepts."""
        time = self._last_time + self._step if frame.pts is None else frame.pts - self._start
        self._last_time = max(time, self._last_time + 1)
        return self._last_time
