import errno
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from captures import FakeCapture

from sharpen_core.capture import opencv
from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import CameraDevice
from sharpen_core.capture.opencv import OpenCVCamera
from sharpen_core.errors import CameraBusy, CameraDisconnected, CameraError, CameraFormatUnsupported, CameraNotFound, CameraUnplugged
from sharpen_core.frame import Size

USB = CameraDevice("Cam", 3, cv2.CAP_DSHOW, "usb-1")
NODE = CameraDevice("Cam", 0, cv2.CAP_V4L2, "/dev/video97")


@pytest.fixture
def make(time) -> Callable[..., OpenCVCamera]:
    def build(capture: FakeCapture, size: Size | None = None, device: CameraDevice = USB) -> OpenCVCamera:
        return OpenCVCamera(device, size, 30.0, clock=time.clock, sleep=time.sleep, capture=capture)

    return build


def picture(height: int = 720, width: int = 1280) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_delivers_rgb(make) -> None:
    camera = make(FakeCapture())
    assert camera.open() == CameraFormat(Size(720, 1280), 24.0, "MJPG")
    assert tuple(camera.read()[0, 0]) == (30, 20, 10)
    assert camera.name == "Cam"


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1)])
def test_grey_cameras_become_rgb(make, shape: tuple[int, ...]) -> None:
    camera = make(FakeCapture(np.full(shape, 77, np.uint8)))
    assert camera.open().size == Size(48, 64)
    assert camera.read().shape == (48, 64, 3)
    assert camera.read().min() == 77


def test_asks_for_mjpg_first_then_size_rate_and_one_buffer(make) -> None:
    capture = FakeCapture(picture(480, 640))
    make(capture, Size(480, 640)).open()
    assert capture.made_with == (3, cv2.CAP_DSHOW)
    assert capture.asked == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 640),
        (cv2.CAP_PROP_FRAME_HEIGHT, 480),
        (cv2.CAP_PROP_FPS, 30.0),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]


def test_asks_for_yuyv_where_only_that_has_the_size(make, monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [CameraFormat(Size(720, 1280), 30.0, "MJPG"), CameraFormat(Size(480, 640), 30.0, "YUYV")]
    monkeypatch.setattr(opencv, "formats_of", lambda device: offers)
    capture = FakeCapture(picture(480, 640))
    make(capture, Size(480, 640)).open()
    assert capture.asked[0] == (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"YUYV"))


def test_without_a_wanted_size_takes_what_comes(make) -> None:
    capture = FakeCapture(picture(480, 640))
    assert make(capture).open().size == Size(480, 640)
    assert (cv2.CAP_PROP_FRAME_WIDTH, 1280) in capture.asked


def test_another_size_lists_what_the_camera_offers(make, monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [
        CameraFormat(Size(720, 1280), 30.0, "MJPG"),
        CameraFormat(Size(720, 1280), 5.0, "YUYV"),
        CameraFormat(Size(480, 640), 30.0, "MJPG"),
    ]
    monkeypatch.setattr(opencv, "formats_of", lambda device: offers)
    capture = FakeCapture(picture())
    with pytest.raises(CameraFormatUnsupported, match=r"delivers 1280x720, not 1920x1080.* It offers 1280x720, 640x480"):
        make(capture, Size(1080, 1920)).open()
    assert capture.releases == 1


def test_another_size_without_a_list_names_the_one_that_works(make) -> None:
    with pytest.raises(CameraFormatUnsupported, match="--size 1280x720"):
        make(FakeCapture(picture()), Size(1080, 1920)).open()


def test_passes_over_single_failures(make) -> None:
    camera = make(FakeCapture(None, cv2.error("damaged"), picture(), None, np.empty((0, 0, 3), np.uint8), picture(), picture()))
    camera.open()
    assert camera.read().shape == (720, 1280, 3)


def test_no_frames_for_two_seconds_is_a_disconnection(make, time) -> None:
    camera = make(FakeCapture(picture(), picture(), None))
    camera.open()
    camera.read()
    before_s = time.now_s
    with pytest.raises(CameraDisconnected, match="delivers no frames"):
        camera.read()
    assert 2.0 <= time.now_s - before_s < 2.1


def test_an_unplugged_camera_is_noticed_at_once(make, time, monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = [True]
    monkeypatch.setattr(opencv, "_is_gone", lambda device: not plugged[0])
    camera = make(FakeCapture(picture(), None))
    camera.open()
    plugged[0] = False
    with pytest.raises(CameraUnplugged, match="unplugged"):
        camera.read()
    assert time.slept_s == []


def test_frames_that_change_their_size_are_refused(make) -> None:
    camera = make(FakeCapture(picture(), picture(480, 640)))
    camera.open()
    with pytest.raises(CameraDisconnected, match="changed from 1280x720 to 640x480"):
        camera.read()


@pytest.mark.parametrize("listed", [True, False])
def test_off_linux_a_listed_camera_is_busy_and_another_missing(make, monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    monkeypatch.setattr(opencv, "list_cameras", lambda: [USB] if listed else [])
    with pytest.raises(CameraBusy if listed else CameraNotFound):
        make(FakeCapture(opens=False)).open()


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (errno.EACCES, CameraError, "'video' group"),
        (errno.EBUSY, CameraBusy, "used by zoom"),
        (errno.ENOENT, CameraNotFound, "not there any more"),
        (errno.ENODEV, CameraNotFound, "not there any more"),
    ],
)
def test_says_why_a_node_cannot_be_opened(make, monkeypatch: pytest.MonkeyPatch, code: int, error: type[CameraError], message: str) -> None:
    def refuse(path: str, flags: int) -> int:
        raise OSError(code, "refused")

    monkeypatch.setattr(opencv.os, "open", refuse)
    monkeypatch.setattr(opencv, "holders_of", lambda device: ["zoom"])
    monkeypatch.setattr(opencv, "list_cameras", list)
    with pytest.raises(error, match=message) as caught:
        make(FakeCapture(opens=False), device=NODE).open()
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("holders", "streaming", "error", "message"),
    [
        (["obs", "zoom"], False, CameraBusy, "used by obs, zoom"),
        ([], True, CameraBusy, "used by another program"),
        ([], False, CameraError, "delivers no frames"),
    ],
)
def test_says_why_an_open_camera_delivers_nothing(
    make, monkeypatch: pytest.MonkeyPatch, holders: list[str], streaming: bool, error: type[CameraError], message: str
) -> None:
    # Linux lets two programs open a camera; only the second one's stream fails.
    monkeypatch.setattr(opencv.os, "open", lambda path, flags: 99)
    monkeypatch.setattr(opencv.os, "close", lambda descriptor: None)
    monkeypatch.setattr(opencv, "_is_gone", lambda device: False)
    monkeypatch.setattr(opencv, "holders_of", lambda device: holders)
    monkeypatch.setattr(opencv, "_is_streaming", lambda device: streaming)
    capture = FakeCapture(None)
    with pytest.raises(error, match=message) as caught:
        make(capture, device=NODE).open()
    assert type(caught.value) is error
    assert capture.releases == 1


def test_a_missing_camera_leaves_no_trace_on_standard_error(capfd) -> None:
    with pytest.raises(CameraError):
        OpenCVCamera(CameraDevice("Gone", 97, cv2.CAP_V4L2, "/dev/video97")).open()
    assert capfd.readouterr().err == ""
