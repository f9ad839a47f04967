import sys
from pathlib import Path
from types import SimpleNamespace

import cv2_enumerate_cameras
import pytest

from sharpen_core.capture import devices
from sharpen_core.capture.devices import CameraDevice, describe_cameras, find_camera, formats_of, holders_of, list_cameras
from sharpen_core.errors import CameraNotFound


def answer(index: int, name: str, path: str, vid: int | None = None, pid: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(index=index, name=name, path=path, vid=vid, pid=pid, backend=200)


RECORDED = [
    answer(42, "Sharpened Camera", "/dev/video42"),
    answer(9, "OBS Virtual Camera", "/dev/video9"),
    answer(2, "Logitech BRIO", "/dev/video2", 0x046D, 0x085E),
    answer(0, "Integrated Webcam: HD/IR", "/dev/video0", 0x0BDA, 0x5520),
    answer(0, "Integrated Webcam: HD/IR", "/dev/video0", 0x0BDA, 0x5520),
]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    answers = list(RECORDED)
    monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", lambda backend: answers)
    return answers


def test_lists_each_camera_once_real_ones_first_without_our_own(recorded) -> None:
    assert [(camera.index, camera.name) for camera in list_cameras()] == [
        (0, "Integrated Webcam: HD/IR"),
        (2, "Logitech BRIO"),
        (9, "OBS Virtual Camera"),
    ]
    assert (list_cameras()[1].vid, list_cameras()[1].pid) == (0x046D, 0x085E)
    assert [camera.is_virtual for camera in list_cameras()] == [False, False, True]


def test_a_camera_without_name_or_path_is_listed(recorded) -> None:
    recorded[:] = [answer(0, "", ""), answer(1, "", "")]
    assert [camera.name for camera in list_cameras()] == ["Camera 0", "Camera 1"]


@pytest.mark.parametrize("text", ["Logitech BRIO", "logitech brio", "brio", "2", "/dev/video2", " BRIO "])
def test_finds_a_camera(recorded, text: str) -> None:
    assert find_camera(text).index == 2


def test_a_whole_name_comes_before_a_part(recorded) -> None:
    recorded.append(answer(1, "BRIO", "/dev/video1"))
    recorded.insert(0, answer(0, "BRIO two", "/dev/video7"))
    assert find_camera("brio").path == "/dev/video1"


@pytest.mark.parametrize("text", ["7", "42", "Elgato", "", "sharpened camera", "/dev/video7"])
def test_an_unknown_camera_lists_those_that_exist(recorded, text: str) -> None:
    with pytest.raises(CameraNotFound, match=r"0 'Integrated Webcam: HD/IR', 2 'Logitech BRIO'.*--camera test"):
        find_camera(text)


def test_without_any_camera_the_hint_is_the_test_chart(recorded) -> None:
    recorded.clear()
    with pytest.raises(CameraNotFound, match="plug one in, or use `--camera test`"):
        find_camera("brio")
    assert "--camera test" in describe_cameras([])


@pytest.mark.skipif(sys.platform != "linux", reason="device nodes are Linux's")
def test_a_link_to_a_node_finds_it(recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = {"/dev/v4l/by-id/usb-brio": "/dev/video2"}
    monkeypatch.setattr(devices.os.path, "realpath", lambda path: links.get(str(path), str(path)))
    assert find_camera("/dev/v4l/by-id/usb-brio").index == 2


def test_a_loopback_is_virtual_whatever_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.os.path, "realpath", lambda path: "/sys/devices/virtual/video4linux/video7")
    assert CameraDevice("Front", 7, 200, "/dev/video7").is_virtual


def test_formats_are_unknown_without_a_node() -> None:
    assert formats_of(CameraDevice("FaceTime", 0, 1200, "0x1420000")) == []
    assert formats_of(CameraDevice("Gone", 97, 200, "/dev/video97")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="linuxpy is Linux's")
def test_formats_that_can_be_read_keep_the_highest_rate_largest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    import linuxpy.video.device as v4l2

    kinds = v4l2.PixelFormat
    offers = {
        kinds.Y16: {(1280, 720): [60]},  # OpenCV reads it as something else
        kinds.NV12: {(1280, 720): [5]},
        kinds.YUYV: {(640, 480): [30], (1280, 720): [5]},
        kinds.MJPEG: {(1280, 720): [15, 30]},
    }

    class FakeInfo:
        @property
        def frame_types(self) -> list:  # as linuxpy 0.25 does where a camera can overlay too
            raise UnboundLocalError("pixel_format")

        def buffer_formats(self, buffer_type: v4l2.BufferType) -> list:
            assert buffer_type == v4l2.BufferType.VIDEO_CAPTURE
            return [SimpleNamespace(pixel_format=kind) for kind in offers]

        def format_frame_sizes(self, kind: v4l2.PixelFormat) -> list:
            whole = SimpleNamespace(type=v4l2.FrameSizeType.CONTINUOUS, info=None)
            some = [SimpleNamespace(width=width, height=height) for width, height in offers[kind]]
            return [whole] + [SimpleNamespace(type=v4l2.FrameSizeType.DISCRETE, info=size) for size in some]

        def fps_intervals(self, kind: v4l2.PixelFormat, width: int, height: int) -> list:
            rates = offers[kind][width, height]
            return [SimpleNamespace(width=width, height=height, pixel_format=kind, max_fps=fps) for fps in rates]

    class FakeDevice:
        def __init__(self, path: str) -> None:
            self.info = FakeInfo()

        def __enter__(self) -> "FakeDevice":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(v4l2, "Device", FakeDevice)
    found = formats_of(CameraDevice("Cam", 0, 200, "/dev/video0"))
    assert [(str(one.size), one.pixel_format, one.fps) for one in found] == [
        ("1280x720", "MJPG", 30.0),
        ("1280x720", "YUYV", 5.0),
        ("1280x720", "NV12", 5.0),
        ("640x480", "YUYV", 30.0),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are files on Linux only")
def test_holders_are_named(tmp_path: Path) -> None:
    for number, name, target in (("12", "zoom", "/dev/video0"), ("13", "obs", "/dev/video1"), ("14", "zoom", "/dev/video0")):
        (tmp_path / number / "fd").mkdir(parents=True)
        (tmp_path / number / "fd" / "5").symlink_to(target)
        (tmp_path / number / "comm").write_text(name + "\n", encoding="utf-8")
    (tmp_path / "15").mkdir()  # one that ended
    assert holders_of(CameraDevice("Cam", 0, 200, "/dev/video0"), tmp_path) == ["zoom"]
    assert holders_of(CameraDevice("Cam", 0, 200, "usb-1"), tmp_path) == []
