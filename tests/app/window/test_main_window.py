import os
import signal
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QPushButton, QSlider, QToolButton, QWidget
from pytestqt.qtbot import QtBot
from sharpen_core.errors import CameraBusy, ModelCorrupt, OutputBusy, OutputDriverMissing
from sharpen_core.events import State
from sharpened_camera.settings import Settings, load_settings, save_settings
from sharpened_camera.window.application_window import ApplicationWindow, run_window
from sharpened_camera.window.main_window import MainWindow
from window_stand import AVAILABLE, MISSING, NamedOutput, ScriptedOutput, Stand


def opened(qtbot: QtBot, stand: Stand) -> ApplicationWindow:
    """The open window with a running session."""
    whole = stand.build()
    whole.open()
    qtbot.waitUntil(lambda: whole.bridge.state is State.RUNNING and whole.window.preview.frame is not None)
    qtbot.waitUntil(lambda: whole.window.controls.camera.count() > 3)
    return whole


def pick(combo: QComboBox, text: str) -> None:
    """Picks a line as a user does."""
    index = combo.findText(text)
    assert index >= 0, [combo.itemText(number) for number in range(combo.count())]
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def texts(combo: QComboBox) -> list[str]:
    return [combo.itemText(number) for number in range(combo.count()) if combo.itemText(number)]


def test_the_window_starts_the_session_by_itself(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    assert window.windowTitle() == "Sharpened Camera"
    assert not window.windowIcon().isNull()
    assert window.controls.toggle.text() == "Stop"
    assert not window.board.notices
    assert "moving · 160 × 90 · MJPG" in window.figures.source.text()


def test_the_button_stops_and_starts(qtbot: QtBot, stand: Stand) -> None:
    whole = opened(qtbot, stand)
    toggle = whole.window.controls.toggle
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton)
    assert not toggle.isEnabled()
    qtbot.waitUntil(lambda: whole.bridge.state is State.STOPPED)
    assert (toggle.text(), toggle.isEnabled()) == ("Start", True)
    assert whole.window.preview.frame is None
    assert not whole.window.preview.polling
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: whole.window.preview.frame is not None)
    assert len(stand.made) == 2


def test_space_stops_but_a_check_box_keeps_its_space(qtbot: QtBot, stand: Stand) -> None:
    whole = opened(qtbot, stand)
    qtbot.keyClick(whole.window.controls.mirror, Qt.Key.Key_Space)
    assert whole.window.settings.mirror
    assert whole.bridge.state is State.RUNNING
    qtbot.keyClick(whole.window.preview, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: whole.bridge.state is State.STOPPED)


