"""A window on a test stand: real pipelines, with cameras that tests can hold up."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot
from scripted import ScriptedOutput, ScriptedRestorer

from sharpen_core.capture.base import Camera, CameraFormat
from sharpen_core.capture.devices import CameraDevice
from sharpen_core.engines.identity import IdentityEngine
from sharpen_core.errors import CameraError, ModelCorrupt
from sharpen_core.events import Event, State
from sharpen_core.frame import Pixels, Size
from sharpen_core.model_store import InputContract, Manifest, Model
from sharpen_core.output.base import Output
from sharpen_core.output.virtual_camera import VirtualCameraStatus
from sharpen_core.pipeline import Pipeline, PipelineOptions
from sharpen_core.restorer import Restorer
from sharpened_camera.settings import Settings
from sharpened_camera.window.application_window import ApplicationWindow

SIZE = Size(90, 160)
AVAILABLE = VirtualCameraStatus(available=True, name_to_pick="Sharpened Camera", device="/dev/video9", install_hint="", problem="")
MISSING = VirtualCameraStatus(
    available=False, name_to_pick="Sharpened Camera", device=None, install_hint="install it", problem="there is no virtual camera"
)
CAMERAS = [CameraDevice(name, index, 200, f"/dev/video{index}") for name, index in (("Desk", 0), ("Lid", 2), ("Lid", 4))]


class MovingCamera:
    """Delivers a moving edge, about 100 frames a second. `hang_in` names the method that waits until `release` is set.

    While `fault` is set, opening and reading raise it: the camera is unplugged.
    """

    def __init__(self, name: str = "moving", hang_in: str = "", release: threading.Event | None = None) -> None:
        self.name = name
        self._hang_in, self._release = hang_in, release or threading.Event()
        self._number = 0
        self.opened = self.closed = 0
        self.hanging = threading.Event()
        self.fault: CameraError | None = None

    def open(self) -> CameraFormat:
        self.opened += 1
        self._hang("open")
        if self.fault:
            raise self.fault
        return CameraFormat(SIZE, 30.0, "MJPG")

    def read(self) -> Pixels:
        self._hang("read")
        if self.fault:
            raise self.fault
        threading.Event().wait(0.01)
        self._number += 1
        pixels = np.full((*SIZE, 3), 60, np.uint8)
        pixels[:, : self._number % SIZE.width] = 120
        return pixels

    def close(self) -> None:
        self.closed += 1
        self._hang("close")

    def _hang(self, where: str) -> None:
        if where == self._hang_in:
            self.hanging.set()
            self._release.wait(30)


def model(name: str, title: str) -> Model:
    """A model that the identity engine runs."""
    manifest = Manifest(
        name=name, title=title, architecture="none", licence="CC0-1.0", parameters=1, kmac_per_px=1, working_bytes_per_px=1, halo_px=4,
        input=InputContract(multiple_px=8), parity={}, training={}, files={},
    )  # fmt: skip
    return Model(Path("nowhere") / name, manifest)


def identity_restorer(size: Size) -> Restorer:
    return Restorer(model("fast", "Fast"), IdentityEngine(), size)


class Stand:
    """Holds a window and everything that a test wants to change or look at.

    Attributes:
        camera_for: the camera of a session.
        outputs: those of every session.
        restorer_for: what sharpens; by default something that visibly brightens.
        error: raised instead of making a pipeline.
        options: of every session.
        made: the settings of every session that was made.
        release: sets free what hangs.
    """

    def __init__(self, settings_path: Path) -> None:
        self.settings_path = settings_path
        self.release = threading.Event()
        self.camera_for: Callable[[Settings], Camera] = lambda settings: MovingCamera(settings.camera or "moving")
        self.outputs: list[Output] = []
        self.restorer_for: Callable[[Size], object] = ScriptedRestorer
        self.error: Exception | None = None
        self.options = PipelineOptions(outputs_required=False)
        self.made: list[Settings] = []
        self.pipelines: list[Pipeline] = []
        self.devices = list(CAMERAS)
        models = [model("fast", "Fast: for every laptop"), model("fine", "Fine: sharper, slower")]
        self.models: tuple[list[Model], list[ModelCorrupt]] = (models, [])
        self.status = AVAILABLE
        self._open: list[ApplicationWindow] = []

    def make_pipeline(self, settings: Settings, on_event: Callable[[Event], None]) -> Pipeline:
        self.made.append(settings)
        if self.error:
            raise self.error
        pipeline = Pipeline(self.camera_for(settings), self.restorer_for, self.outputs, self.options, on_event)  # type: ignore[arg-type]
        self.pipelines.append(pipeline)
        return pipeline

    def hanging_camera(self, where: str) -> MovingCamera:
        """From now on sessions get this camera, which hangs."""
        camera = MovingCamera("hanging", where, self.release)
        self.camera_for = lambda settings: camera
        return camera

    def build(self) -> ApplicationWindow:
        """Builds the window, as the program does at its start."""
        whole = ApplicationWindow(
            self.make_pipeline, self.settings_path, lambda: list(self.devices), lambda: self.models, lambda: self.status
        )
        self._open.append(whole)
        return whole

    def end(self) -> None:
        self.release.set()
        for whole in self._open:
            whole.close()
            whole.window.deleteLater()


class NamedOutput(ScriptedOutput):
    """Takes frames as the virtual camera would."""

    name = "Sharpened Camera"


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
