import gc
import threading

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from sharpened_camera.window.garbage import collecting_in_this_thread


def make_cycle(deleted_in: list[str]) -> None:
    widget = QWidget()
    widget.destroyed.connect(lambda: deleted_in.append(threading.current_thread().name))
    widget.itself = widget


def test_widgets_in_cycles_are_deleted_here_although_other_threads_allocate(qtbot: QtBot) -> None:
    deleted_in: list[str] = []
    ended = threading.Event()

    def allocate() -> None:
        while not ended.is_set():
            _ = [[] for _ in range(1000)]

    thread = threading.Thread(target=allocate, name="worker")
    with collecting_in_this_thread():
        assert not gc.isenabled()
        thread.start()
        for _ in range(50):
            make_cycle(deleted_in)
        qtbot.waitUntil(lambda: len(deleted_in) == 50, timeout=10_000)
        ended.set()
        thread.join(5)
    assert set(deleted_in) == {threading.main_thread().name}


def test_afterwards_everything_is_as_before() -> None:
    before = gc.isenabled()
    with collecting_in_this_thread():
        pass
    assert gc.isenabled() is before
