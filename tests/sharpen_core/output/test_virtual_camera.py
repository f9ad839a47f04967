"""The virtual camera: the real pyvirtualcam, a driver that records, and a Linux file tree of our own."""

import errno
import os
import sys

import numpy as np
import pytest
from loopback_tree import make_computer, make_loopback, received, refusing_driver, register_camera

from sharpen_core.errors import OutputBusy, OutputDriverMissing, OutputError, OutputFormatUnsupported
from sharpen_core.frame import Frame, Size
from sharpen_core.holders import holders
from sharpen_core.output.driver import LABEL, System, find_driver
from sharpen_core.output.i420 import rgb_to_i420
from sharpen_core.output.loopback import find_loopback, setup_hint
from sharpen_core.output.virtual_camera import VirtualCamera, virtual_camera_status

SETUP = "sharpened-camera setup"


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def camera(root, driver=None, clock=None):
    backend = register_camera(driver) if driver else register_camera()
    return VirtualCamera(system=System("Linux", root), backend=backend, clock=clock or Clock())


def frame(height=48, width=64):
    return Frame(np.full((height, width, 3), 90, np.uint8), 0, 0)


def test_sends_i420_to_our_device_and_not_to_the_first(tmp_path):
    make_loopback(tmp_path, 0, "OBS Virtual Camera")
    make_loopback(tmp_path, 7)
    output = camera(tmp_path)
    output.open(Size(48, 64), 30)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    output.send(Frame(pixels, 0, 0))
    driver = received[-1]
    assert driver.device() == str(tmp_path / "dev/video7")
    assert (driver.width, driver.height, driver.fps) == (64, 48, 30)
    assert driver.fourcc.to_bytes(4, "little") == b"I420"
    assert (driver.frames[0] == rgb_to_i420(pixels).reshape(-1)).all()
    output.close()
    output.close()
    assert driver.closed == 1


