"""Shows the window and lives until it is closed, or until the system asks the program to end."""

import contextlib
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType

from PySide6.QtCore import QSocketNotifier
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from sharpened_camera.bridge import Bridge, MakePipeline
from sharpened_camera.settings import load_settings
from sharpened_camera.window.catalogue import CameraStatus, Catalogue, ListCameras, ListModels
from sharpened_camera.window.garbage import collecting_in_this_thread
from sharpened_camera.window.main_window import ICON, TITLE, MainWindow
from sharpened_camera.window.notice import Notice


class ApplicationWindow:
    """The window with all that belongs to it. The application must exist before.

    Args:
        make_pipeline: builds a session's pipeline from the settings; see `bridge.MakePipeline`.
        settings_path: where the settings are kept; the file need not exist.
        list_cameras: which cameras are connected.
        list_models: which models are installed, and which are damaged.
        camera_status: whether there is a virtual camera.
    """

    def __init__(
        self,
        make_pipeline: MakePipeline,
        settings_path: Path,
        list_cameras: ListCameras,
        list_models: ListModels,
        camera_status: CameraStatus,
    ) -> None:
        settings, error = load_settings(settings_path)
        self.bridge = Bridge(make_pipeline)
        self.catalogue = Catalogue(list_cameras, list_models, camera_status)
        self.window = MainWindow(self.bridge, self.catalogue, settings, settings_path)
        if error:
            self.window.report("settings", Notice.of(error, "warning"))

    def open(self) -> None:
        """Shows the window and starts the camera."""
        self.window.show()
        self.window.start()

    def close(self) -> None:
        """Closes the window, which saves the settings, then ends the session; may be called again."""
        self.window.close()
        self.bridge.close()


def run_window(
    make_pipeline: MakePipeline,
    settings_path: Path,
    list_cameras: ListCameras,
    list_models: ListModels,
    camera_status: CameraStatus,
    arguments: Sequence[str] = (),
) -> int:
    """Runs the window until it is closed. Call from the main thread; the arguments are those of `ApplicationWindow`.

    Returns:
        The exit code: 0, or 128 and the signal's number for SIGINT and SIGTERM.
    """
    application = QApplication.instance() or QApplication([sys.argv[0], *arguments])
    assert isinstance(application, QApplication)
    application.setApplicationName("sharpened-camera")
    application.setApplicationDisplayName(TITLE)
    application.setDesktopFileName("sharpened-camera")
    application.setQuitOnLastWindowClosed(False)  # the window says itself when it is closed
    application.setWindowIcon(QIcon(str(ICON)))
    whole = ApplicationWindow(make_pipeline, settings_path, list_cameras, list_models, camera_status)
    whole.window.closed.connect(application.quit)
    with ending_on_signals(application), collecting_in_this_thread():
        whole.open()
        code = application.exec()
    whole.window.closed.disconnect(application.quit)  # it has ended already
    whole.close()
    return code


@contextlib.contextmanager
def ending_on_signals(application: QApplication) -> Generator[None]:
    """Within it, SIGINT and SIGTERM end the event loop with 128 and the signal's number.

    Python runs its signal handlers between two of its own instructions, but an idle Qt loop executes none. So the
    signal also writes a byte to a socket, which wakes the loop.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        application.exit(128 + number)

    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    notifier = QSocketNotifier(reader.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: reader.recv(64))
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        notifier.setEnabled(False)
        reader.close()
        writer.close()
