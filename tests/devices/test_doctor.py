"""`sharpened-camera doctor` in a guest of which one layer is broken: the line of that layer says so."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from device_lab import NAME, PYTHON, REPOSITORY, WEBCAM, Lab, code_of_reader, code_of_writer

from sharpened_camera.diagnosis.report import KINDS

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

# Findings that are not produced here: on other systems, about a USB socket, and about a signed module.
NOT_HERE = {
    "unity-capture", "obs", "windows-none", "mac-none", "system-unknown", "camera-listed",
    "camera-no-driver",
    "module-signature",
}  # fmt: skip

Break = Callable[[Lab], object]
BOTH = ("0.12.7", "0.15.0")


@dataclass(frozen=True)
class Breakage:
    """A layer that is broken, and what the doctor must say: the layer, the code of the finding, its level, a word of its line.

    `also` are codes that other layers must tell because of it. `on` are the versions of v4l2loopback on which it is tried; one is
    enough where the module plays no part. The doctor is run by `user`, who is in `groups`, with this `environment`.
    """

    name: str
    make: Break
    layer: str
    code: str
    level: str
    word: str = ""
    also: tuple[str, ...] = ()
    on: tuple[str, ...] = ("0.15.0",)
    user: str = "root"
    groups: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def nothing(_: Lab) -> None:
    pass


def both(*breaks: Break) -> Break:
    return lambda lab: [one(lab) for one in breaks]


def unplug(lab: Lab) -> None:
    lab.machine.ask("unplug")


def unload(lab: Lab) -> None:
    lab.unload()


def take_camera(lab: Lab) -> None:
    lab.start_other(code_of_reader(lab.machine.ask("webcam")), until="reading")


def open_node(node: str) -> Break:
    return lambda lab: lab.start_other(f"file = open({node!r}, 'rb', 0)\nprint('open', flush=True)\nimport time\ntime.sleep(999)", "open")


def drop_frames(percent: int) -> Break:
    """A webcam of whose pictures only some, or none, arrive."""

    def make(lab: Lab) -> None:
        lab.replace_webcam(WEBCAM.replace("no_error_inj=1", "no_error_inj=0"))
        lab.machine.ask("set_control", name="percentage_of_dropped_buffers", value=percent)

    return make


def write_to_device(lab: Lab) -> None:
    lab.start_other(code_of_writer("/dev/video42"), until="writing")


def lock_device(lab: Lab) -> None:
    write_to_device(lab)
    lab.machine.ask("tidy")


def close_nodes(mode: str) -> Break:
    return lambda lab: lab.sh(f"chmod {mode} /dev/video* && chgrp video /dev/video*")


def join_group(lab: Lab) -> None:
    lab.change("cp /etc/group /run/group && sed -i 's/^video:.*/&nobody/' /etc/group", undo="mv /run/group /etc/group")


def remove_uaccess(lab: Lab) -> None:
    for folder in ("/usr/lib/udev/rules.d", "/etc/udev/rules.d", "/run/udev/rules.d"):
        for rules in lab.sh(f"ls {folder}/*uaccess* {folder}/*camera* 2>/dev/null || true").split():
            lab.remove(rules)


def keep_source(*, headers: bool) -> Break:
    """DKMS has the module's source, and the running kernel no module."""

    def make(lab: Lab) -> None:
        lab.hide_module()
        lab.put("/var/lib/dkms/v4l2loopback/0.15.0/source/dkms.conf")
        lab.machine.undoing.append("rm -r /var/lib/dkms/v4l2loopback")
        if headers:
            lab.sh("mkdir /lib/modules/$(uname -r)/build")

    return make


def demand_signatures(lab: Lab) -> None:
    """As the firmware says it with Secure Boot."""
    lab.change("mount -t tmpfs firmware /sys/firmware", undo="umount /sys/firmware")
    variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    lab.sh(f"mkdir -p {variable.rsplit('/', 1)[0]} && printf '\\006\\000\\000\\000\\001' >{variable}")


