"""`sharpened-camera doctor` in a guest of which one layer is broken: the line of that layer says so."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from device_lab import NAME, PYTHON, Lab, code_of_reader, code_of_writer

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Breakage:
    """A layer that is broken, and what the doctor must say: the layer, the code of the finding, its level, a word of its line.

    `on` are the versions of v4l2loopback on which it is tried; one is enough where the module plays no part.
    """

    name: str
    make: Callable[[Lab], object]
    layer: str
    code: str
    level: str
    word: str = ""
    on: tuple[str, ...] = ("0.15.0",)
    user: str = "root"


def take_camera(lab: Lab) -> None:
    lab.start_other(code_of_reader(lab.machine.ask("webcam")), until="reading")


def write_to_device(lab: Lab) -> None:
    lab.start_other(code_of_writer("/dev/video42"), until="writing")


def lock_device(lab: Lab) -> None:
    write_to_device(lab)
    lab.machine.ask("tidy")


def drop_group(lab: Lab) -> None:
    lab.sh("chmod 660 /dev/video* && chgrp video /dev/video*")


def options(text: str) -> Callable[[Lab], None]:
    return lambda lab: lab.machine.ask("write", path="/etc/modprobe.d/other.conf", text=text + "\n")


def without_caps(lab: Lab) -> None:
    lab.load(exclusive_caps="0")


def twice(lab: Lab) -> None:
    lab.load(devices="2", video_nr="42,43", card_label=f'"{NAME},{NAME}"', exclusive_caps="1,1")


BOTH = ("0.12.7", "0.15.0")

BREAKAGES = [
    Breakage("webcam unplugged", lambda lab: lab.machine.ask("unplug"), "camera", "camera-none", "missing"),
    Breakage("webcam busy", take_camera, "camera", "camera-busy", "broken", "python"),
    Breakage("webcam without node", lambda lab: lab.sh("rm /dev/video0"), "camera", "camera-not-passed", "broken", "/dev/video0"),
    Breakage("webcam not allowed", drop_group, "camera", "camera-denied", "broken", "vivid", user="nobody"),
    Breakage("user not in group", drop_group, "rights", "rights-not-in-group", "broken", "video", user="nobody"),
    Breakage("module not loaded", lambda lab: lab.unload(), "kernel module", "module-not-loaded", "missing", on=BOTH),
    Breakage("module not installed", lambda lab: lab.hide_module(), "kernel module", "module-not-installed", "missing", "not installed"),
    Breakage("module of another kernel", lambda lab: lab.hide_module("6.0.0-other"), "kernel module", "module-other-kernel", "broken"),
    Breakage(
        "module blacklisted", lambda lab: (lab.unload(), options("blacklist v4l2loopback")(lab)),
        "kernel module", "module-blacklisted", "broken", "other.conf",
    ),
    Breakage("old module", lambda lab: None, "kernel module", "module-old", "note", "0.12.7", on=("0.12.7",)),
    Breakage("another label", lambda lab: lab.load(card_label="OBS"), "virtual camera", "camera-not-made", "missing", NAME, on=BOTH),
    Breakage("device without node", lambda lab: lab.sh("rm /dev/video42"), "virtual camera", "camera-no-node", "broken", "/dev/video42"),
    Breakage("exclusive_caps=0", without_caps, "virtual camera", "camera-caps-off", "broken", "Chromium", on=BOTH),
    Breakage("two of our name", twice, "virtual camera", "camera-twice", "note", "2 devices", on=BOTH),
    Breakage("another writer", write_to_device, "virtual camera", "camera-taken", "broken", "python", on=BOTH),
    Breakage("locked by the last writer", lock_device, "virtual camera", "camera-locked", "note", "0.12.7", on=("0.12.7",)),
    Breakage(
        "options that conflict", options(f'options v4l2loopback card_label="{NAME}" exclusive_caps=0 video_nr=7'),
        "virtual camera", "options-conflict", "broken", "other.conf",
    ),
    Breakage(
        "options of another program", options("options v4l2loopback card_label=OBS exclusive_caps=1 video_nr=7"),
        "virtual camera", "options-foreign", "note", "other.conf",
    ),
    Breakage("nothing kept for the next start", lambda lab: None, "virtual camera", "camera-not-kept", "note", NAME),
    Breakage(
        "PipeWire dead", lambda lab: lab.sh(f"{PYTHON} -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/user/pipewire-0\")'"),
        "PipeWire", "pipewire-silent", "broken", "pipewire-0",
    ),
    Breakage("no PipeWire", lambda lab: None, "PipeWire", "pipewire-absent", "note"),
    Breakage("model damaged", lambda lab: lab.damage_model(), "model", "model-damaged", "broken"),
]  # fmt: skip


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name.replace(" ", "-"))
def test_names_the_broken_layer(lab: Lab, breakage: Breakage) -> None:
    """The doctor names the layer that was broken, with a fix, and its exit code is that of the worst finding."""
    breakage.make(lab)
    report = lab.doctor(breakage.user)
    found = [finding for finding in report["findings"] if (finding["layer"], finding["code"]) == (breakage.layer, breakage.code)]
    told = "\n".join(f"{one['level']} {one['layer']} ({one['code']}): {one['state']}" for one in report["findings"])
    assert found, f"not found in:\n{told}"
    assert found[0]["level"] == breakage.level
    assert breakage.word in found[0]["state"] + found[0]["fix"]
    assert found[0]["fix"] or breakage.level == "note"
    others = [one for one in report["findings"] if one["level"] == "broken" and one["layer"] != breakage.layer]
    assert breakage.user != "root" or not others, f"other layers are said to be broken:\n{told}"


def test_good(lab: Lab) -> None:
    """Where everything is in order the doctor says so, and the name to pick."""
    report = lab.doctor()
    codes = {finding["code"] for finding in report["findings"]}
    assert report["exit_code"] == 0, report
    assert report["name_to_pick"] == NAME
    assert {"camera-made", "camera-idle", "name-good", "rights-good", "engine-good", "model-good"} <= codes
    assert codes & {"camera-good", "camera-slow", "camera-late"}, "the webcam was not measured"  # slow or late on a busy computer


def test_while_running(lab: Lab) -> None:
    """While the program runs, the doctor tells its own use from that of others."""
    lab.run().wait_until_live()
    report = lab.doctor()
    codes = {finding["code"] for finding in report["findings"]}
    assert report["exit_code"] == 0, report
    assert {"camera-own", "camera-made", "camera-fed", "name-good"} <= codes
