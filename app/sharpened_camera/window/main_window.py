"""The window: the preview in the middle, the controls beside it, and the wiring between them and the sessions."""

import base64
import binascii
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QHideEvent, QIcon, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget
from typing_extensions import override

from sharpen_core.capture.devices import CameraDevice
from sharpen_core.errors import CameraNotFound, ModelCorrupt, OutputDriverMissing, SettingsError, SharpenError, StopTimeout
from sharpen_core.events import (
    CameraBack,
    CameraLost,
    CameraOpened,
    Governed,
    OutputLost,
    OutputOpened,
    PassingThrough,
    Paused,
    Resumed,
    Sharpening,
    State,
)
from sharpen_core.model_store import Model
from sharpen_core.output.virtual_camera import VirtualCameraStatus
from sharpened_camera.bridge import Bridge
from sharpened_camera.settings import Settings, save_settings
from sharpened_camera.window.badge import CallBadge
from sharpened_camera.window.catalogue import Catalogue
from sharpened_camera.window.controls import ControlPanel
from sharpened_camera.window.doctor_page import add_doctor
from sharpened_camera.window.figures import Figures
from sharpened_camera.window.notice import Notice, NoticeBoard, capitalised
from sharpened_camera.window.preview import PreviewPane
from sharpened_camera.window.view_switch import VIEWS, ViewSwitch

TITLE = "Sharpened Camera"
ICON = Path(__file__).parent / "icon.svg"
SAVE_AFTER_MS = 800  # a slider that is dragged saves once, not a hundred times
PANEL_WIDTH_PX = 268
MARGIN_PX = 16
CLIPS = "Clips (*.mp4 *.mkv *.webm *.mov *.avi *.m4v);;All files (*)"

_ACTIVE = (State.STARTING, State.RUNNING)