def options(text: str) -> Break:
    return lambda lab: lab.put("/etc/modprobe.d/other.conf", text + "\n")


def load(**options: str) -> Break:
    return lambda lab: lab.load(**options)


def two(labels: str) -> Break:
    return load(devices="2", video_nr="42,43", card_label=f'"{labels}"', exclusive_caps="1,1")


def leave_socket(lab: Lab) -> None:
    """A daemon that was killed leaves its socket."""
    lab.machine.undoing.append("rm -f /run/user/pipewire-0")
    lab.sh(f"{PYTHON} -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/user/pipewire-0\")'")


def pipewire(*, manager: bool = True, bus: bool = True) -> Break:
    return lambda lab: lab.start_pipewire(manager=manager, bus=bus)


def put(path: str, text: str = "") -> Break:
    return lambda lab: lab.put(path, text)


def hide(path: str) -> Break:
    return lambda lab: lab.hide(path)


def remove(path: str) -> Break:
    return lambda lab: lab.remove(path)


def remove_pipewire_library(lab: Lab) -> None:
    lab.remove(lab.sh("ldconfig -p | sed -n 's/.*libpipewire-0.3.so.0 .*=> //p'").split()[0])


def damage_model(lab: Lab) -> None:
    model = f"{REPOSITORY}/models/fast/model-2.bin"
    lab.change(f"cp {model} /run/model.bin && echo damage >>{model}", undo=f"mv /run/model.bin {model}")


def break_openvino(lab: Lab) -> None:
    """A library of OpenVINO's is damaged, so that it cannot be loaded."""
    folder = lab.sh(f"{PYTHON} -c 'import importlib.util as u; print(u.find_spec(\"openvino\").submodule_search_locations[0])'").strip()
    for library in lab.sh(f"ls {folder}/_pyopenvino*.so").split():
        lab.hide(library)


PORTAL = "/usr/share/dbus-1/services/org.freedesktop.portal.Desktop.service"
DIALOGUES = "/usr/share/xdg-desktop-portal/portals"
CHROMIUM = "/run/home/.config/chromium/Local State"
FIREFOX = "/run/home/.mozilla/firefox/mine.default/prefs.js"
FLAG = '{"browser": {"enabled_labs_experiments": ["enable-webrtc-pipewire-camera@1"]}}'
PREFERENCE = 'user_pref("media.webrtc.camera.allow-pipewire", true);\n'

