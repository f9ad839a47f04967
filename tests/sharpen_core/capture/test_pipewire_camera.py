"""Cameras that exist in PipeWire only, against a real daemon and session manager; and what their pictures look like in memory."""

import contextlib
import struct
import threading
import time

import cv2
import numpy as np
import pytest
from pipewire_session import until

from sharpen_core.capture.devices import CameraDevice, list_cameras
from sharpen_core.capture.pipewire import listing
from sharpen_core.capture.pipewire.camera import PipeWireCamera
from sharpen_core.capture.pipewire.pixels import KINDS, Plane, name_of, to_rgb
from sharpen_core.capture.select import is_device, select_camera
from sharpen_core.errors import CameraFormatUnsupported, CameraNotFound, CameraUnplugged
from sharpen_core.frame import Size
from sharpen_core.output.pipewire.backend import PipeWireBackend
from sharpen_core.pipewire import pods
from sharpen_core.pipewire.connection import NODE, Global
from sharpen_core.pipewire.pods import AgreedFormat

SIZE = Size(96, 128)
COLOURS = ((190, 40, 30), (20, 160, 60), (30, 50, 200), (128, 128, 128))
FROM_RGB = {"I420": cv2.COLOR_RGB2YUV_I420, "YUY2": cv2.COLOR_RGB2YUV_YUY2}
NV12, I420, YUYV, UYVY, BGR, BGRX = 23, 2, 4, 5, 16, 8


