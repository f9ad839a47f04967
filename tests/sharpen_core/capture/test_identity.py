"""The same camera again: by path and name, seldom by number."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from captures import FakeCapture

from sharpen_core.capture import devices
from sharpen_core.capture.clip import ClipCamera
from sharpen_core.capture.devices import CameraDevice, find_camera
from sharpen_core.capture.identity import Identity
from sharpen_core.capture.opencv import OpenCVCamera, slept_s
from sharpen_core.capture.select import is_device
from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.errors import CameraDisconnected, CameraNotFound


def device(index: int, name: str = "Lid") -> CameraDevice:
    return CameraDevice(name, index, cv2.CAP_V4L2, f"/dev/video{index}")


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What /dev/v4l holds: link to node."""
    links: dict[str, str] = {}
    monkeypatch.setattr(devices.os.path, "realpath", lambda path: links.get(str(path), str(path)))
    monkeypatch.setattr(devices.Path, "glob", lambda folder, of: [Path(link) for link in links if Path(link).match(of)])
    return links


def test_a_camera_is_remembered_by_its_link_rather_than_its_socket_or_node(links: dict[str, str]) -> None:
    assert device(0).stable_path == "/dev/video0"
    links["/dev/v4l/by-path/pci-usb-2"] = "/dev/video0"
    assert device(0).stable_path == "/dev/v4l/by-path/pci-usb-2"
    links["/dev/v4l/by-id/usb-Lid-123"] = "/dev/video0"
    assert device(0).stable_path == "/dev/v4l/by-id/usb-Lid-123"
    assert CameraDevice("FaceTime", 0, 0, "0x14").stable_path == "0x14"


def test_it_is_found_under_another_number(links: dict[str, str]) -> None:
    links["/dev/v4l/by-id/usb-Lid-123"] = "/dev/video0"
    plugged = [device(0)]
    identity = Identity(device(0), lambda: plugged)
    identity.note(device(0))
    links["/dev/v4l/by-id/usb-Lid-123"] = "/dev/video4"
    plugged[:] = [device(0, "Desk"), device(4)]
    assert identity.find() == device(4)


def test_in_another_socket_its_name_is_enough_but_its_twin_is_not_taken(links: dict[str, str]) -> None:
    twin = device(2)
    plugged = [device(0), twin]
    identity = Identity(device(0), lambda: plugged)
    identity.note(device(0))
    plugged[:] = [twin]
    with pytest.raises(CameraNotFound, match="'Lid' is not there any more"):
        identity.find()
    plugged.append(device(6))
    assert identity.find() == device(6)


def test_of_several_with_one_name_the_path_decides(links: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    links["/dev/v4l/by-id/usb-Lid-2"] = "/dev/video4"
    monkeypatch.setattr(devices, "list_cameras", lambda: [device(2), device(4), device(6, "Desk")])
    assert find_camera("Lid").index == 2
    assert find_camera("Lid", "/dev/v4l/by-id/usb-Lid-2").index == 4
    assert find_camera("Lid", "/dev/v4l/by-id/usb-Lid-9").index == 2
    assert find_camera("Desk", "/dev/v4l/by-id/usb-Lid-2").index == 6


def test_a_camera_that_is_opened_again_is_looked_for(time: SimpleNamespace) -> None:
    plugged = [device(0)]
    capture = FakeCapture(np.zeros((72, 128, 3), np.uint8))
    camera = OpenCVCamera(device(0), clock=time.clock, sleep=time.sleep, capture=capture, cameras=lambda: plugged)
    camera.open()
    assert capture.made_with == (0, cv2.CAP_V4L2)
    camera.close()
    plugged[:] = []
    with pytest.raises(CameraNotFound):
        camera.open()
    plugged[:] = [device(4)]
    camera.open()
    assert capture.made_with == (4, cv2.CAP_V4L2)


def test_after_a_sleep_the_first_failure_is_the_end_of_the_stream(time: SimpleNamespace) -> None:
    usb = CameraDevice("Cam", 3, cv2.CAP_DSHOW, "usb-1")
    slept = [500.0]
    picture = np.zeros((72, 128, 3), np.uint8)
    capture = FakeCapture(picture, picture, None, picture, picture, None)
    camera = OpenCVCamera(usb, clock=time.clock, sleep=time.sleep, slept=lambda: slept[0], capture=capture, cameras=lambda: [usb])
    camera.open()
    camera.read()
    slept[0] += 3600
    before_s = time.now_s
    with pytest.raises(CameraDisconnected, match="did not wake up"):
        camera.read()
    assert time.now_s == before_s
    camera.read()  # a stream that survived is no loss
    camera.read()
    with pytest.raises(CameraDisconnected, match="delivers no frames"):
        camera.read()


def test_how_long_the_computer_slept_is_known_or_nothing() -> None:
    assert slept_s() >= -0.001


def test_clips_and_the_chart_do_not_come_back(tmp_path: Path) -> None:
    assert not is_device(ClipCamera(tmp_path / "clip.mp4"))
    assert not is_device(TestChartCamera())
    assert is_device(OpenCVCamera(device(0)))