BREAKAGES = [
    Breakage("container", put("/run/.containerenv"), "system", "in-container", "note", also=("no-screen",)),
    Breakage("Flatpak", put("/.flatpak-info"), "system", "in-flatpak", "note", "app.mine", environment={"FLATPAK_ID": "app.mine"}),
    Breakage("Snap", nothing, "system", "in-snap", "note", "mine", environment={"SNAP_NAME": "mine"}),
    Breakage("webcam unplugged", unplug, "camera", "camera-none", "missing"),
    Breakage("nothing at all", both(unplug, unload), "rights", "rights-no-devices", "note", also=("camera-none", "name-none")),
    Breakage("webcam busy", take_camera, "camera", "camera-busy", "broken", "python"),
    Breakage("webcam held", lambda lab: open_node(lab.machine.ask("webcam"))(lab), "camera", "camera-held", "note", "python"),
    Breakage("webcam without node", lambda lab: lab.sh("rm /dev/video0"), "camera", "camera-not-passed", "broken", "/dev/video0"),
    Breakage("webcam not allowed", close_nodes("660"), "camera", "camera-denied", "broken", "vivid", user="nobody"),
    Breakage("webcam silent", drop_frames(100), "camera", "camera-silent", "broken", "delivers no frames"),
    Breakage("webcam slow", drop_frames(80), "camera", "camera-slow", "note", "light"),
    Breakage("user not in group", close_nodes("660"), "rights", "rights-not-in-group", "broken", "video", user="nobody"),
    Breakage("group new", both(close_nodes("660"), join_group), "rights", "rights-log-in-again", "broken", "video", user="nobody"),
    Breakage("nodes closed", close_nodes("600"), "rights", "rights-closed", "broken", "udevadm", user="nobody", groups="video"),
    Breakage("no uaccess", remove_uaccess, "rights", "rights-no-uaccess", "note", user="nobody", groups="video"),
    Breakage("module not loaded", unload, "kernel module", "module-not-loaded", "missing", also=("name-none",), on=BOTH),
    Breakage("module not installed", lambda lab: lab.hide_module(), "kernel module", "module-not-installed", "missing", "not installed"),
    Breakage("module of another kernel", lambda lab: lab.hide_module("6.0.0-other"), "kernel module", "module-other-kernel", "broken"),
    Breakage("module without headers", keep_source(headers=False), "kernel module", "module-no-headers", "broken", "headers"),
    Breakage("module not built", keep_source(headers=True), "kernel module", "module-not-built", "broken", "make.log"),
    Breakage("Secure Boot", both(unload, demand_signatures), "kernel module", "module-unsigned", "broken", "mokutil"),
    Breakage(
        "module blacklisted", both(unload, options("blacklist v4l2loopback")), "kernel module", "module-blacklisted", "broken", "other.conf"
    ),
    Breakage("old module", nothing, "kernel module", "module-old", "note", "0.12.7", on=("0.12.7",)),
    Breakage("another label", load(card_label="OBS"), "virtual camera", "camera-not-made", "missing", NAME, also=("others",), on=BOTH),
    Breakage("device without node", lambda lab: lab.sh("rm /dev/video42"), "virtual camera", "camera-no-node", "broken", "/dev/video42"),
    Breakage("exclusive_caps=0", load(exclusive_caps="0"), "virtual camera", "camera-caps-off", "broken", "Chromium", on=BOTH),
    Breakage("two of our name", two(f"{NAME},{NAME}"), "virtual camera", "camera-twice", "note", "2 devices", on=BOTH),
    Breakage("another camera beside", two(f"{NAME},OBS"), "virtual camera", "others", "note", "OBS"),
    Breakage("another writer", write_to_device, "virtual camera", "camera-taken", "broken", "python", on=BOTH),
    Breakage("device open", open_node("/dev/video42"), "virtual camera", "camera-open", "note", "python"),
    Breakage("locked by the last writer", lock_device, "virtual camera", "camera-locked", "note", "0.12.7", on=("0.12.7",)),
    Breakage(
        "options that conflict", options(f'options v4l2loopback card_label="{NAME}" exclusive_caps=0 video_nr=7'),
        "virtual camera", "options-conflict", "broken", "other.conf",
    ),
    Breakage(
        "options of another program", options("options v4l2loopback card_label=OBS exclusive_caps=1 video_nr=7"),
        "virtual camera", "options-foreign", "note", "other.conf",
    ),
    Breakage("nothing kept for the next start", nothing, "virtual camera", "camera-not-kept", "note", NAME),
    Breakage("PipeWire dead", leave_socket, "PipeWire", "pipewire-silent", "broken", "pipewire-0"),
    Breakage("no PipeWire", nothing, "PipeWire", "pipewire-absent", "note"),
    Breakage("PipeWire alone", pipewire(manager=False), "PipeWire", "pipewire-no-session", "broken", "wireplumber"),
    Breakage(
        "PipeWire's library missing", both(pipewire(manager=False), remove_pipewire_library), "PipeWire", "pipewire-no-library", "note"
    ),
    Breakage(
        "no portal", both(unload, pipewire(), remove(PORTAL)), "PipeWire", "portal-absent", "note", "desktop-portal", also=("name-unseen",)
    ),
    Breakage("no dialogues", both(pipewire(), hide(DIALOGUES)), "PipeWire", "portal-no-dialog", "note", "xdg-desktop-portal"),
    Breakage("no bus", pipewire(manager=False, bus=False), "PipeWire", "portal-no-bus", "note", "dbus"),
    Breakage(
        "PipeWire only", both(unload, pipewire()), "browsers", "chromium-flag-off", "note", "chromium",
        also=("pipewire-good", "portal-good", "firefox-pipewire-off", "name-pipewire"),
    ),
    Breakage(
        "PipeWire only, browsers ready", both(unload, pipewire(), put(CHROMIUM, FLAG), put(FIREFOX, PREFERENCE)),
        "browsers", "chromium-flag-on", "ok", "chromium", also=("firefox-pipewire-on", "name-pipewire"),
    ),
    Breakage("Firefox without PipeWire", put(FIREFOX, PREFERENCE), "browsers", "firefox-pipewire-alone", "note", "Firefox"),
    Breakage("browser as a Snap", put("/snap/bin/firefox"), "browsers", "browser-snap", "note", "firefox:camera"),
    Breakage("browser as a Flatpak", put("/var/lib/flatpak/app/org.mozilla.firefox/x"), "browsers", "browser-flatpak", "note", "override"),
    Breakage("engine broken", break_openvino, "engine", "engine-failed", "broken", "openvino"),
    Breakage("model damaged", damage_model, "model", "model-damaged", "broken"),
    Breakage("no model", hide(f"{REPOSITORY}/models"), "model", "model-none", "broken", also=("engine-untried",)),
]  # fmt: skip


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name.replace(" ", "-"))
def test_names_the_broken_layer(lab: Lab, breakage: Breakage) -> None:
    """The doctor names the layer that was broken, with a fix, and its exit code is that of the worst finding."""
    breakage.make(lab)
    report = lab.doctor(breakage.user, breakage.groups, **breakage.environment)
    found = [finding for finding in report["findings"] if (finding["layer"], finding["code"]) == (breakage.layer, breakage.code)]
    told = "\n".join(f"{one['level']} {one['layer']} ({one['code']}): {one['state']}" for one in report["findings"])
    assert found, f"not found in:\n{told}"
    assert found[0]["level"] == breakage.level
    assert breakage.word in found[0]["state"] + found[0]["fix"]
    assert found[0]["fix"] or breakage.level in ("ok", "note")
    assert {*breakage.also} <= {one["code"] for one in report["findings"]}, f"others are missing in:\n{told}"
    others = [one for one in report["findings"] if one["level"] == "broken" and one["layer"] != breakage.layer]
    assert breakage.user != "root" or not others, f"other layers are said to be broken:\n{told}"


