"""What there is to choose from: cameras, models, and whether there is a virtual camera to send to."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Signal, SignalInstance

from sharpen_core.capture.devices import CameraDevice
from sharpen_core.errors import ModelCorrupt
from sharpen_core.model_store import Model
from sharpen_core.output.virtual_camera import VirtualCameraStatus

log = logging.getLogger(__name__)

T = TypeVar("T")

ListCameras = Callable[[], list[CameraDevice]]
ListModels = Callable[[], tuple[list[Model], list[ModelCorrupt]]]
CameraStatus = Callable[[], VirtualCameraStatus]


class Catalogue(QObject):
    """Asks the system in threads of its own, because drivers may take seconds to answer, and tells by signals.

    Args:
        list_cameras, list_models, camera_status: called from other threads, never twice at the same time.
    """

    cameras_listed = Signal(object)  # list[CameraDevice]
    models_listed = Signal(object)  # (list[Model], list[ModelCorrupt])
    virtual_camera_seen = Signal(object)  # VirtualCameraStatus

    def __init__(self, list_cameras: ListCameras, list_models: ListModels, camera_status: CameraStatus) -> None:
        super().__init__()
        self._list_cameras, self._list_models, self._camera_status = list_cameras, list_models, camera_status
        self._asking: dict[str, threading.Thread] = {}

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
