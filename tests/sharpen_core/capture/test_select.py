import subprocess
import sys
from pathlib import Path

import pytest

from sharpen_core.capture import select
from sharpen_core.capture.clip import ClipCamera
from sharpen_core.capture.devices import CameraDevice
from sharpen_core.capture.opencv import OpenCVCamera
from sharpen_core.capture.select import select_camera
from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.errors import CameraNotFound, MediaNotFound
from sharpen_core.frame import Size

WEBCAM = CameraDevice("Webcam", 0, 200, "/dev/video0")
SLASHED = CameraDevice("Capture A/V", 1, 200, "/dev/video1")
LOOPBACK = CameraDevice("OBS Virtual Camera", 9, 200, "/dev/video9")


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> list[CameraDevice]:
    plugged = [WEBCAM, SLASHED, LOOPBACK]
    monkeypatch.setattr(select, "list_cameras", lambda: plugged)
    monkeypatch.setattr("sharpen_core.capture.devices.list_cameras", lambda: plugged)
    return plugged


def test_test_is_the_test_chart(cameras) -> None:
    camera = select_camera("test", Size(64, 96), 10, paced=False)
    assert isinstance(camera, TestChartCamera)
    promised = camera.open()
    assert (promised.size, promised.fps) == (Size(64, 96), 10)


def test_nothing_is_the_first_real_camera(cameras) -> None:
    camera = select_camera(None)
    assert isinstance(camera, OpenCVCamera)
    assert camera.name == "Webcam"


@pytest.mark.parametrize("plugged", [[], [LOOPBACK]])
def test_nothing_without_a_real_camera_is_the_test_chart(cameras, plugged: list[CameraDevice]) -> None:
    cameras[:] = plugged
    assert isinstance(select_camera(None), TestChartCamera)


@pytest.mark.parametrize(
    ("text", "name"), [("webcam", "Webcam"), ("0", "Webcam"), ("/dev/video1", "Capture A/V"), ("capture a/v", "Capture A/V")]
)
def test_a_camera_by_name_number_or_path(cameras, text: str, name: str) -> None:
    camera = select_camera(text)
    assert isinstance(camera, OpenCVCamera)
    assert camera.name == name


def test_a_file_that_exists_is_a_clip(cameras, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "webcam").write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    for text in (str(clip), "webcam"):
        camera = select_camera(text, loop=False, paced=False)
        assert isinstance(camera, ClipCamera)
        assert camera.open().size == Size(96, 128)
        camera.close()


@pytest.mark.parametrize("text", ["gone.mp4", "folder/gone", "GONE.MKV", "gone.png"])
def test_what_looks_like_a_file_is_reported_as_a_missing_file(cameras, text: str) -> None:
    with pytest.raises(MediaNotFound):
        select_camera(text).open()


@pytest.mark.parametrize("text", ["Elgato", "7", "/dev/video7"])
def test_an_unknown_camera(cameras, text: str) -> None:
    with pytest.raises(CameraNotFound, match="Webcam"):
        select_camera(text)


def test_importing_costs_no_codec_and_no_enumerator() -> None:
    code = "import sys, sharpen_core.capture.select; print([m for m in ('av', 'linuxpy', 'cv2_enumerate_cameras') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert result.stdout.strip() == "[]"