class MainWindow(QMainWindow):
    """The program's only window.

    Args:
        bridge: runs the sessions.
        catalogue: tells what there is to choose from.
        settings: what the user chose last time.
        settings_path: where to keep what the user chooses now.
    """

    closed = Signal()

    def __init__(self, bridge: Bridge, catalogue: Catalogue, settings: Settings, settings_path: Path) -> None:
        super().__init__()
        self._bridge, self._catalogue = bridge, catalogue
        self._settings, self._settings_path = settings, settings_path
        self._connected: set[str] = set()  # names of the cameras that were listed last
        self._camera_missing = False
        self._saving = QTimer(self, singleShot=True, interval=SAVE_AFTER_MS)
        self._saving.timeout.connect(self.save)
        self.preview = PreviewPane(bridge.newest)
        self.controls = ControlPanel(settings)
        self.view_switch = ViewSwitch(settings.show)
        self.badge = CallBadge()
        self.board = NoticeBoard(self.start)
        self.figures = Figures(bridge.snapshot)
        self._lay_out()
        self._connect()
        self._add_shortcuts()
        add_doctor(self)
        self._show_state(bridge.state)

    # ---- for the program ---------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What the user has chosen."""
        return self._settings

    def start(self) -> None:
        """Starts a session with what is chosen, and looks again at what there is to choose from."""
        self.board.clear("session", "output", "sharpening", "late", "stop")
        self._catalogue.refresh()
        self._bridge.start(self._settings)

    def toggle(self) -> None:
        """Starts the camera, or stops it."""
        if self._bridge.state in _ACTIVE:
            self._bridge.stop()
        elif self._bridge.state is not State.STOPPING:
            self.start()

    def change(self, field: str, value: object) -> None:
        """Takes over one changed setting, at once."""
        fields = {field: value}
        if field == "camera":  # remembered by name and lasting path: its number changes when cameras come and go
            device = value if isinstance(value, CameraDevice) else None
            fields = {"camera": device.name if device else value, "camera_path": device.stable_path if device else None}
        settings = self._settings.changed(**fields)
        if settings == self._settings:
            return
        self._settings = settings
        self.controls.show_settings(settings)
        self.view_switch.choose(settings.show)
        self.preview.set_show(settings.show)
        self.preview.set_split(settings.split)
        self._bridge.apply(settings)
        self._saving.start()

    def report(self, topic: str, notice: Notice) -> None:
        """Shows a notice."""
        self.board.put(topic, notice)

    def save(self) -> None:
        """Keeps the settings and where the window is."""
        self._saving.stop()
        geometry = base64.b64encode(self.saveGeometry().data()).decode("ascii")
        try:
            save_settings(self._settings_path, self._settings.changed(geometry=geometry))
        except SettingsError as error:
            self.report("settings", Notice.of(error, "warning"))

    # ---- what the session tells --------------------------------------------------------------------------------

    def _show_state(self, state: State) -> None:
        self.figures.show_state(state)
        self.preview.set_active(state in _ACTIVE)
        if state is not State.RUNNING:
            self.badge.drop_outputs()
            self.board.clear("sharpening", "late", "camera")
        texts = {State.STARTING: "Stop", State.RUNNING: "Stop", State.STOPPING: "Stopping…"}
        stopped = state not in texts
        self.controls.show_toggle(texts.get(state, "Start"), enabled=state is not State.STOPPING, wanted=stopped)
        if state in (State.STOPPED, State.FAILED):
            self.preview.forget()
        titles = {
            State.IDLE: ("Ready", ""),
            State.STARTING: ("Starting the camera…", ""),
            State.STOPPED: ("The camera is off", "Press Start, or the space bar."),
            State.FAILED: ("No picture", "Press Start to try again."),
        }
        self.preview.say(*titles.get(state, ("", "")))

    def _camera_opened(self, event: CameraOpened) -> None:
        self._show_source(event)
        self.board.clear("session")

    def _show_source(self, event: CameraOpened | CameraBack) -> None:
        size = str(event.format.size).replace("x", " × ")
        self.figures.show_source(f"{event.name} · {size} · {event.format.pixel_format}")

    def _camera_lost(self, event: CameraLost) -> None:
        self.report("camera", Notice(event.message, event.hint, "warning"))
        self.preview.say(capitalised(event.message), "Meanwhile others see a picture that says so.")
        self.figures.show_standstill("Waiting for the camera")

    def _camera_back(self, event: CameraBack) -> None:
        self._show_source(event)
        self.board.clear("camera")
        self.preview.say("")
        self.figures.show_standstill("")

    def _paused(self, _: Paused) -> None:
        self.figures.show_standstill("Paused: nobody watches")

    def _resumed(self, _: Resumed) -> None:
        self.figures.show_standstill("")

    def _governed(self, event: Governed) -> None:
        """Always says in the status bar what is sharpened; in a notice only that it is not the whole picture, at the camera's rate."""
        rung = event.rung
        self.figures.show_treatment(str(rung), event.reason)
        if not rung.raw and rung.area >= 1 and rung.every == 1:
            self.board.clear("sharpening")
        else:
            hint = "A smaller size, a lighter model or a higher CPU limit may help."
            self.report("sharpening", Notice(event.reason, hint, "info"))

    def _sharpening(self, _: Sharpening) -> None:
        self.board.clear("late")

    def _output_opened(self, event: OutputOpened) -> None:
        self.badge.add_output(event.name)
        self.board.clear("output", "driver")

    def _output_lost(self, event: OutputLost) -> None:
        self.badge.drop_output(event.name)
        self._catalogue.refresh_virtual_camera()
        topic = "driver" if isinstance(event.error, OutputDriverMissing) else "output"
        self.report(topic, Notice.of(event.error, "warning", retry=True))

    def _passing_through(self, event: PassingThrough) -> None:
        hint = "The call goes on. A smaller size, or a lighter model, may help."
        self.report("late", Notice(event.reason, hint, "info"))

    def _failed(self, error: SharpenError) -> None:
        self._camera_missing = isinstance(error, CameraNotFound)
        self._catalogue.refresh()
        self.report("session", Notice.of(error, retry=True))

    def _left_behind(self, error: StopTimeout) -> None:
        self.report("stop", Notice.of(error))

    def _cameras_listed(self, devices: list[CameraDevice]) -> None:
        """Offers what is connected, and begins when the camera was plugged in that a session could not find."""
        before, self._connected = self._connected, {device.name for device in devices}
        self.controls.show_cameras(devices)
        if self._camera_missing and self._bridge.state is State.FAILED and self._settings.camera in self._connected - before:
            self.start()

    def _models_listed(self, listed: tuple[list[Model], list[ModelCorrupt]]) -> None:
        models, damaged = listed
        self.controls.show_models(models)
        if damaged:
            self.report("models", Notice.of(damaged[0], "warning"))

    def _virtual_camera_seen(self, status: VirtualCameraStatus) -> None:
        self.badge.show_status(status)
        if status.available:
            self.board.clear("driver")
        else:
            self.report("driver", Notice(status.problem, status.install_hint, "warning", retry=True))

    # ---- what the user does ------------------------------------------------------------------------------------

    def _open_clip(self) -> None:
        dialog = QFileDialog(self, "Open a clip", "", CLIPS)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(partial(self.change, "camera"))
        dialog.open()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space starts and stops, unless the control that has the keyboard uses it itself."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.toggle()
        else:
            super().keyPressEvent(event)

    @override
    def showEvent(self, event: QShowEvent) -> None:
        """The picture can be seen: the session does not pause."""
        super().showEvent(event)
        self._tell_hidden()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody sees the picture here."""
        super().hideEvent(event)
        self._tell_hidden()

    @override
    def changeEvent(self, event: QEvent) -> None:
        """Being minimised is being hidden."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self._tell_hidden()

    def _tell_hidden(self) -> None:
        self._bridge.set_hidden(not self.isVisible() or self.isMinimized())

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        """Saves what was chosen; the session is ended by whoever runs the window."""
        self.save()
        self.preview.set_active(False)
        event.accept()
        self.closed.emit()

    # ---- construction ------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.setWindowTitle(TITLE)
        self.setWindowIcon(QIcon(str(ICON)))
        self.controls.setFixedWidth(PANEL_WIDTH_PX)
        picture = QVBoxLayout()
        picture.setSpacing(12)
        picture.addWidget(self.preview, 1)
        below = QHBoxLayout()
        below.setSpacing(16)
        below.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignLeft)
        below.addStretch(1)
        below.addWidget(self.view_switch, 0, Qt.AlignmentFlag.AlignVCenter)
        picture.addLayout(below)
        middle = QHBoxLayout()
        middle.setSpacing(20)
        middle.addLayout(picture, 1)
        middle.addWidget(self.controls)
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, 8)
        layout.setSpacing(12)
        layout.addWidget(self.board)
        layout.addLayout(middle, 1)
        self.setCentralWidget(whole)
        self.setStatusBar(self.figures)
        self.setMinimumHeight(520)  # and as wide as what stands beside each other asks for
        self._place()
        self.preview.set_show(self._settings.show)
        self.preview.set_split(self._settings.split)
        self.preview.setFocus()

    def _place(self) -> None:
        """Puts the window where it was, or, the first time, gives it a size that fits the screen."""
        try:
            geometry = base64.b64decode(self._settings.geometry, validate=True)
        except (binascii.Error, ValueError):
            geometry = b""
        if geometry and self.restoreGeometry(QByteArray(geometry)):
            return
        room = QApplication.primaryScreen().availableSize()
        self.resize(QSize(1240, 640).boundedTo(room * 0.92))

    def _connect(self) -> None:
        bridge, catalogue, controls = self._bridge, self._catalogue, self.controls
        bridge.state_changed.connect(self._show_state)
        bridge.camera_opened.connect(self._camera_opened)
        bridge.camera_lost.connect(self._camera_lost)
        bridge.camera_back.connect(self._camera_back)
        bridge.paused.connect(self._paused)
        bridge.resumed.connect(self._resumed)
        bridge.output_opened.connect(self._output_opened)
        bridge.output_lost.connect(self._output_lost)
        bridge.governed.connect(self._governed)
        bridge.passing_through.connect(self._passing_through)
        bridge.sharpening.connect(self._sharpening)
        bridge.failed.connect(self._failed)
        bridge.left_behind.connect(self._left_behind)
        catalogue.cameras_listed.connect(self._cameras_listed)
        catalogue.models_listed.connect(self._models_listed)
        catalogue.virtual_camera_seen.connect(self._virtual_camera_seen)
        controls.changed.connect(self.change)
        controls.cameras_wanted.connect(catalogue.refresh_cameras)
        controls.clip_wanted.connect(self._open_clip)
        controls.toggled.connect(self.toggle)
        self.view_switch.chosen.connect(partial(self.change, "show"))
        self.preview.split_moved.connect(partial(self.change, "split"))

    def _add_shortcuts(self) -> None:
        self._add_shortcut("Quit", QKeySequence("Ctrl+Q"), self.close)
        self._add_shortcut("Close", QKeySequence("Ctrl+W"), self.close)
        self._add_shortcut("Open a clip…", QKeySequence("Ctrl+O"), self._open_clip)
        for number, show in enumerate(VIEWS, start=1):
            self._add_shortcut(f"Show {show}", QKeySequence(f"Ctrl+{number}"), partial(self.change, "show", show))

    def _add_shortcut(self, text: str, keys: QKeySequence, do: Callable[[], object]) -> None:
        action = QAction(text, self)
        action.setShortcut(keys)
        action.triggered.connect(lambda: do())  # without the flag that the signal carries
        self.addAction(action)
