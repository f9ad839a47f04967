"""One camera of PipeWire's graph, as a reader sees it: its format, and its newest picture."""

import ctypes
import threading

import numpy as np

from sharpen_core.capture.pipewire.pixels import KINDS, Plane
from sharpen_core.frame import Size
from sharpen_core.pipewire import library as pw
from sharpen_core.pipewire import pods
from sharpen_core.pipewire.connection import Connection

_FORMAT = 4
_CORRUPTED = 1


class VideoSink:
    """Reads a node, from its making until `close`. The newest picture replaces one that nobody has taken.

    Attributes:
        agreed: what the pictures are; None until both sides have agreed.
    """

    def __init__(self, connection: Connection, target: str, size: Size, fps: int, *, exactly: bool) -> None:
        """Asks for the pictures.

        Args:
            connection: to the daemon; closed by `close`.
            target: the node's name or serial number.
            size: that is wanted.
            fps: that is wanted.
            exactly: take no other size.
        """
        self.agreed: pods.AgreedFormat | None = None
        self._connection, self._pw = connection, pw.library()
        self._newest: list[Plane] | None = None
        self._changed = threading.Condition()
        self._hook = pw.Hook()
        self._events = pw.StreamEvents(version=2, parameter=pw.ON_PARAMETER(self._on_parameter), process=pw.ON_PROCESS(self._on_process))
        wanted = {"media.type": "Video", "media.category": "Capture", "media.role": "Camera", "target.object": target}
        bodies = [ctypes.create_string_buffer(pod, len(pod)) for pod in pods.wanted_formats([*KINDS], size, fps, exactly=exactly)]
        pointers = (pw.POINTER * len(bodies))(*(ctypes.addressof(body) for body in bodies))
        flags = pw.FLAG_AUTOCONNECT | pw.FLAG_MAP_BUFFERS | pw.FLAG_DONT_RECONNECT
        with connection.locked():
            self._stream: int = self._pw.pw_stream_new(connection.core, b"sharpened-camera", pw.properties(wanted))
            self._pw.pw_stream_add_listener(self._stream, self._hook, self._events, None)
            self._pw.pw_stream_connect(self._stream, pw.DIRECTION_INPUT, pw.ANY_ID, flags, pointers, len(bodies))

    @property
    def is_lost(self) -> bool:
        """Whether the camera, or the daemon, has gone, or no format suits both sides. It then stays so."""
        with self._connection.locked():
            return self._pw.pw_stream_get_state(self._stream, None) in (pw.STATE_ERROR, pw.STATE_UNCONNECTED)

    def take(self, timeout_s: float) -> tuple[pods.AgreedFormat, list[Plane]] | None:
        """Waits for a picture that was not taken yet; None if there is none in time. The bytes belong to the caller."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, timeout_s)
            planes, self._newest = self._newest, None
            return None if planes is None or self.agreed is None else (self.agreed, planes)

    def close(self) -> None:
        """Lets go of the camera. Nothing may follow."""
        self._connection.stop()
        self._pw.pw_stream_destroy(self._stream)
        self._connection.close()

    # ---- called by libpipewire, on its thread ----------------------------------------------------------------------

    def _on_parameter(self, _: int, number: int, pod: int | None) -> None:
        if number == _FORMAT and pod:
            length = ctypes.c_uint32.from_address(pod).value
            with self._changed:
                self._newest, self.agreed = None, pods.read_format(ctypes.string_at(pod, 8 + length))

    def _on_process(self, _: int) -> None:
        newest = None
        while buffer := self._pw.pw_stream_dequeue_buffer(self._stream):
            if newest:
                self._pw.pw_stream_queue_buffer(self._stream, newest)
            newest = buffer
        if newest:
            planes = _copy(newest.contents.buffer.contents)
            self._pw.pw_stream_queue_buffer(self._stream, newest)
            if planes:
                with self._changed:
                    self._newest = planes
                    self._changed.notify()


def _copy(shared: pw.SpaBuffer) -> list[Plane]:
    """A picture out of the memory that is shared with the camera; empty if there is none in it."""
    planes: list[Plane] = []
    for block in shared.datas[: shared.n_datas]:
        chunk = block.chunk.contents
        if not block.data or not chunk.size or chunk.flags & _CORRUPTED:
            return []
        start = chunk.offset % max(1, block.maxsize)
        length = min(chunk.size, block.maxsize - start)
        memory = (ctypes.c_uint8 * length).from_address(block.data + start)
        planes.append(Plane(np.ctypeslib.as_array(memory).copy(), max(0, chunk.stride)))
    return planes
