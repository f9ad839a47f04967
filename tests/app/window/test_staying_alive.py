"""The window while cameras and virtual cameras come and go, and while nobody watches."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from window_stand import AVAILABLE, MISSING, MovingCamera, NamedOutput, Stand, opened, texts

from sharpen_core.capture.devices import CameraDevice
from sharpen_core.errors import CameraBusy, CameraNotFound, OutputDriverMissing
from sharpen_core.events import State
from sharpen_core.pipeline import PipelineOptions
from sharpened_camera.settings import Settings, save_settings
from sharpened_camera.window.catalogue import Catalogue

REOPENING = PipelineOptions(
    outputs_required=False, reopen_camera=True, reopen_outputs=True, retries_s=(0.02,), pause_after_s=0.05, close_after_s=0.1
)


@pytest.fixture
def camera(stand: Stand) -> MovingCamera:
    """The camera of every session; sessions open again what they lose."""
    camera = MovingCamera("Lid")
    stand.options = REOPENING
    stand.camera_for = lambda settings: camera
    return camera


def test_an_unplugged_camera_is_told_and_the_notice_goes_by_itself(qtbot: QtBot, stand: Stand, camera: MovingCamera) -> None:
    output = NamedOutput()
    stand.outputs = [output]
    whole = opened(qtbot, stand)
    board = whole.window.board
    camera.fault = CameraNotFound("the camera 'Lid' is not there any more", "Cameras here: none")
    qtbot.waitUntil(lambda: "camera" in board.notices)
    assert board.notices["camera"].message == "the camera 'Lid' was unplugged"
    assert board.notices["camera"].level == "warning"
    assert not board.notices["camera"].retry  # that is done without being asked
    assert whole.bridge.state is State.RUNNING
    assert whole.window.figures.state.text() == "Waiting for the camera"
    qtbot.waitUntil(lambda: int(np.ptp(output.frames[-1].pixels)) > 60)  # the placeholder has words
    camera.fault = CameraBusy("the camera 'Lid' is used by zoom")
    qtbot.waitUntil(lambda: "zoom" in board.notices["camera"].message)
    camera.fault = None
    qtbot.waitUntil(lambda: not board.notices)
    assert not board.isVisible()
    assert whole.window.figures.state.text() == "Live"
    assert whole.window.controls.toggle.text() == "Stop"
    assert len(stand.made) == 1


def test_stopping_while_the_camera_is_away_takes_the_notice_along(qtbot: QtBot, stand: Stand, camera: MovingCamera) -> None:
    whole = opened(qtbot, stand)
    camera.fault = CameraNotFound("gone")
    qtbot.waitUntil(lambda: "camera" in whole.window.board.notices)
    whole.bridge.stop()
    qtbot.waitUntil(lambda: whole.bridge.state is State.STOPPED)
    assert not whole.window.board.notices


def test_a_virtual_camera_that_appears_is_used_and_the_notice_goes(qtbot: QtBot, stand: Stand, camera: MovingCamera) -> None:
    output = NamedOutput(open_error=OutputDriverMissing(MISSING.problem, MISSING.install_hint))
    stand.status, stand.outputs = MISSING, [output]
    whole = opened(qtbot, stand)
    qtbot.waitUntil(lambda: "driver" in whole.window.board.notices)
    stand.status, output.open_error = AVAILABLE, None
    qtbot.waitUntil(lambda: bool(output.frames))
    qtbot.waitUntil(lambda: "driver" not in whole.window.board.notices)
    assert len(stand.made) == 1


def test_minimised_and_unwatched_it_pauses_and_shown_it_is_live_again(qtbot: QtBot, stand: Stand, camera: MovingCamera) -> None:
    output = NamedOutput()
    output.watched = 0
    stand.outputs = [output]
    window = opened(qtbot, stand).window
    window.showMinimized()
    qtbot.waitUntil(lambda: "Paused" in window.figures.state.text())
    window.showNormal()
    qtbot.waitUntil(lambda: window.figures.state.text() == "Live")
    window.hide()
    qtbot.waitUntil(lambda: "Paused" in window.figures.state.text())
    output.watched = 1  # somebody looks in a call
    qtbot.waitUntil(lambda: window.figures.state.text() == "Live")


def test_pauses_can_be_switched_off_at_once(qtbot: QtBot, stand: Stand, camera: MovingCamera) -> None:
    window = opened(qtbot, stand).window
    assert window.controls.pause.isChecked()
    assert stand.pipelines[0].pausing
    qtbot.mouseClick(window.controls.pause, Qt.MouseButton.LeftButton, pos=window.controls.pause.rect().center() / 4)
    assert not window.settings.pause
    assert not stand.pipelines[0].pausing
    assert len(stand.made) == 1


def test_a_session_that_found_no_camera_begins_when_it_is_plugged_in(qtbot: QtBot, stand: Stand) -> None:
    save_settings(stand.settings_path, Settings(camera="Cellar", camera_path="/dev/v4l/by-id/usb-cellar"))
    stand.error = CameraNotFound("there is no camera 'Cellar'")
    whole = stand.build()
    whole.open()
    qtbot.waitUntil(lambda: whole.bridge.state is State.FAILED and "Cellar (not connected)" in texts(whole.window.controls.camera))
    stand.error = None
    stand.devices.append(CameraDevice("Cellar", 6, 200, "/dev/video6"))
    whole.catalogue.refresh_devices()
    qtbot.waitUntil(lambda: whole.bridge.state is State.RUNNING)
    assert whole.window.controls.camera.currentText() == "Cellar"
    assert not whole.window.board.notices


def test_the_camera_of_older_settings_is_found_by_its_node(qtbot: QtBot, stand: Stand) -> None:
    save_settings(stand.settings_path, Settings(camera="/dev/video4"))
    window = opened(qtbot, stand).window
    assert window.controls.camera.currentText() == "Lid (video4)"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Path, Catalogue, list[str]]]:
    """A folder of device nodes, and which questions were asked about it."""
    folder, asked = tmp_path / "dev", list[str]()
    folder.mkdir()
    (folder / "video0").touch()
    catalogue = Catalogue(lambda: asked.append("cameras") or [], lambda: ([], []), lambda: asked.append("virtual") or MISSING, folder)  # type: ignore[func-returns-value]
    yield folder, catalogue, asked
    catalogue.deleteLater()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the lists are asked for when they open")
def test_a_device_that_comes_or_goes_is_looked_for_unasked(qtbot: QtBot, watched: tuple[Path, Catalogue, list[str]]) -> None:
    folder, catalogue, asked = watched
    with qtbot.waitSignals([catalogue.cameras_listed, catalogue.virtual_camera_seen], timeout=2000):
        (folder / "video2").touch()
    with qtbot.waitSignals([catalogue.cameras_listed, catalogue.virtual_camera_seen], timeout=2000):
        os.remove(folder / "video0")
    assert {"cameras", "virtual"} <= set(asked)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the lists are asked for when they open")
def test_other_devices_are_none_of_its_business(qtbot: QtBot, watched: tuple[Path, Catalogue, list[str]]) -> None:
    folder, catalogue, asked = watched
    (folder / "ttyUSB0").touch()
    with qtbot.waitSignal(catalogue.cameras_listed, timeout=5000):
        catalogue.refresh_cameras()
    assert asked == ["cameras"]