def test_good(lab: Lab) -> None:
    """Where everything is in order the doctor says so, and the name to pick."""
    report = lab.doctor(DISPLAY=":97")
    codes = {finding["code"] for finding in report["findings"]}
    assert report["exit_code"] == 0, report
    assert report["name_to_pick"] == NAME
    assert codes >= GOOD
    assert codes & {"camera-good", "camera-slow", "camera-late"}, "the webcam was not measured"  # slow or late on a busy computer


def test_while_running(lab: Lab) -> None:
    """While the program runs, the doctor tells its own use from that of others."""
    lab.run().wait_until_live()
    lab.start_other(code_of_reader("/dev/video42"), until="reading")
    report = lab.doctor()
    codes = {finding["code"] for finding in report["findings"]}
    assert report["exit_code"] == 0, report
    assert codes >= RUNNING


GOOD = {
    "system", "screen", "rights-good", "module-loaded", "camera-made", "camera-idle", "browsers-direct", "engine-good", "model-good",
    "name-good",
}  # fmt: skip
RUNNING = {"camera-own", "camera-made", "camera-fed", "camera-watched", "name-good"}


def test_every_finding_is_produced() -> None:
    """All that the doctor can say on Linux is said in this lab."""
    said = {code for breakage in BREAKAGES for code in (breakage.code, *breakage.also)} | GOOD | RUNNING
    assert {kind.code for kind in KINDS} - said == NOT_HERE | {"camera-good", "camera-late"}
