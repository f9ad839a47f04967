"""The desktop program: the window, wired to real cameras, models and outputs."""

import faulthandler
import logging
import os
import sys
from collections.abc import Callable

import platformdirs

from sharpen_core.capture.devices import list_cameras
from sharpen_core.errors import SharpenError
from sharpen_core.events import Event
from sharpen_core.frame import Size
from sharpen_core.model_store import APP_NAME, list_models
from sharpen_core.output.virtual_camera import virtual_camera_status
from sharpen_core.pipeline import Pipeline
from sharpened_camera.application import Session, SessionRequest
from sharpened_camera.settings import Settings, default_settings_path


class NoDisplay(SharpenError):
    """There is no screen to open a window on."""

    exit_code = 5


def open_window() -> int:
    """Opens the window and returns the exit code when it is closed.

    Raises:
        NoDisplay: this session has no screen.
    """
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise NoDisplay("there is no display to open a window on", "Without one use: sharpened-camera run")
    _log_to_file()
    from sharpened_camera.window.application_window import run_window

    return run_window(make_pipeline, default_settings_path(), list_cameras, list_models, virtual_camera_status)


def make_pipeline(settings: Settings, on_event: Callable[[Event], None]) -> Pipeline:
    """Returns the pipeline for the window's settings. Without a virtual camera it runs for the preview alone.

    Raises:
        SharpenError: the camera or the model cannot be used.
    """
    request = SessionRequest(
        camera=settings.camera,
        camera_path=settings.camera_path,
        size=Size.parse(settings.size) if settings.size else None,
        fps=settings.fps,
        outputs_required=False,
        model=settings.model,
        engine=settings.engine,
        strength=settings.strength,
        crispness=settings.crispness,
        cpu=settings.cpu_percent / 100,
        mirror=settings.mirror,
    )
    return Session(request, on_event).pipeline


def _log_to_file() -> None:
    """Sends the log, and what a crash leaves, to the user's log folder: a program started by a click has no terminal."""
    folder = platformdirs.user_log_path(APP_NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "sharpened-camera.log").open("a", encoding="utf-8")
    except OSError:
        return  # a full disk must not keep the window from opening
    faulthandler.enable(file)
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