def test_size_is_fixed_for_the_session(tmp_path):
    make_loopback(tmp_path, 42)
    output = camera(tmp_path)
    output.open(Size(49, 65), 30)
    output.send(frame(49, 65))
    output.send(frame(100, 40))
    assert {len(sent) for sent in received[-1].frames} == {48 * 64 * 3 // 2}
    luma = received[-1].frames[1][: 48 * 64].reshape(48, 64)
    assert luma[24, 32] > 80
    assert luma[24, 2] == 16
    output.close()


def test_name_is_what_to_pick(tmp_path):
    make_loopback(tmp_path, 42)
    assert camera(tmp_path).name == "Sharpened Camera"


def test_two_of_our_devices_take_the_lower_number(tmp_path):
    for number in (10, 9):
        make_loopback(tmp_path, number)
    assert find_loopback(LABEL, tmp_path).node.name == "video9"


def test_a_device_without_its_node_is_said(tmp_path):
    make_loopback(tmp_path, 42)
    (tmp_path / "dev/video42").unlink()
    with pytest.raises(OutputError, match="no device"):
        camera(tmp_path).open(Size(48, 64), 30)


@pytest.mark.parametrize(
    "text",
    [
        f"Device /dev/video42 could not be opened: {os.strerror(errno.EBUSY)}",
        f"Virtual camera device /dev/video42 could not be configured: {os.strerror(errno.EBUSY)}",
        "Device /dev/video42 is not a video output device.",
        "virtual camera output could not be started",
    ],
)
def test_another_writer_is_busy(tmp_path, text):
    make_loopback(tmp_path, 42)
    process = tmp_path / "proc/77"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("obs\n", encoding="utf-8")
    (process / "fd/9").symlink_to(tmp_path / "dev/video42")
    with pytest.raises(OutputBusy, match=r"open in: obs"):
        camera(tmp_path, refusing_driver(text)).open(Size(48, 64), 30)
    assert holders(tmp_path / "dev/video0", tmp_path / "proc") == []


def test_other_refusals_are_told_apart(tmp_path):
    make_loopback(tmp_path, 42)
    for text, error, words in [
        ("Could not access /dev/video42 due to missing permissions. Did you", OutputError, "usermod"),
        ("Virtual camera device /dev/video42 could not be configured: Invalid argument", OutputFormatUnsupported, "size"),
        ("something new", OutputError, "something new"),
    ]:
        with pytest.raises(error, match=words):
            camera(tmp_path, refusing_driver(text)).open(Size(48, 64), 30)


def test_too_small_a_size_is_refused(tmp_path):
    make_loopback(tmp_path, 42)
    with pytest.raises(OutputFormatUnsupported):
        camera(tmp_path).open(Size(1, 64), 30)


def test_the_device_is_looked_at_once_a_second(tmp_path):
    entry, clock = make_loopback(tmp_path, 42), Clock()
    output = camera(tmp_path, clock=clock)
    output.open(Size(48, 64), 30)
    (tmp_path / "dev/video42").unlink()
    clock.now += 0.9
    output.send(frame())
    clock.now += 0.2
    with pytest.raises(OutputError, match="has gone"):
        output.send(frame())
    (tmp_path / "dev/video42").touch()
    (entry / "name").write_text("OBS Virtual Camera", encoding="utf-8")
    clock.now += 1
    with pytest.raises(OutputError, match="has gone"):
        output.send(frame())
    output.close()


def test_a_reader_that_holds_another_size_is_noticed(tmp_path):
    entry, clock = make_loopback(tmp_path, 42, fmt="YU12:64x48@30\n"), Clock()
    output = camera(tmp_path, clock=clock)
    output.open(Size(48, 64), 30)
    (entry / "format").write_text("YU12:640x480@30/1\n", encoding="utf-8")
    clock.now += 1
    with pytest.raises(OutputBusy, match="640x480 instead of 64x48"):
        output.send(frame())
    output.close()
    with pytest.raises(OutputBusy):
        output.open(Size(48, 64), 30)
    assert received[-1].closed == 1


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what happens to a device")


@linux_only
def test_frames_that_never_arrive_are_noticed(tmp_path):
    make_loopback(tmp_path, 42)
    output = camera(tmp_path)
    output.open(Size(48, 64), 30)
    for _ in range(10):
        output.send(frame())
    received[-1].silent = True  # as pyvirtualcam when the device takes no writes
    for _ in range(4):
        output.send(frame())
    with pytest.raises(OutputError, match="takes no frames"):
        output.send(frame())
    output.close()


@linux_only
def test_a_second_writer_is_noticed_by_its_frames(tmp_path):
    make_loopback(tmp_path, 42)
    clock = Clock()
    output = camera(tmp_path, clock=clock)
    output.open(Size(48, 64), 30)
    with open(tmp_path / "dev/video42", "wb", buffering=0) as other:
        for _ in range(4):
            other.write(b"frame")
            output.send(frame())
    clock.now += 1
    with pytest.raises(OutputBusy, match="another program writes"):
        output.send(frame())
    output.close()


def test_a_device_that_was_made_anew_is_not_the_one_that_was_opened(tmp_path):
    make_loopback(tmp_path, 42)
    clock = Clock()
    output = camera(tmp_path, clock=clock)
    output.open(Size(48, 64), 30)
    (tmp_path / "dev/other").touch()
    (tmp_path / "dev/other").replace(tmp_path / "dev/video42")  # as after its driver was loaded again
    clock.now += 1
    with pytest.raises(OutputError, match="has gone"):
        output.send(frame())
    output.open(Size(48, 64), 30)
    output.send(frame())
    output.close()


def test_a_reader_that_holds_another_pixel_format_is_noticed(tmp_path):
    entry, clock = make_loopback(tmp_path, 42, fmt="YU12:64x48@30\n"), Clock()
    output = camera(tmp_path, clock=clock)
    output.open(Size(48, 64), 30)
    (entry / "format").write_text("YUYV:64x48@30\n", encoding="utf-8")
    clock.now += 1
    with pytest.raises(OutputBusy, match="at YUYV instead of YU12"):
        output.send(frame())
    output.close()


@linux_only
def test_watchers_are_counted_while_it_is_open(tmp_path):
    make_loopback(tmp_path, 42)
    (tmp_path / "proc").mkdir()
    output = camera(tmp_path)
    assert output.watchers() is None
    output.open(Size(48, 64), 30)
    assert output.watchers() in (0, None)  # not looked yet
    with open(tmp_path / "dev/video42", "rb"):
        assert output.watchers() == 1
    output.close()
    assert output.watchers() is None


def test_a_driver_that_fails_on_a_frame_is_an_output_error(tmp_path):
    make_loopback(tmp_path, 42)
    output = camera(tmp_path)
    output.open(Size(48, 64), 30)

    def fail(_):
        raise RuntimeError("Stream does not exist.")

    received[-1].send = fail
    with pytest.raises(OutputError, match="Stream does not exist"):
        output.send(frame())
    output.close()


DISTRIBUTIONS = {
    'ID=debian\nNAME="Debian"': "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)",
    'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"': "sudo apt install",
    "ID=fedora": "sudo dnf install akmod-v4l2loopback",
    'ID="rocky"\nID_LIKE="rhel centos fedora"': "sudo dnf install",
    "ID=manjaro\nID_LIKE=arch": "sudo pacman -S v4l2loopback-dkms",
    'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"': "sudo zypper install v4l2loopback-kmp-default",
    "ID=void": "your distribution's package manager",
    "": "your distribution's package manager",
}


@pytest.mark.parametrize("os_release", DISTRIBUTIONS)
def test_hint_installs_for_this_distribution(tmp_path, os_release):
    make_computer(tmp_path, os_release=os_release)
    make_loopback(tmp_path, 0, "OBS Virtual Camera")
    with pytest.raises(OutputDriverMissing) as caught:
        camera(tmp_path).open(Size(48, 64), 30)
    assert DISTRIBUTIONS[os_release] in caught.value.hint
    assert caught.value.hint.endswith(SETUP)
    assert "\n" not in str(caught.value)


def test_hint_is_the_command_where_the_module_is_installed(tmp_path):
    make_computer(tmp_path, os_release="ID=debian", modules="updates/dkms/v4l2loopback.ko.xz: kernel/x.ko\n")
    assert setup_hint(tmp_path) == f"run: {SETUP}"


def test_hint_leaves_a_module_that_is_loaded_for_others_to_setup(tmp_path):
    make_computer(tmp_path, loaded=True)
    assert setup_hint(tmp_path) == f"run: {SETUP}"


def test_status_on_linux(tmp_path):
    status = virtual_camera_status(system=System("Linux", tmp_path))
    assert (status.available, status.name_to_pick, status.device) == (False, "Sharpened Camera", None)
    assert status.install_hint
    make_loopback(tmp_path, 42)
    status = virtual_camera_status(system=System("Linux", tmp_path))
    assert (status.available, status.device, status.install_hint) == (True, str(tmp_path / "dev/video42"), "")


def test_windows_prefers_unity_capture_under_our_name_then_obs():
    unity = r"CLSID\{5C2CD55C-92AD-4999-8666-912BD3E70012}"  # the second camera: 11 is reserved
    obs = r"CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
    registry = {unity: "Sharpened Camera", obs: "OBS Virtual Camera"}
    driver = find_driver(system=System("Windows", class_name=registry.get))
    assert (driver.backend, driver.device, driver.name_to_pick) == ("unitycapture", "Sharpened Camera", "Sharpened Camera")
    registry[unity] = "Unity Video Capture"
    status = virtual_camera_status(system=System("Windows", class_name=registry.get))
    assert (status.available, status.name_to_pick) == (True, "OBS Virtual Camera")
    status = virtual_camera_status(system=System("Windows", class_name={}.get))
    assert not status.available
    assert "OBS Studio" in status.install_hint


def test_macos_uses_obs(tmp_path):
    status = virtual_camera_status(system=System("Darwin", tmp_path))
    assert not status.available
    assert "OBS Studio 30" in status.install_hint
    (tmp_path / "Library/SystemExtensions/X/com.obsproject.obs-studio.mac-camera-extension.systemextension").mkdir(parents=True)
    driver = find_driver(system=System("Darwin", tmp_path))
    assert (driver.backend, driver.name_to_pick) == ("obs", "OBS Virtual Camera")


def test_other_systems_have_none():
    with pytest.raises(OutputDriverMissing, match="Plan9"):
        find_driver(system=System("Plan9"))


def test_this_computer_can_be_asked():
    assert virtual_camera_status().name_to_pick
