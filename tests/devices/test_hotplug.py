"""Cameras and virtual cameras that come and go while the window is open, and a camera that comes back as another number."""

import json
import time
from collections.abc import Callable
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

    def wait(self, what: str, is_so: Callable[[list[str], bool], bool], since_s: float) -> dict[str, float]:
        """Waits until something is so of the list of cameras, and of whether it has a virtual camera.

        Returns:
            How long after a time that was, and how much of it the guest was held up by what else the computer does.
        """
        give_up_s = time.monotonic() + 60
        while time.monotonic() < give_up_s:
            at_s, cameras, has_driver = self.told()[-1]
            if is_so(cameras, has_driver):
                return {"took_s": at_s - since_s, "held_up_s": self._lab.machine.ask("lag", since_s=since_s)}
            time.sleep(0.1)
        pytest.fail(f"waited in vain: {what}; {self.told()}")


def test_lists_follow_what_is_plugged_in(lab: Lab) -> None:
    """A webcam, another program's virtual camera and ours are in the window's lists, or not any more, within two seconds."""
    lab.unload()
    window = Window(lab)
    window.wait("the first list", lambda cameras, _: VIVID in cameras, since_s=0)

    def after(what: str, act: Callable[[], object], is_so: Callable[[list[str], bool], bool]) -> None:
        since_s = lab.machine.ask("now")
        act()
        figures[what] = window.wait(what, is_so, since_s)

    figures: dict[str, dict[str, float]] = {}
    after("webcam gone", lambda: lab.machine.ask("unplug"), lambda cameras, _: VIVID not in cameras)
    after("webcam there", lambda: lab.machine.ask("plug"), lambda cameras, _: VIVID in cameras)
    after("loopback there", lambda: lab.load(card_label="OBS", video_nr="10", exclusive_caps="0"), lambda cameras, _: "OBS" in cameras)
    after("loopback gone", lab.unload, lambda cameras, _: "OBS" not in cameras)
    assert not window.told()[-1][2], "it says that it has a virtual camera"
    after("ours there", lab.load, lambda _, has_driver: has_driver)
    lab.keep("hot-plug", **figures)
    late = {what: one for what, one in figures.items() if one["took_s"] > WITHIN_S + one["held_up_s"]}
    assert not late, late
    assert NAME not in window.told()[-1][1], "it offers its own camera as a webcam"


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