def bars(size=SIZE):
    return np.repeat(np.repeat(np.array([COLOURS], np.uint8), size.width // len(COLOURS), 1), size.height, 0)


def nv12(picture):
    """I420 with its chroma interleaved."""
    height, width = picture.shape[:2]
    flat = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    luma, u, v = np.split(flat, [height * width, height * width * 5 // 4])
    return np.concatenate([luma, np.stack([u, v], 1).reshape(-1)])


def is_bars(pixels):
    at = [(2 * bar + 1) * pixels.shape[1] // (2 * len(COLOURS)) for bar in range(len(COLOURS))]
    return np.abs(pixels[pixels.shape[0] // 2, at].astype(int) - COLOURS).max() <= 8


@contextlib.contextmanager
def plugged_in(fourcc="I420", size=SIZE, name="Lid"):
    """A camera of the graph that shows bars, 30 times a second."""
    picture = nv12(bars(size)) if fourcc == "NV12" else cv2.cvtColor(bars(size), FROM_RGB[fourcc]).reshape(-1)
    code = int.from_bytes(fourcc.encode(), "little")
    backend = PipeWireBackend(width=size.width, height=size.height, fps=30.0, fourcc=code, device=name)
    over = threading.Event()

    def send():
        while not over.wait(1 / 30):
            backend.send(picture)

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield backend
    finally:
        over.set()
        sending.join()
        backend.close()


def listed(name="Lid"):
    return next((camera for camera in list_cameras() if camera.name == name), None)


def read_for_ever(camera):
    while True:
        camera.read()


@pytest.mark.parametrize("fourcc", ["I420", "NV12", "YUY2"])
@pytest.mark.parametrize("size", [SIZE, Size(720, 1280)])
def test_a_camera_of_the_graph_is_listed_and_read(pipewire, fourcc, size):
    with plugged_in(fourcc, size):
        device = until(listed, "the camera in the list")
        assert (device.path, device.stable_path, device.is_virtual) == ("pipewire:lid", "pipewire:lid", True)
        camera = select_camera("Lid")
        assert isinstance(camera, PipeWireCamera)
        assert is_device(camera)
        opened = camera.open()
        assert (opened.size, opened.fps) == (size, 30)
        for _ in range(5):
            pixels = camera.read()
            assert pixels.shape == (*size, 3)
            assert is_bars(pixels)
        camera.close()


def test_one_that_is_unplugged_is_noticed_and_found_again(pipewire):
    with plugged_in():
        until(listed, "the camera in the list")
        camera = select_camera("Lid")
        camera.open()
        camera.read()
    with pytest.raises(CameraUnplugged, match="'Lid' was unplugged"):
        read_for_ever(camera)
    with pytest.raises(CameraNotFound, match="not there any more"):
        camera.open()
    with plugged_in():
        until(listed, "the camera in the list")
        camera.open()
        assert is_bars(camera.read())
        camera.close()


def test_another_size_than_it_has_is_refused(pipewire):
    with plugged_in():
        until(listed, "the camera in the list")
        camera = select_camera("Lid", Size(480, 640))
        with pytest.raises(CameraFormatUnsupported, match="640x480"):
            camera.open()


def test_ours_is_not_offered(pipewire):
    with plugged_in(name="Sharpened Camera"), plugged_in():
        until(listed, "the camera in the list")
        assert listed("Sharpened Camera") is None


def test_without_a_daemon_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path))
    began_s = time.monotonic()
    assert listing.list_nodes() == []
    assert time.monotonic() - began_s < 5
    with pytest.raises(CameraNotFound):
        PipeWireCamera(CameraDevice("Lid", 1040, 0, "pipewire:lid")).open()


class Graph:
    """Stands in for a connection whose graph is known."""

    def __init__(self, *nodes):
        self._nodes = nodes

    def globals(self):
        return {30 + place: Global(NODE, {"media.class": "Video/Source", **node}) for place, node in enumerate(self._nodes)}


def test_a_camera_with_a_device_node_is_read_from_there(tmp_path):
    node = tmp_path / "video0"
    node.touch()
    usb = {"node.name": "v4l2_input.usb", "node.description": "USB", "object.path": f"v4l2:{node}", "object.serial": "71"}
    laptop = {"node.name": "libcamera_input.lid", "node.description": "Lid", "object.path": "libcamera:lid", "object.serial": "72"}
    assert [one.name for one in listing._nodes(Graph(usb, laptop))] == ["Lid"]
    node.unlink()  # as in a sandbox
    assert [one.name for one in listing._nodes(Graph(usb, laptop))] == ["USB", "Lid"]
    assert listing.find_node(Graph(usb, laptop), "pipewire:libcamera_input.lid") == "72"
    assert listing.find_node(Graph(usb), "pipewire:libcamera_input.lid") is None
    assert listing.is_real("pipewire:libcamera_input.lid")
    assert not listing.is_real("pipewire:obs")


# ---- pictures in memory ----------------------------------------------------------------------------------------------------


def padded(picture, stride):
    """Rows with something behind them, but for the last."""
    rows = picture.reshape(picture.shape[0], -1)
    return np.pad(rows, ((0, 0), (0, stride - rows.shape[1])), constant_values=99).reshape(-1)[: stride * (len(rows) - 1) + rows.shape[1]]


def planes_of(kind, stride_more=0):
    """Bars in this format, in one block or, of several planes, in a block for each."""
    if kind in (NV12, I420):
        flat = nv12(bars()) if kind == NV12 else cv2.cvtColor(bars(), cv2.COLOR_RGB2YUV_I420).reshape(-1)
        widths = [SIZE.width] if kind == NV12 else [SIZE.width // 2] * 2
        shapes = [(SIZE.height, SIZE.width), *((SIZE.height // 2, width) for width in widths)]
        parts = np.split(flat, np.cumsum([height * width for height, width in shapes])[:-1])
        return [
            Plane(padded(part.reshape(shape), shape[1] + stride_more), shape[1] + stride_more)
            for part, shape in zip(parts, shapes, strict=True)
        ]
    packed = {
        YUYV: lambda: cv2.cvtColor(bars(), cv2.COLOR_RGB2YUV_YUY2),
        UYVY: lambda: cv2.cvtColor(bars(), cv2.COLOR_RGB2YUV_UYVY),
        BGR: lambda: bars()[..., ::-1],
        BGRX: lambda: cv2.cvtColor(bars(), cv2.COLOR_RGB2BGRA),
    }[kind]()
    stride = packed.shape[1] * packed.shape[2] + stride_more
    return [Plane(padded(packed, stride), stride)]


@pytest.mark.parametrize("stride_more", [0, 16])
@pytest.mark.parametrize("kind", [NV12, I420, YUYV, UYVY, BGR, BGRX], ids=lambda kind: KINDS[kind].name)
def test_every_format_becomes_rgb(kind, stride_more):
    agreed = AgreedFormat(kind, SIZE, 30)
    planes = planes_of(kind, stride_more)
    pixels = to_rgb(agreed, planes)
    assert pixels.shape == (*SIZE, 3)
    assert pixels.flags.c_contiguous
    assert is_bars(pixels)
    assert to_rgb(agreed, [Plane(planes[0].data[: planes[0].data.size // 2], planes[0].stride_bytes), *planes[1:]]) is None


def test_jpeg_pictures_are_read_and_damaged_ones_are_not():
    _, data = cv2.imencode(".jpg", cv2.cvtColor(bars(), cv2.COLOR_RGB2BGR))
    agreed = AgreedFormat(None, SIZE, 30)
    assert is_bars(to_rgb(agreed, [Plane(data, 0)]))
    assert to_rgb(agreed, [Plane(data[:20], 0)]) is None
    assert name_of(agreed) == "MJPG"
    assert name_of(AgreedFormat(YUYV, SIZE, 30)) == "YUYV"


def test_what_was_agreed_is_read_from_memory():
    assert pods.read_format(pods.video_format(NV12, (720, 1280), 30)) == AgreedFormat(NV12, (720, 1280), 30)
    raw, jpeg = pods.wanted_formats([NV12, YUYV], (720, 1280), 25, exactly=False)
    assert pods.read_format(raw) == AgreedFormat(NV12, (720, 1280), 25)
    assert pods.read_format(jpeg) == AgreedFormat(None, (720, 1280), 25)
    subtype = (2, 0, 4, 3)  # its key, no flags, four bytes, an identifier
    h264 = raw.replace(struct.pack("<5I", *subtype, 1), struct.pack("<5I", *subtype, 0x20001))
    assert h264 != raw
    assert pods.read_format(h264) is None
