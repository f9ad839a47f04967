"""`sharpened-camera setup` on a machine where the module is installed and nothing is set up."""

import pytest
from device_lab import NAME, PROGRAM, Lab, code_of_writer

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

OURS = "cat /sys/class/video4linux/*/name"
WRITTEN = "ls /etc/modules-load.d /etc/modprobe.d /etc/udev/rules.d /lib/modules"


def test_setup_and_undo(lab: Lab) -> None:
    """Setup makes our camera at once and for every start; undoing it leaves the system as it was."""
    lab.unload()
    before = lab.sh(WRITTEN)
    lab.sh(f"{PROGRAM} setup --yes")
    assert NAME in lab.sh(OURS)
    report = lab.doctor()
    assert report["exit_code"] == 0
    assert "camera-not-kept" not in {finding["code"] for finding in report["findings"]}
    lab.unload()
    lab.sh("modprobe v4l2loopback && udevadm settle --timeout=10")  # as systemd does when the computer starts, by modules-load.d
    assert NAME in lab.sh(OURS)
    program = lab.run().wait_until_live()
    assert lab.reads_camera()
    program.end()
    lab.sh(f"{PROGRAM} setup --undo --yes")
    assert lab.sh(WRITTEN) == before
    assert NAME not in lab.sh(OURS)


def test_setup_leaves_others_alone(lab: Lab) -> None:
    """Another program's virtual camera keeps its device, its settings and its picture."""
    lab.load(video_nr="10", card_label='"OBS Virtual Camera"')
    lab.put("/etc/modprobe.d/other.conf", 'options v4l2loopback video_nr=10 card_label="OBS Virtual Camera"\n')
    settings = lab.sh("cat /etc/modprobe.d/other.conf")
    lab.start_other(code_of_writer("/dev/video10"), until="writing")
    lab.sh(f"{PROGRAM} setup --yes")
    assert "OBS Virtual Camera" in lab.sh("cat /sys/class/video4linux/video10/name")
    assert lab.sh("cat /etc/modprobe.d/other.conf") == settings
    assert abs(lab.grab("/dev/video10", "obs").astype(int) - 90).max() < 8, "its picture is not what it writes"
    lab.machine.ask("tidy")
    lab.unload()
    lab.sh("modprobe v4l2loopback && udevadm settle --timeout=10")
    names = lab.sh(OURS)
    assert NAME in names
    assert "OBS Virtual Camera" in names
    lab.sh(f"{PROGRAM} setup --undo --yes")
    assert lab.sh("cat /etc/modprobe.d/other.conf") == settings
