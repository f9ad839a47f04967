import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QPushButton, QToolButton
from pytestqt.qtbot import QtBot
from scripted import ScriptedOutput
from window_stand import AVAILABLE, MISSING, Stand, opened, pick, texts

from sharpen_core.errors import CameraBusy, ModelCorrupt, OutputBusy, OutputDriverMissing
from sharpen_core.events import Governed, State
from sharpen_core.governing.rungs import Rung
from sharpened_camera.window.application_window import ApplicationWindow


def test_damaged_settings_are_kept_and_reported(qtbot: QtBot, stand: Stand) -> None:
    stand.settings_path.write_text("strength = 9", encoding="utf-8")
    window = opened(qtbot, stand).window
    assert "settings.toml.bad" in window.board.notices["settings"].hint
    assert stand.settings_path.with_name("settings.toml.bad").read_text(encoding="utf-8") == "strength = 9"


def test_settings_that_cannot_be_saved_are_reported(qtbot: QtBot, stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    stand.settings_path = tmp_path / "file" / "settings.toml"
    window = stand.build().window
    window.save()
    assert "cannot be saved" in window.board.notices["settings"].message


def test_an_error_is_shown_with_its_hint_and_try_again_works(qtbot: QtBot, stand: Stand) -> None:
    stand.error = CameraBusy("the camera is busy", "close the other program")
    whole = stand.build()
    whole.open()
    board = whole.window.board
    qtbot.waitUntil(lambda: "session" in board.notices)
    bar = board.bar("session")
    assert bar is not None
    assert board.isVisible()
    assert (bar.accessibleName(), bar.accessibleDescription()) == ("The camera is busy", "Close the other program")
    assert whole.window.controls.toggle.text() == "Start"
    stand.error = None
    retry = bar.findChild(QPushButton)
    assert retry is not None
    qtbot.mouseClick(retry, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: whole.bridge.state is State.RUNNING)
    assert not board.notices
    assert not board.isVisible()


def test_another_camera_after_a_failure_is_tried_at_once(qtbot: QtBot, stand: Stand) -> None:
    stand.error = CameraBusy("the camera is busy")
    whole = stand.build()
    whole.open()
    qtbot.waitUntil(lambda: whole.bridge.state is State.FAILED)
    stand.error = None
    pick(whole.window.controls.camera, "Test picture")
    qtbot.waitUntil(lambda: whole.bridge.state is State.RUNNING)
    assert not whole.window.board.notices


def test_a_notice_can_be_dismissed(qtbot: QtBot, stand: Stand) -> None:
    stand.models = (stand.models[0], [ModelCorrupt("the model 'odd' is damaged", "install it again")])
    window = opened(qtbot, stand).window
    qtbot.waitUntil(lambda: "models" in window.board.notices)
    bar = window.board.bar("models")
    assert bar is not None
    closer = bar.findChild(QToolButton)
    assert closer is not None
    qtbot.mouseClick(closer, Qt.MouseButton.LeftButton)
    assert not window.board.notices


def test_a_lost_output_is_a_warning_and_the_preview_goes_on(qtbot: QtBot, stand: Stand) -> None:
    stand.outputs = [ScriptedOutput(open_error=OutputBusy("another program writes to it", "close it"))]
    window = opened(qtbot, stand).window
    assert window.board.notices["output"].level == "warning"
    assert window.board.notices["output"].hint == "close it"
    assert not window.badge.live


def test_without_a_virtual_camera_it_says_what_to_install(qtbot: QtBot, stand: Stand) -> None:
    stand.status = MISSING
    stand.outputs = [ScriptedOutput(open_error=OutputDriverMissing(MISSING.problem, MISSING.install_hint))]
    whole = opened(qtbot, stand)
    board = whole.window.board
    qtbot.waitUntil(lambda: "driver" in board.notices and "cannot see you yet" in whole.window.badge.text)
    assert board.notices["driver"].hint == "install it"
    assert list(board.notices) == ["driver"]
    stand.status, stand.outputs = AVAILABLE, []
    whole.window.start()
    qtbot.waitUntil(lambda: not board.notices)
    assert "pick" in whole.window.badge.text


def test_passing_through_is_a_remark_that_goes_away_again(qtbot: QtBot, stand: Stand) -> None:
    silent = threading.Event()

    class Silent:
        def __init__(self, size: object) -> None:
            self.size = size
            self.loading, self.spared, self.crispness, self.computed_share = False, False, 0.0, 1.0

        def sharpen(self, pixels: object, strength: float) -> object:
            silent.wait(20)
            return pixels

        def asked_for(self, area: float) -> float:
            return area

    stand.restorer_for = Silent
    whole = stand.build()
    whole.open()
    board = whole.window.board
    qtbot.waitUntil(lambda: "late" in board.notices)
    assert board.notices["late"].level == "info"
    assert not board.notices["late"].retry
    silent.set()
    qtbot.waitUntil(lambda: not board.notices)


def test_less_than_the_whole_picture_is_a_remark_and_another_model_only_a_word(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    qtbot.waitUntil(lambda: window.figures.treatment.text() == "the network")
    assert not window.board.notices
    window._bridge.governed.emit(Governed(Rung("fast", 0.6), "fast on 60 % of the picture: using 62 % of the CPU, 50 % are allowed"))
    assert window.board.notices["sharpening"].message.endswith("using 62 % of the CPU, 50 % are allowed")
    assert window.board.notices["sharpening"].level == "info"
    assert window.figures.treatment.text() == "fast on 60 % of the picture"
    window._bridge.governed.emit(Governed(Rung("fast"), "fast instead of nafnet-tiny: 41 ms per frame, 33 ms are there"))
    assert not window.board.notices
    assert window.figures.treatment.toolTip() == "Fast instead of nafnet-tiny: 41 ms per frame, 33 ms are there"


@pytest.mark.parametrize("where", ["open", "read", "close"])
def test_a_camera_that_hangs_never_holds_up_the_window(qtbot: QtBot, stand: Stand, where: str) -> None:
    camera = stand.hanging_camera(where)
    whole = stand.build()
    ticks: list[None] = []
    timer = QTimer(whole.window, interval=10)
    timer.timeout.connect(lambda: ticks.append(None))
    timer.start()
    whole.open()
    if where != "close":
        qtbot.waitUntil(camera.hanging.is_set)
    else:
        qtbot.waitUntil(lambda: whole.bridge.state is State.RUNNING)
    whole.bridge.stop()
    qtbot.waitUntil(lambda: "stop" in whole.window.board.notices, timeout=5000)
    assert len(ticks) > 100  # two seconds of a window that lives, on a busy machine
    assert "unplug" in whole.window.board.notices["stop"].hint
    assert whole.window.controls.toggle.text() == "Start"


def test_slow_lists_do_not_hold_up_the_window(qtbot: QtBot, stand: Stand) -> None:
    def slow() -> object:
        stand.release.wait(20)
        return stand.devices

    whole = ApplicationWindow(stand.make_pipeline, stand.settings_path, slow, lambda: stand.models, lambda: stand.status)  # type: ignore[arg-type]
    whole.open()
    qtbot.waitUntil(lambda: whole.window.preview.frame is not None)
    stand.release.set()
    qtbot.waitUntil(lambda: "Desk" in texts(whole.window.controls.camera))
    whole.close()
