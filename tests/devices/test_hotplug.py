"""Cameras and virtual cameras that come and go while the window is open, and a camera that comes back as another number."""

import json
import time
from typing import Any

import pytest
from device_lab import NAME, Lab

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

VIVID = "vivid-000-vid-cap"
WITHIN_S = 2.0
# The program's window, which tells whenever its list of cameras changes, or whether it has a virtual camera: [when, cameras, has one].
WINDOW = """
import json, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from sharpen_core.capture.devices import list_cameras
from sharpen_core.model_store import list_models
from sharpen_core.output.virtual_camera import virtual_camera_status
from sharpened_camera.desktop import make_pipeline
from sharpened_camera.settings import default_settings_path
from sharpened_camera.window.application_window import ApplicationWindow

application = QApplication([])
whole = ApplicationWindow(make_pipeline, default_settings_path(), list_cameras, list_models, virtual_camera_status)
told = None

def tell():
    global told
    picker = whole.window.controls.camera
    now = [[picker.itemText(row) for row in range(picker.count())], "driver" not in whole.window.board.notices]
    if now != told:
        told = now
        print(json.dumps([time.monotonic(), *now]), flush=True)

timer = QTimer(interval=20)
timer.timeout.connect(tell)
timer.start()
whole.open()
application.exec()
"""


class Window:
    """The window in the guest, and what it has told."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        lab.put("/run/home/.config/sharpened-camera/settings.toml", 'camera = "test"\nsize = "320x180"\n')
        lab.start_other(WINDOW, until="Test picture", QT_QPA_PLATFORM="offscreen")

    def told(self) -> list[Any]:
        """All that it has told so far."""
        lines = self._lab.machine.ask("read", path="/run/share/other-1.out").splitlines()
        return [json.loads(line) for line in lines if line.endswith("]")]

    def shows(self, camera: str) -> bool:
        """Whether a camera is in its list."""
        return camera in self.told()[-1][1]

    def wait(self, camera: str, there: bool, since_s: float) -> float:
        """Waits until a camera is in the list, or is not; returns how long after a time that was."""
        give_up_s = time.monotonic() + 30
        while time.monotonic() < give_up_s:
            if self.shows(camera) is there:
                return self.told()[-1][0] - since_s
            time.sleep(0.1)
        pytest.fail(f"the list does not change: {self.told()}")

    def wait_driver(self, since_s: float) -> float:
        """Waits until it has a virtual camera; returns how long after a time that was."""
        give_up_s = time.monotonic() + 30
        while time.monotonic() < give_up_s:
            if self.told()[-1][2]:
                return self.told()[-1][0] - since_s
            time.sleep(0.1)
        pytest.fail(f"it sees no virtual camera: {self.told()}")


def test_lists_follow_what_is_plugged_in(lab: Lab) -> None:
    """A webcam, another program's virtual camera and ours are in the window's lists, or not any more, within two seconds."""
    lab.unload()
    window = Window(lab)
    window.wait(VIVID, there=True, since_s=0)
    took_s = {"webcam gone": window.wait(VIVID, there=False, since_s=lab.machine.ask("unplug"))}
    took_s["webcam there"] = window.wait(VIVID, there=True, since_s=lab.machine.ask("plug"))
    since_s = lab.machine.ask("now")
    lab.load(card_label="OBS", video_nr="10", exclusive_caps="0")
    took_s["loopback there"] = window.wait("OBS", there=True, since_s=since_s)
    since_s = lab.machine.ask("now")
    lab.unload()
    took_s["loopback gone"] = window.wait("OBS", there=False, since_s=since_s)
    assert not window.told()[-1][2], "it says that it has a virtual camera"
    since_s = lab.machine.ask("now")
    lab.load()
    took_s["ours there"] = window.wait_driver(since_s)
    lab.keep("hot-plug", **took_s)
    assert max(took_s.values()) <= WITHIN_S, took_s
    assert not window.shows(NAME), "it offers its own camera as a webcam"


def test_comes_back_as_another_number(lab: Lab) -> None:
    """A webcam is found again where it is now, though another camera has taken its number meanwhile."""
    program = lab.run("--camera", VIVID).wait_until_live()
    assert lab.reads_camera()
    lab.machine.ask("unplug")
    program.wait_until("camera lost: ")
    time.sleep(1)
    lab.replace_webcam("n_devs=2 node_types=1,1 num_inputs=1,1 input_types=0,0 no_error_inj=1,1 vid_cap_nr=1,0")
    assert lab.sh("cat /sys/class/video4linux/video1/name").strip() == VIVID
    program.wait_until("camera back: ")
    held = lab.sh(f"for fd in /proc/{program.pid}/fd/*; do readlink $fd; done")
    assert "/dev/video1\n" in held
    assert "/dev/video0\n" not in held
    assert lab.reads_camera()
