"""One camera in PipeWire's graph: a Video/Source node whose buffers we fill."""

import ctypes
import math
import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sharpen_core.errors import OutputError, OutputFormatUnsupported
from sharpen_core.frame import Size
from sharpen_core.output.pipewire.ring import BufferRing
from sharpen_core.pipewire import library as pw
from sharpen_core.pipewire import pods
from sharpen_core.pipewire.connection import LINK, Connection

_BUFFERS, _MOST_BUFFERS = 16, 32  # half a second, so that a program that was held up finds its pictures unchanged


@dataclass(frozen=True, slots=True)
class _PixelFormat:
    """How a FourCC looks in memory: enum spa_video_format, bytes in a row of the first plane per pixel, bytes per pixel."""

    video_format_id: int
    stride_per_px: int
    bytes_per_px: Fraction


_PIXEL_FORMATS = {
    "I420": _PixelFormat(2, 1, Fraction(3, 2)),
    "YUY2": _PixelFormat(4, 2, Fraction(2)),
    "NV12": _PixelFormat(23, 1, Fraction(3, 2)),
}


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a source offers.

    Attributes:
        fourcc: "I420", "NV12" or "YUY2"; planes follow each other without gaps.
        size: both sides even.
        fps: nominal; readers see it rounded, nothing keeps to it.
    """

    fourcc: str
    size: Size
    fps: float

    def __post_init__(self) -> None:
        if self.fourcc not in _PIXEL_FORMATS:
            raise OutputFormatUnsupported(f"PipeWire cannot take {self.fourcc} from here", f"send {', '.join(_PIXEL_FORMATS)}")
        if min(self.size) < 2 or self.size.width % 2 or self.size.height % 2:
            raise OutputFormatUnsupported(f"a PipeWire camera cannot be {self.size}", "send at least 2x2 pixels, both sides even")

    @property
    def stride_bytes(self) -> int:
        """Length of a row of the first plane."""
        return self.size.width * _PIXEL_FORMATS[self.fourcc].stride_per_px

    @property
    def frame_bytes(self) -> int:
        """Length of a picture."""
        return int(self.size.width * self.size.height * _PIXEL_FORMATS[self.fourcc].bytes_per_px)

    def parameters(self) -> list[bytes]:
        """What the node tells PipeWire: the format, the buffers, and what travels with them."""
        # Chromium asks for whole rates only, and would get nothing from a camera of 29.97.
        rate = max(1, round(self.fps)) if math.isfinite(self.fps) else 30
        return [
            pods.video_format(_PIXEL_FORMATS[self.fourcc].video_format_id, self.size, rate),
            pods.buffers(_BUFFERS, _MOST_BUFFERS, self.frame_bytes, self.stride_bytes),
            pods.meta(pw.META_HEADER, ctypes.sizeof(pw.Header)),
        ]


class VideoSource:
    """A camera that any number of programs read at once, from its making until `close`.

    All readers share a ring of buffers in memory (see `ring`), and get a picture when it is complete. `publish` never waits for them.
    """

    def __init__(self, name: str, offer: VideoFormat) -> None:
        """Connects to the daemon and appears in the graph.

        Args:
            name: what people see.
            offer: of every picture.

        Raises:
            OutputDriverMissing: PipeWire is not installed or does not run.
            OutputError: it refuses the camera.
        """
        self.offer = offer
        self.published = 0
        self._pw = pw.library()
        self._connection = Connection()
        with self._connection.locked():
            self._stream: int = self._pw.pw_stream_new(self._connection.core, name.encode(), pw.properties(_properties(name)))
            self._ring = BufferRing(self._stream)
            refused = self._connect()
        if refused:
            self.close()
            raise OutputError(f"PipeWire refuses the camera {name}: error {refused}")

    def _connect(self) -> int:
        """Returns the error's number, or 0."""
        bodies = [ctypes.create_string_buffer(pod, len(pod)) for pod in self.offer.parameters()]
        pointers = (pw.POINTER * len(bodies))(*(ctypes.addressof(body) for body in bodies))
        flags = pw.FLAG_MAP_BUFFERS | pw.FLAG_DRIVER
        return self._pw.pw_stream_connect(self._stream, pw.DIRECTION_OUTPUT, pw.ANY_ID, flags, pointers, len(bodies))

    def is_lost(self) -> bool:
        """Whether the daemon has ended or thrown the camera out: it then stays so."""
        with self._connection.locked():
            return self._state() in (pw.STATE_ERROR, pw.STATE_UNCONNECTED)

    def _state(self) -> int:
        return self._pw.pw_stream_get_state(self._stream, None)

    def watchers(self) -> int:
        """How many programs' nodes are linked to the camera now."""
        with self._connection.locked():
            node = str(self._pw.pw_stream_get_node_id(self._stream))
        links = [known.properties for known in self._connection.globals().values() if known.kind == LINK]
        return len({link.get("link.input.node") for link in links if link.get("link.output.node") == node})

    def publish(self, picture: NDArray[np.uint8]) -> bool:
        """Gives a picture to all readers; returns whether it went out, which it does not while nobody reads.

        Args:
            picture: C-contiguous uint8 of `offer.frame_bytes`; copied.
        """
        with self._connection.locked():
            if self._state() != pw.STATE_STREAMING:
                return False
            buffer = self._ring.take()
            if buffer is None:
                return False
            self._fill(buffer, picture)
            self._pw.pw_stream_queue_buffer(self._stream, buffer)
            self._pw.pw_stream_trigger_process(self._stream)
        self.published += 1
        return True

    def _fill(self, buffer: "pw.BufferPointer", picture: NDArray[np.uint8]) -> None:
        shared = buffer.contents.buffer.contents
        block = shared.datas[0]
        ctypes.memmove(block.data, picture.ctypes.data, self.offer.frame_bytes)
        chunk = block.chunk.contents
        chunk.offset, chunk.size, chunk.stride, chunk.flags = 0, self.offer.frame_bytes, self.offer.stride_bytes, 0
        if header_at := pw.find_meta(shared, pw.META_HEADER, ctypes.sizeof(pw.Header)):
            header = pw.Header.from_address(header_at)
            header.flags, header.pts, header.seq = 0, time.monotonic_ns(), self.published

    def close(self) -> None:
        """Leaves the graph; readers see the camera go. Nothing may follow."""
        self._connection.stop()
        self._pw.pw_stream_destroy(self._stream)
        self._connection.close()


def _properties(name: str) -> dict[str, str]:
    """What browsers, the camera portal and session managers look at."""
    return {
        "media.class": "Video/Source",
        "media.type": "Video",
        "media.category": "Capture",
        "media.role": "Camera",  # the portal and browsers list only these
        "node.name": name.lower().replace(" ", "-"),
        "node.description": name,
        "node.nick": name,
        "node.virtual": "true",
    }
