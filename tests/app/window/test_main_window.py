import itertools
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QSlider, QWidget
from pytestqt.qtbot import QtBot
from window_stand import AVAILABLE, MISSING, NamedOutput, Stand, opened, pick, texts

from sharpen_core.crispness import USUAL_CRISPNESS
from sharpen_core.errors import ModelCorrupt
from sharpen_core.events import State
from sharpen_core.output.virtual_camera import VirtualCameraStatus
from sharpen_core.stats import SHARP_ALREADY, Snapshot
from sharpened_camera.settings import Settings, load_settings, save_settings
from sharpened_camera.window.figures import Figures
from sharpened_camera.window.view_switch import VIEWS


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


def test_the_sliders_and_the_mirror_reach_the_running_pipeline(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    controls, pipeline = window.controls, stand.pipelines[0]
    assert controls.crispness_percent.text() == f"{USUAL_CRISPNESS:.0%}"
    sliders = (("strength", controls.strength, controls.percent), ("crispness", controls.crispness, controls.crispness_percent))
    for (name, slider, percent), (value, share) in itertools.product(sliders, ((40, "40%"), (70, "70%"), (0, "Off"))):
        slider.setValue(value)
        assert getattr(pipeline, name) == value / 100
        assert percent.text() == share
    qtbot.mouseClick(window.controls.mirror, Qt.MouseButton.LeftButton, pos=window.controls.mirror.rect().center() / 4)
    assert stand.pipelines[0].mirror is window.controls.mirror.isChecked()
    assert len(stand.made) == 1


def test_cameras_are_offered_by_name_and_told_apart(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    assert texts(window.controls.camera) == ["Automatic", "Desk", "Lid (video2)", "Lid (video4)", "Test picture", "Open a clip…"]
    for text, camera, path in (
        ("Desk", "Desk", "/dev/video0"),
        ("Lid (video4)", "Lid", "/dev/video4"),
        ("Lid (video2)", "Lid", "/dev/video2"),
        ("Test picture", "test", None),
        ("Automatic", None, None),
    ):
        pick(window.controls.camera, text)
        qtbot.waitUntil(lambda wanted=(camera, path): (stand.made[-1].camera, stand.made[-1].camera_path) == wanted)
        assert window.controls.camera.currentText() == text


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
    assert window.controls.model.currentText() == "Automatic"
    qtbot.waitUntil(lambda: texts(window.controls.model) == ["Automatic", "Fast: for every laptop", "Fine: sharper, slower"])
    pick(window.controls.model, "Fine: sharper, slower")
    pick(window.controls.frame_size, "1280 × 720")
    qtbot.waitUntil(lambda: (stand.made[-1].model, stand.made[-1].size) == ("fine", "1280x720"))


def test_the_cpu_limit_holds_from_the_next_session_on_which_is_at_once(qtbot: QtBot, stand: Stand) -> None:
    save_settings(stand.settings_path, Settings(cpu_percent=30))
    window = opened(qtbot, stand).window
    assert texts(window.controls.cpu) == ["25 %", "30 %", "50 %", "75 %", "None"]
    assert window.controls.cpu.currentText() == "30 %"
    pick(window.controls.cpu, "None")
    qtbot.waitUntil(lambda: stand.made[-1].cpu_percent == 100)
    assert len(stand.made) == 2


def test_the_wheel_does_not_change_a_picker(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    for picker in (window.controls.camera, window.controls.frame_size, window.controls.model):
        chosen = picker.currentIndex()
        picker.setFocus()
        no, flags = QPoint(), (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase)
        QApplication.sendEvent(picker, QWheelEvent(QPointF(5, 5), QPointF(5, 5), no, QPoint(0, -120), *flags, False))
        assert picker.currentIndex() == chosen
    assert len(stand.made) == 1


def test_settings_survive_a_restart(qtbot: QtBot, stand: Stand) -> None:
    whole = opened(qtbot, stand)
    pick(whole.window.controls.camera, "Desk")
    whole.window.controls.strength.setValue(30)
    whole.window.preview.set_split(0.2)
    qtbot.mouseClick(whole.window.view_switch.button("after"), Qt.MouseButton.LeftButton)
    whole.window.resize(1300, 633)
    whole.close()
    again = stand.build().window
    assert again.settings.model_copy(update={"geometry": ""}) == Settings(
        camera="Desk", camera_path="/dev/video0", strength=0.3, split=0.2, show="after"
    )
    screen = QApplication.primaryScreen().availableSize()
    assert again.height() == 633
    assert min(1300, screen.width()) - 4 <= again.width() <= 1300  # as wide as it was, or as the screen is, but for a frame
    assert again.controls.percent.text() == "30%"
    assert again.preview.split == 0.2
    assert again.view_switch.button("after").isChecked()


def test_a_change_is_saved_without_closing(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    window.controls.strength.setValue(55)
    qtbot.waitUntil(lambda: load_settings(stand.settings_path)[0].strength == 0.55)


def test_geometry_that_is_no_geometry_is_ignored(qtbot: QtBot, stand: Stand) -> None:
    usual = stand.build().window.size()
    assert usual.width() >= 700
    for geometry in ("not base64!", "AAAA", "ä"):
        save_settings(stand.settings_path, Settings(geometry=geometry))
        assert stand.build().window.size() == usual


def test_the_badge_names_what_to_pick_and_whether_it_is_live(qtbot: QtBot, stand: Stand) -> None:
    stand.outputs = [NamedOutput()]
    whole = opened(qtbot, stand)
    qtbot.waitUntil(lambda: whole.window.badge.live)
    assert whole.window.badge.text == "In your call, pick: Sharpened Camera"
    whole.bridge.stop()
    qtbot.waitUntil(lambda: not whole.window.badge.live)


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


def test_the_status_bar_says_when_the_picture_is_sharp_already(qtbot: QtBot) -> None:
    now = Snapshot(frames_sent=9, treated="fast")
    figures = Figures(lambda: now)
    qtbot.addWidget(figures)
    figures.show_treatment("fast", "fast: as chosen")
    figures.refresh()
    assert (figures.treatment.text(), figures.treatment.toolTip()) == ("fast", "Fast: as chosen")
    now = Snapshot(frames_sent=10, treated=SHARP_ALREADY)
    figures.refresh()
    assert figures.treatment.text() == SHARP_ALREADY
    assert "goes out as it is" in figures.treatment.toolTip()
    now = Snapshot(frames_sent=11, treated="fast")
    figures.refresh()
    assert figures.treatment.text() == "fast"


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


@pytest.mark.parametrize("status", [AVAILABLE, MISSING])
def test_nothing_is_cut_off_in_the_smallest_window(qtbot: QtBot, stand: Stand, status: VirtualCameraStatus) -> None:
    window = opened(qtbot, stand).window
    window.badge.show_status(status)
    window.resize(1, 1)
    qtbot.waitUntil(lambda: window.badge.width() >= window.badge.minimumSizeHint().width())
    edge = window.badge.geometry().right()
    for view in VIEWS:
        button = window.view_switch.button(view)
        assert button.width() > button.fontMetrics().horizontalAdvance(button.text())
        assert button.mapTo(window, button.rect().topLeft()).x() > edge
        edge = button.mapTo(window, button.rect().topRight()).x()
    assert edge < window.controls.mapTo(window, window.controls.rect().topLeft()).x()


def test_it_fits_a_small_screen(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    assert window.minimumSizeHint().width() <= 900
    assert window.minimumSizeHint().height() <= 620