def test_the_slider_and_the_mirror_reach_the_running_pipeline(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    window.controls.strength.setValue(40)
    assert stand.pipelines[0].strength == 0.4
    assert window.controls.percent.text() == "40%"
    window.controls.strength.setValue(0)
    assert stand.pipelines[0].strength == 0
    assert window.controls.percent.text() == "Off"
    qtbot.mouseClick(window.controls.mirror, Qt.MouseButton.LeftButton, pos=window.controls.mirror.rect().center() / 4)
    assert stand.pipelines[0].mirror is window.controls.mirror.isChecked()
    assert len(stand.made) == 1


def test_cameras_are_offered_by_name_and_told_apart(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    assert texts(window.controls.camera) == ["Automatic", "Desk", "Lid (video2)", "Lid (video4)", "Test picture", "Open a clip…"]
    for text, camera in (("Desk", "Desk"), ("Lid (video4)", "/dev/video4"), ("Test picture", "test"), ("Automatic", None)):
        pick(window.controls.camera, text)
        qtbot.waitUntil(lambda camera=camera: stand.made[-1].camera == camera)


def test_a_camera_that_is_gone_stays_chosen_and_is_said_to_be_gone(qtbot: QtBot, stand: Stand) -> None:
    save_settings(stand.settings_path, Settings(camera="Gone"))
    window = opened(qtbot, stand).window
    qtbot.waitUntil(lambda: window.controls.camera.currentText() == "Gone (not connected)")
    assert stand.made[0].camera == "Gone"


def test_opening_the_list_looks_for_new_cameras(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    del stand.devices[1:]
    window.controls.camera.showPopup()
    qtbot.waitUntil(lambda: texts(window.controls.camera) == ["Automatic", "Desk", "Test picture", "Open a clip…"])
    window.controls.camera.hidePopup()


def test_a_clip_is_opened_by_a_dialog_that_may_be_left(qtbot: QtBot, stand: Stand, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"")
    window = opened(qtbot, stand).window
    pick(window.controls.camera, "Open a clip…")
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    assert window.controls.camera.currentText() == "Automatic"
    dialog.fileSelected.emit(str(clip))
    dialog.close()
    assert window.controls.camera.currentText() == "clip.mp4"
    qtbot.waitUntil(lambda: stand.made[-1].camera == str(clip))


def test_sizes_and_models_restart_the_session(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    assert window.controls.model.currentText() == "Fast: for every laptop"
    pick(window.controls.model, "Fine: sharper, slower")
    pick(window.controls.frame_size, "1280 × 720")
    qtbot.waitUntil(lambda: (stand.made[-1].model, stand.made[-1].size) == ("fine", "1280x720"))


def test_the_wheel_does_not_change_a_picker(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    for picker in (window.controls.camera, window.controls.frame_size, window.controls.model):
        assert picker.focusPolicy() is Qt.FocusPolicy.StrongFocus


def test_settings_survive_a_restart(qtbot: QtBot, stand: Stand) -> None:
    whole = opened(qtbot, stand)
    pick(whole.window.controls.camera, "Desk")
    whole.window.controls.strength.setValue(30)
    whole.window.preview.set_split(0.2)
    qtbot.mouseClick(whole.window.view_switch.button("after"), Qt.MouseButton.LeftButton)
    whole.window.resize(901, 633)
    whole.close()
    again = stand.build().window
    assert again.settings.model_copy(update={"geometry": ""}) == Settings(camera="Desk", strength=0.3, split=0.2, show="after")
    assert (again.width(), again.height()) == (901, 633)
    assert again.controls.percent.text() == "30%"
    assert again.preview.split == 0.2
    assert again.view_switch.button("after").isChecked()


def test_a_change_is_saved_without_closing(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    window.controls.strength.setValue(55)
    qtbot.waitUntil(lambda: load_settings(stand.settings_path)[0].strength == 0.55)


def test_damaged_settings_are_kept_and_reported(qtbot: QtBot, stand: Stand) -> None:
    stand.settings_path.write_text("strength = 9")
    window = opened(qtbot, stand).window
    assert "settings.toml.bad" in window.board.notices["settings"].hint
    assert stand.settings_path.with_name("settings.toml.bad").read_text() == "strength = 9"


def test_settings_that_cannot_be_saved_are_reported(qtbot: QtBot, stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    stand.settings_path = tmp_path / "file" / "settings.toml"
    window = stand.build().window
    window.save()
    assert "cannot be saved" in window.board.notices["settings"].message


def test_geometry_that_is_no_geometry_is_ignored(qtbot: QtBot, stand: Stand) -> None:
    for geometry in ("not base64!", "AAAA", "ä"):
        save_settings(stand.settings_path, Settings(geometry=geometry))
        assert stand.build().window.width() >= 760


def test_an_error_is_shown_with_its_hint_and_try_again_works(qtbot: QtBot, stand: Stand) -> None:
    stand.error = CameraBusy("the camera is busy", "close the other program")
    whole = stand.build()
    whole.open()
    board = whole.window.board
    qtbot.waitUntil(lambda: "session" in board.notices)
    bar = board.bar("session")
    assert bar is not None
    assert board.isVisible()
    assert (bar.accessibleName(), bar.accessibleDescription()) == ("The camera is busy.", "Close the other program.")
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


def test_the_badge_names_what_to_pick_and_whether_it_is_live(qtbot: QtBot, stand: Stand) -> None:
    stand.outputs = [NamedOutput()]
    whole = opened(qtbot, stand)
    qtbot.waitUntil(lambda: whole.window.badge.live)
    assert whole.window.badge.text == "In your call, pick: Sharpened Camera"
    whole.bridge.stop()
    qtbot.waitUntil(lambda: not whole.window.badge.live)


def test_without_a_virtual_camera_it_says_what_to_install(qtbot: QtBot, stand: Stand) -> None:
    stand.status = MISSING
    stand.outputs = [ScriptedOutput(open_error=OutputDriverMissing(MISSING.problem, MISSING.install_hint))]
    whole = opened(qtbot, stand)
    board = whole.window.board
    qtbot.waitUntil(lambda: "driver" in board.notices and "cannot see" in whole.window.badge.text)
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

        def sharpen(self, pixels: object, strength: float) -> object:
            silent.wait(20)
            return pixels

    stand.restorer_for = Silent
    whole = stand.build()
    whole.open()
    board = whole.window.board
    qtbot.waitUntil(lambda: "sharpening" in board.notices)
    assert board.notices["sharpening"].level == "info"
    assert not board.notices["sharpening"].retry
    silent.set()
    qtbot.waitUntil(lambda: not board.notices)


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


def test_the_status_bar_shows_the_figures(qtbot: QtBot, stand: Stand) -> None:
    whole = opened(qtbot, stand)
    figures = whole.window.figures
    qtbot.waitUntil(lambda: (now := whole.bridge.snapshot()) is not None and now.fps > 0)
    figures.refresh()
    assert figures.state.text() == "Live"
    assert figures.fps.text().endswith(" FPS")
    assert float(figures.fps.text().split()[0]) > 1
    assert figures.latency.text().startswith("+")
    assert figures.latency.text().endswith(" ms")
    assert figures.cpu.text().startswith("CPU ")
    assert figures.dropped.text().split()[0].isdigit()
    assert all(label.toolTip() for label in (figures.fps, figures.latency, figures.cpu, figures.dropped))
    whole.bridge.stop()
    qtbot.waitUntil(lambda: figures.state.text() == "Stopped")
    assert figures.fps.text() == "– FPS"


def test_every_control_has_an_accessible_name(qtbot: QtBot, stand: Stand) -> None:
    stand.models = (stand.models[0], [ModelCorrupt("the model 'odd' is damaged", "install it again")])
    window = opened(qtbot, stand).window
    qtbot.waitUntil(lambda: bool(window.board.notices))
    controls: list[QWidget] = [
        widget
        for kind in (QAbstractButton, QComboBox, QSlider)
        for widget in window.findChildren(kind)
        if not widget.objectName().startswith("qt_")
    ]
    assert len(controls) >= 10
    assert [type(control).__name__ for control in (*controls, window.preview, window.badge) if not control.accessibleName()] == []


def test_keys_choose_the_view(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    window.activateWindow()
    for key, show in ((Qt.Key.Key_1, "before"), (Qt.Key.Key_3, "after"), (Qt.Key.Key_2, "split")):
        qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.settings.show == show
        assert window.view_switch.button(show).isChecked()


def test_it_fits_a_small_screen(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    assert window.minimumSizeHint().width() <= 900
    assert window.minimumSizeHint().height() <= 620


def shown_window() -> MainWindow | None:
    windows = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow) and widget.isVisible()]
    return windows[0] if windows else None


def run(stand: Stand) -> int:
    return run_window(stand.make_pipeline, stand.settings_path, lambda: stand.devices, lambda: stand.models, lambda: stand.status)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program_with_everything_stopped_and_saved(qtbot: QtBot, stand: Stand, number: int, code: int) -> None:
    def end() -> None:
        if stand.pipelines and stand.pipelines[0].state is State.RUNNING and (window := shown_window()):
            window.controls.strength.setValue(25)
            timer.stop()
            os.kill(os.getpid(), number)

    timer = QTimer(interval=20)
    timer.timeout.connect(end)
    timer.start()
    before = signal.getsignal(number)
    assert run(stand) == code
    assert signal.getsignal(number) is before
    assert stand.pipelines[0].state is State.STOPPED
    assert load_settings(stand.settings_path)[0].strength == 0.25


def test_closing_the_window_ends_the_program(qtbot: QtBot, stand: Stand) -> None:
    def end() -> None:
        if stand.pipelines and (window := shown_window()):
            timer.stop()
            qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)

    timer = QTimer(interval=20)
    timer.timeout.connect(end)
    timer.start()
    assert run(stand) == 0
    assert stand.pipelines[0].state is State.STOPPED
