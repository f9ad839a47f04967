"""What holds for every source of frames, over each one that runs without a device."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sharpen_core.capture.base import Camera
from sharpen_core.capture.clip import ClipCamera
from sharpen_core.capture.devices import CameraDevice
from sharpen_core.capture.opencv import OpenCVCamera
from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.errors import CameraDisconnected
from sharpen_core.frame import Frame, Size

USB = CameraDevice("Cam", 0, 0, "usb-1")


class RollingCapture:
    """Stands in for `cv2.VideoCapture`: a camera that works, and reuses its memory as drivers do."""

    def __init__(self, index: int, backend: int) -> None:
        self._number = 0
        self._memory = np.zeros((96, 128, 3), np.uint8)

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        self._number += 1
        self._memory[:] = self._number
        return True, self._memory

    def set(self, prop: int, value: float) -> bool:
        return True

    def get(self, prop: int) -> float:
        return 0.0

    def release(self) -> None:
        pass


MAKERS: dict[str, Callable[[Path], Camera]] = {
    "test chart": lambda _: TestChartCamera(Size(96, 128), paced=False),
    "clip": lambda clip: ClipCamera(clip, paced=False),
    "boxed clip": lambda clip: ClipCamera(clip, Size(100, 100), paced=False),
    "camera": lambda _: OpenCVCamera(USB, capture=RollingCapture, cameras=lambda: [USB]),
}


@pytest.fixture(params=MAKERS)
def camera(request: pytest.FixtureRequest, clip: Path) -> Camera:
    return MAKERS[request.param](clip)


def test_frames_are_as_promised(camera: Camera) -> None:
    promised = camera.open()
    for seq in range(40):
        pixels = camera.read()
        assert Size.of(pixels) == promised.size
        assert Frame(pixels, seq, 0).size == promised.size
    camera.close()


def test_the_format_and_name_say_something(camera: Camera) -> None:
    promised = camera.open()
    assert promised.fps > 0
    assert promised.pixel_format
    assert camera.name
    camera.close()


def test_frames_belong_to_the_caller(camera: Camera) -> None:
    camera.open()
    first = camera.read()
    kept = first.copy()
    second = camera.read()
    assert not np.shares_memory(first, second)
    assert np.array_equal(first, kept)
    second_kept = second.copy()
    first[:] = 0
    camera.read()
    camera.close()
    assert np.array_equal(second, second_kept)


def test_frames_differ(camera: Camera) -> None:
    camera.open()
    assert not np.array_equal(camera.read(), camera.read())
    camera.close()


def test_closing_twice_and_before_opening_is_fine(camera: Camera) -> None:
    camera.close()
    camera.open()
    camera.close()
    camera.close()


def test_opens_again_after_closing(camera: Camera) -> None:
    promised = camera.open()
    camera.read()
    camera.close()
    assert camera.open() == promised
    assert Size.of(camera.read()) == promised.size
    camera.close()


def test_opening_twice_keeps_one_hold(camera: Camera) -> None:
    assert camera.open() == camera.open()
    camera.read()
    camera.close()


def test_reading_a_closed_camera_fails(camera: Camera) -> None:
    with pytest.raises(CameraDisconnected):
        camera.read()
    camera.open()
    camera.close()
    with pytest.raises(CameraDisconnected):
        camera.read()
