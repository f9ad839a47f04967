"""A program that reads a PipeWire camera: `python pipewire_reader.py CAMERA FOURCC WIDTHxHEIGHT COUNT [--pause-ms N] [--keep FILE]`.

Every frame is expected to consist of one byte only, its number modulo 256. The last line printed is a JSON object with the `numbers`
in the order they came, and how many were `torn` (of more than one byte). With --keep the last picture, whatever it is, goes to FILE.
"""

import argparse
import ctypes
import json
import sys
import threading
import time

import numpy as np

from sharpen_core.frame import Size
from sharpen_core.output.pipewire.source import VideoFormat
from sharpen_core.pipewire import library as pw
from sharpen_core.pipewire import pods
from sharpen_core.pipewire.connection import Connection

FORMAT_IDS = {"I420": 2, "YUY2": 4, "NV12": 23}


class Reader:
    """An input stream that takes `count` frames; one buffer at a time, in order, however late it is."""

    def __init__(self, camera, offer, count, pause_s):
        self.frames, self.torn, self.last, self.at_s = [], 0, None, []
        self.done = threading.Event()
        self._offer, self._count, self._pause_s = offer, count, pause_s
        self._pw = pw.library()
        self._connection = Connection()
        self._hook, self._process = pw.Hook(), pw.ON_PROCESS(self._take)
        self._events = pw.StreamEvents(version=2, process=self._process)
        wanted = {"media.type": "Video", "media.category": "Capture", "media.role": "Camera", "target.object": camera}
        pod = pods.video_format(FORMAT_IDS[offer.fourcc], offer.size, round(offer.fps))
        body = ctypes.create_string_buffer(pod, len(pod))
        flags = pw.FLAG_AUTOCONNECT | pw.FLAG_MAP_BUFFERS | pw.FLAG_DONT_RECONNECT
        with self._connection.locked():
            self._stream = self._pw.pw_stream_new(self._connection.core, b"reader", pw.properties(wanted))
            self._pw.pw_stream_add_listener(self._stream, self._hook, self._events, None)
            pointers = (pw.POINTER * 1)(ctypes.addressof(body))
            assert self._pw.pw_stream_connect(self._stream, pw.DIRECTION_INPUT, pw.ANY_ID, flags, pointers, 1) == 0

    def _take(self, _):
        while buffer := self._pw.pw_stream_dequeue_buffer(self._stream):
            block = buffer.contents.buffer.contents.datas[0]
            chunk = block.chunk.contents
            if chunk.size == self._offer.frame_bytes and not self.done.is_set():
                picture = np.ctypeslib.as_array((ctypes.c_uint8 * chunk.size).from_address(block.data + chunk.offset))
                first = int(picture[0])
                time.sleep(self._pause_s)  # holds the buffer meanwhile, as a slow program does
                self.torn += bool((picture != first).any())
                self.frames.append(first)
                self.at_s.append(time.monotonic())
                if len(self.frames) == self._count:
                    self.last = picture.copy()
                    self.done.set()
            self._pw.pw_stream_queue_buffer(self._stream, buffer)

    def close(self):
        self._connection.stop()
        self._pw.pw_stream_destroy(self._stream)
        self._connection.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("camera")
    parser.add_argument("fourcc")
    parser.add_argument("size", type=Size.parse)
    parser.add_argument("count", type=int)
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--pause-ms", type=float, default=0)
    parser.add_argument("--timeout-s", type=float, default=30)
    parser.add_argument("--keep")
    asked = parser.parse_args()
    reader = Reader(asked.camera, VideoFormat(asked.fourcc, asked.size, asked.fps), asked.count, asked.pause_ms / 1000)
    print("ready", flush=True)
    complete = reader.done.wait(asked.timeout_s)
    reader.close()
    if asked.keep and reader.last is not None:
        np.save(asked.keep, reader.last)
    seconds = reader.at_s[-1] - reader.at_s[0] if reader.at_s else 0
    print(json.dumps({"numbers": reader.frames, "torn": reader.torn, "complete": complete, "seconds": seconds}), flush=True)
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
