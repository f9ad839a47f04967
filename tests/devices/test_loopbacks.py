"""Virtual cameras as they are found in life: several, set up wrongly, or none."""

import pytest
from device_lab import NAME, PYTHON, Lab

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]


def test_ours_is_second(lab: Lab) -> None:
    """Of two virtual cameras ours is taken, and the other one is left alone."""
    lab.load(devices="2", video_nr="41,42", card_label=f'"OBS Virtual Camera,{NAME}"', exclusive_caps="1,1")
    lab.run().wait_until_live()
    lab.call.open()
    assert lab.call.join() is None
    assert NAME in lab.call.cameras()
    lab.call.wait_for(lambda frame: frame.is_camera())
    assert not (lab.machine.ask("read", path="/sys/class/video4linux/video41/format") or "").strip()


def test_without_exclusive_caps(lab: Lab) -> None:
    """Browsers do not list a device with exclusive_caps=0, although frames go out; what the doctor says of it is in test_doctor.py."""
    lab.load(exclusive_caps="0")
    lab.run().wait_until_live()
    assert lab.reads_camera()
    lab.call.open()
    assert NAME not in lab.call.cameras()


@pytest.mark.parametrize("installed", [True, False], ids=["not loaded", "not installed"])
def test_module_missing(lab: Lab, installed: bool) -> None:
    """Without the module the program says what to type: how to install it, how to load it."""
    lab.unload() if installed else lab.hide_module()
    ended = lab.run("--output", "virtual").end(by=None, timeout_s=60)
    assert ended.code == 21
    assert ("apt install v4l2loopback-dkms" in ended.said) is not installed
    assert "sharpened-camera setup" in ended.said


def test_beside_pipewire(lab: Lab) -> None:
    """Where PipeWire runs too, both have our camera, under names that tell them apart."""
    lab.start_pipewire()
    program = lab.run()
    program.wait_until(f"output: {NAME}\n").wait_until(f"output: {NAME} (PipeWire)\n")
    look = "from sharpen_core.output.pipewire.status import look_around; print(look_around().cameras)"
    assert f"{NAME} (PipeWire)" in lab.sh(f"{PYTHON} -c '{look}'")
    assert lab.reads_camera()
    assert program.end().code == 130
