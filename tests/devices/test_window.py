"""The window on a real display."""

import pytest
from device_lab import Lab

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

SETTINGS = 'camera = "vivid"\nsize = "640x360"\n'


def test_window(lab: Lab) -> None:
    """The window opens, shows the webcam's picture and feeds the call; a screenshot is kept."""
    lab.machine.ask("write", path="/run/home/.config/sharpened-camera/settings.toml", text=SETTINGS)
    screen = lab.open_screen()
    window = lab.start(environment={"DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"})
    lab.call.open()
    assert lab.call.join() is None
    lab.call.wait_for(lambda frame: frame.is_camera())
    shot = lab.screenshot("window")
    for bar in [(191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]:
        alike = (abs(shot.astype(int) - bar).max(axis=2) < 12).mean()
        assert alike > 0.01, f"the window does not show the webcam's {bar}"
    assert window.end("SIGTERM").code in (0, 143)
