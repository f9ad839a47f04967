import os
import signal

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from window_stand import Stand

from sharpen_core.events import State
from sharpened_camera.settings import load_settings
from sharpened_camera.window.application_window import run_window
from sharpened_camera.window.main_window import MainWindow


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
        if stand.pipelines and (window := shown_window()) and window.isActiveWindow():
            timer.stop()
            qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)

    timer = QTimer(interval=20)
    timer.timeout.connect(end)
    timer.start()
    assert run(stand) == 0
    assert stand.pipelines[0].state is State.STOPPED
