"""The sound of a clip, on its way into another file."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import InputContainer, OutputContainer
from av.packet import Packet

_AAC_RATES = Codec("aac", "w").audio_rates or [48_000, 44_100]
_USUAL_RATE = 48_000
_AAC_LAYOUTS = {1: "mono", 6: "5.1"}


def sound_streams(container: InputContainer) -> list[AudioStream]:
    """The audio streams whose codec FFmpeg knows."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]  # pyright: ignore[reportUnnecessaryComparison]


class SoundTrack:
    """One audio stream: copied as it is where the container takes its codec, else encoded as AAC.

    Attributes:
        source: the stream that is read.
        copies: whether its packets are passed on unchanged.
    """

    def __init__(self, source: AudioStream, container: OutputContainer, start: int) -> None:
        """Adds a stream to `container`; `start` is the clip's beginning on the source's clock."""
        self.source = source
        self.copies = source.codec_context.codec.canonical_name in container.supported_codecs
        self._start = start
        self._start_s = start * (source.time_base or Fraction(1))
        self._target: AudioStream
        if self.copies:
            self._target = container.add_stream_from_template(source)
        else:
            rate = source.rate if source.rate in _AAC_RATES else _USUAL_RATE
            self._target = container.add_stream("aac", rate=rate, layout=_AAC_LAYOUTS.get(source.channels, "stereo"))  # pyright: ignore[reportAttributeAccessIssue]
        if source.language:
            self._target.metadata["language"] = source.language

    def copy(self, packet: "Packet[Any]") -> "list[Packet[Any]]":
        """The packet for the other file; none for the empty one at the end."""
        if packet.dts is None:
            return []
        packet.dts -= self._start
        packet.pts = packet.dts if packet.pts is None else packet.pts - self._start
        packet.stream = self._target
        return [packet]

    def encode(self, frames: Iterable[AudioFrame], *, last: bool) -> "list[Packet[Any]]":
        """The packets that decoded frames fill; with `last`, also what the encoder still holds."""
        packets: list[Packet[Any]] = []
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts -= round(self._start_s / frame.time_base)
            packets += self._target.encode(frame)
        return packets + (self._target.encode(None) if last else [])
