"""Pictures and clips that tests write and read for themselves."""

import contextlib
import os
import shutil
import struct
import subprocess
import zlib
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

TAGS = {709: 1, 601: 6, 2020: 9}


def smooth(height, width, seed=0):
    """A picture without fine colour detail, which 4:2:0 could not keep."""
    coarse = np.random.default_rng(seed).integers(20, 236, (4, 6, 3), np.uint8)
    return np.ascontiguousarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def numbered(count, height=96, width=128):
    """Pictures that can be told apart by their brightness."""
    return [cv2.convertScaleAbs(smooth(height, width), alpha=0.6 + 0.3 * number / count) for number in range(count)]


def write_clip(
    path, pictures, *, times=None, time_base=Fraction(1, 30), sound=None, rotation=0, matrix=601, full=False, first=0, fmt=None, tagged=True
):
    """Writes a clip: H.264 of high quality, times in units of `time_base`, `sound` a codec's name for a 440 Hz tone."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", format=fmt) as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        if rotation:
            video.set_display_rotation(rotation)
        context = video.codec_context
        context.options = {"crf": "4", "preset": "ultrafast"}
        context.time_base = time_base
        if tagged:
            context.colorspace, context.color_range = TAGS[matrix], 2 if full else 1
            context.color_primaries, context.color_trc = 1, 1
        audio = container.add_stream(sound, rate=44100, layout="mono") if sound else None
        if audio:
            container.mux(audio.encode(tone(len(pictures) / 30, 44100, float(first * time_base))))
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(yuv420(picture, matrix, full=full), format="yuv420p")
            frame.color_range = 2 if full else 1
            frame.pts, frame.time_base = first + (times[number] if times else number), time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio:
            container.mux(audio.encode(None))


def yuv420(picture, matrix, *, full):
    """Planar 4:2:0 by the standards' formulas, colours at the left as H.264 has them; slow and plain."""
    red, blue = {601: (0.299, 0.114), 709: (0.2126, 0.0722), 2020: (0.2627, 0.0593)}[matrix]
    r, g, b = np.moveaxis(picture / 255, 2, 0)
    luma = red * r + (1 - red - blue) * g + blue * b
    offset, luma_scale, colour_scale = (0, 255, 255) if full else (16, 219, 224)
    planes = [offset + luma_scale * luma]
    for colour, share in ((b, blue), (r, red)):
        rows = ((colour - luma) / (1 - share) / 2).reshape(len(luma) // 2, 2, -1).mean(1)
        padded = np.pad(rows, ((0, 0), (1, 0)), mode="edge")
        planes.append(128 + colour_scale * (padded[:, 0:-1:2] + 2 * rows[:, ::2] + rows[:, 1::2]) / 4)
    flat = np.concatenate([plane.reshape(-1) for plane in planes]).round().clip(0, 255).astype(np.uint8)
    return flat.reshape(-1, picture.shape[1])


def tone(seconds, rate, start_s=0.0):
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, round(start_s * rate), Fraction(1, rate)
    return frame


def read_clip(path):
    """(RGB pictures, seconds, the first decoded frame). The matrix is the tagged one."""
    pictures, seconds, first = [], [], None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            first = first or frame
            rgb = frame.reformat(
                format="rgb24",
                src_colorspace={1: 1, 5: 5, 6: 5, 9: 9}[frame.colorspace],
                src_color_range=frame.color_range,
                interpolation=4 | 0x40000 | 0x2000,
            )
            pictures.append(rgb.to_ndarray())
            seconds.append(float(frame.time))
    return pictures, seconds, first


def sound_packets(path):
    """(codec name, the sound's packets as bytes)."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return stream.codec_context.name, [bytes(packet) for packet in container.demux(stream) if packet.size]


def difference(first, second):
    """Mean absolute difference of two pictures, and the largest bias of a channel."""
    change = first.astype(int) - second
    return np.abs(change).mean(), np.abs(change.mean((0, 1))).max()


def png(width, height, data=b""):
    """A PNG file of a size that its data need not have."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data or zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@contextlib.contextmanager
def tiny_disk(folder, size_kb):
    """Mounts a file system of a few KB on `folder`; skips the test where that is not allowed."""
    folder.mkdir()
    mount = shutil.which("mount")
    if not mount or os.name != "posix" or os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    if subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
