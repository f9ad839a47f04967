"""What there is to choose from: cameras, models, and whether there is a virtual camera to send to.

Cameras come and go. Linux tells of every device node that appears or vanishes, and Qt passes that on: nothing is polled, and no
library for udev is needed, which runs in no container anyway. Elsewhere the lists are brought up to date when they are opened.
"""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal, SignalInstance

from sharpen_core.capture.devices import CameraDevice
from sharpen_core.errors import ModelCorrupt
from sharpen_core.model_store import Model
from sharpen_core.output.virtual_camera import VirtualCameraStatus

log = logging.getLogger(__name__)

T = TypeVar("T")

ListCameras = Callable[[], list[CameraDevice]]
ListModels = Callable[[], tuple[list[Model], list[ModelCorrupt]]]
CameraStatus = Callable[[], VirtualCameraStatus]

# The rights of a new node, and the links that name it, come a moment after it: so the second look.
LOOKS_AFTER_MS = (150, 1200)


class Catalogue(QObject):
    """Asks the system in threads of its own, because drivers may take seconds to answer, and tells by signals.

    Args:
        list_cameras, list_models, camera_status: called from other threads, never twice at the same time.
        devices: the folder of device nodes; watched on Linux.
    """

    cameras_listed = Signal(object)  # list[CameraDevice]
    models_listed = Signal(object)  # (list[Model], list[ModelCorrupt])
    virtual_camera_seen = Signal(object)  # VirtualCameraStatus

    def __init__(
        self, list_cameras: ListCameras, list_models: ListModels, camera_status: CameraStatus, devices: Path = Path("/dev")
    ) -> None:
        super().__init__()
        self._list_cameras, self._list_models, self._camera_status = list_cameras, list_models, camera_status
        self._asking: dict[str, threading.Thread] = {}
        self._devices = devices
        self._nodes = self._video_nodes()
        self._looks = [QTimer(self, singleShot=True, interval=after_ms) for after_ms in LOOKS_AFTER_MS]
        for look in self._looks:
            look.timeout.connect(self.refresh_devices)
        self._watcher = QFileSystemWatcher(self)
        if sys.platform == "linux":
            self._watcher.addPath(str(devices))
            self._watcher.directoryChanged.connect(self._look_for_devices)

    def refresh(self) -> None:
        """Asks for everything. Call from the GUI thread, as the others."""
        self.refresh_cameras()
        self.refresh_virtual_camera()
        self._ask("models", self._list_models, self.models_listed)

    def refresh_cameras(self) -> None:
        """Asks which cameras are connected."""
        self._ask("cameras", self._list_cameras, self.cameras_listed)

    def refresh_virtual_camera(self) -> None:
        """Asks whether there is a virtual camera."""
        self._ask("virtual camera", self._camera_status, self.virtual_camera_seen)

    def refresh_devices(self) -> None:
        """Asks for both."""
        self.refresh_cameras()
        self.refresh_virtual_camera()

    def _look_for_devices(self) -> None:
        """A device node has come or gone: looks soon if it is one of a camera, real or virtual."""
        before, self._nodes = self._nodes, self._video_nodes()
        if self._nodes != before:
            for look in self._looks:
                look.start()

    def _video_nodes(self) -> set[str]:
        return {node.name for node in self._devices.glob("video*")}

    def _ask(self, what: str, question: Callable[[], T], answered: SignalInstance) -> None:
        """Runs one question in a thread, unless it is still being answered."""
        asking = self._asking.get(what)
        if asking and asking.is_alive():
            return
        thread = threading.Thread(target=_answer, args=(what, question, answered), name=f"list {what}", daemon=True)
        self._asking[what] = thread
        thread.start()


def _answer(what: str, question: Callable[[], T], answered: SignalInstance) -> None:
    try:
        answer = question()
    except Exception:
        log.exception("cannot list: %s", what)  # the pickers keep what they have; starting tells what is wrong
        return
    with contextlib.suppress(RuntimeError):  # the window is gone
        answered.emit(answer)
