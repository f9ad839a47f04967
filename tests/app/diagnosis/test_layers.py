"""Each layer broken in turn, and the line that the doctor then says. Every kind of finding is here."""
# ruff: noqa: E501  (a line of the table is a line)

import gzip
import lzma

import pytest
from computers import OURS, RELEASE, SECURE_BOOT, Bench
from loopback_tree import make_loopback

from sharpen_core.capture.base import CameraFormat
from sharpen_core.errors import CameraDisconnected, EngineUnavailable, ModelCorrupt, OutputDriverMissing, OutputError
from sharpen_core.frame import Size
from sharpen_core.output.pipewire.status import Surroundings
from sharpened_camera.camera_setup.files import modprobe_options
from sharpened_camera.diagnosis import camera, pipewire, report, sharpening
from sharpened_camera.diagnosis.computer import User
from sharpened_camera.diagnosis.finding import Level
from sharpened_camera.diagnosis.modprobe import Planned
from sharpened_camera.diagnosis.nodes import CAN_CAPTURE, CAN_OUTPUT, Rate
from sharpened_camera.diagnosis.report import KINDS, diagnose

SETUP = "run: sharpened-camera setup"
SIGNED = b"module~Module signature appended~\n"


class Trial:
    """What `Restorer` is here: fast, and never wrong."""

    precision = "f32"

    def __init__(self, *_):
        pass


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr(sharpening, "Restorer", Trial)
    return Bench(tmp_path)


def no_module(bench):
    bench.remove("sys/module/v4l2loopback", "sys/class/video4linux/video42", "dev/video42")


def not_installed(bench):
    bench.without_loopback()


def other_kernel(bench):
    not_installed(bench)
    bench.write("lib/modules/5.19.0/modules.dep", bench.module_entry())


def other_kernel_unlisted(bench):
    not_installed(bench)
    bench.write("lib/modules/5.19.0/extra/v4l2loopback.ko.zst", "")


def no_headers(bench):
    not_installed(bench)
    bench.write("var/lib/dkms/v4l2loopback/0.12.7/source", "")


def not_built(bench):
    no_headers(bench)
    bench.write(f"lib/modules/{RELEASE}/build", "")


def only_signed_modules(bench, module=b"module", suffix=""):
    no_module(bench)
    bench.write(SECURE_BOOT, b"\6\0\0\0\1")
    bench.write(f"lib/modules/{RELEASE}/modules.dep", bench.module_entry(suffix))
    bench.write(f"lib/modules/{RELEASE}/updates/dkms/v4l2loopback.ko{suffix}", module)


def forced_signatures(bench):
    no_module(bench)
    bench.write("sys/module/module/parameters/sig_enforce", "Y\n")


def old_module(bench):
    bench.remove("sys/module/v4l2loopback/version")
    bench.write("var/lib/dkms/v4l2loopback/0.12.7/source", "")


def locked(bench):
    old_module(bench)
    bench.nodes.capabilities_of["video42"] = 0x05000000


def visible_caps(bench):
    bench.nodes.capabilities_of["video42"] = CAN_CAPTURE | CAN_OUTPUT


def visible_caps_by_parameter(bench):
    del bench.nodes.capabilities_of["video42"]
    bench.write("sys/module/v4l2loopback/parameters/video_nr", "9,42,-1,-1\n")
    bench.write("sys/module/v4l2loopback/parameters/exclusive_caps", "Y,N,N,N\n")


def unknown_caps(bench):
    del bench.nodes.capabilities_of["video42"]


def taken_by_obs(bench):
    bench.feed()
    bench.run("obs", "/dev/video42")


def taken_by_one_of_two(bench):
    bench.feed()
    bench.run("obs", "/dev/video42")
    bench.run("zoom", "/dev/video42")


def taken_by_a_writer(bench):
    bench.feed()
    bench.run("ffmpeg", "/dev/video42", flags="0100001")
    bench.run("zoom", "/dev/video42")


def fed_by_us(bench):
    bench.feed()
    bench.run("python3", "/dev/video42", command="/usr/bin/python3\0/usr/bin/sharpened-camera\0run\0")
    bench.run("chromium", "/dev/video42")
    bench.run("wireplumber", "/dev/video42")


def conflicting_options(bench):
    bench.write("usr/lib/modprobe.d/v4l2loopback.conf", 'options v4l2loopback video_nr=9 card_label="OBS Virtual Camera"\n')


def foreign_options(bench):
    no_module(bench)
    bench.remove("etc/modprobe.d")
    bench.write("usr/lib/modprobe.d/98-v4l2loopback.conf", 'options v4l2loopback exclusive_caps=1 card_label="OBS Virtual Camera"\n')


def two_of_ours(bench):
    make_loopback(bench.root, 43)


def beside_obs(bench):
    make_loopback(bench.root, 9, "OBS Virtual Camera")
    bench.write("sys/class/video4linux/video9/max_openers", "10")


def by_hand(bench):
    bench.remove("etc/modprobe.d", "etc/modules-load.d")


def no_cameras(bench):
    bench.cameras = []
    bench.remove("sys/class/video4linux/video0", "dev/video0")


def no_camera_driver(bench):
    no_cameras(bench)
    bench.write("sys/bus/usb/devices/1-2/product", "C920\n")
    bench.write("sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "0e\n")


def camera_not_passed(bench):
    bench.cameras = []
    bench.remove("dev/video0")


def camera_busy(bench):
    bench.nodes.streaming.add("video0")
    bench.run("zoom", "/dev/video0")


def camera_busy_for_a_stranger(bench):
    bench.nodes.streaming.add("video0")


def camera_ours(bench):
    bench.nodes.streaming.add("video0")
    bench.run("sharpened-camer", "/dev/video0", command="/usr/bin/python3\0-m\0sharpened_camera\0")


def camera_held(bench):
    bench.run("chrome", "/dev/video0")


def slow_camera(bench):
    bench.nodes.rate = Rate(CameraFormat(Size(720, 1280), 30.0, "YUYV"), 4.98)


def silent_camera(bench):
    bench.nodes.error = CameraDisconnected("the camera 'Brio' delivers no frames", "Plug it out and in again")


def denied(bench):
    bench.user = User("bob", 1001, frozenset({1001}))
    bench.environment["XDG_RUNTIME_DIR"] = "/run/user/1000"
    bench.nodes.closed = {"video0", "video42"}


def log_in_again(bench):
    bench.user = User("ada", 1000, frozenset({1000}))
    bench.nodes.closed = {"video0"}


def closed(bench):
    bench.nodes.closed = {"video42"}


def only_pipewire(bench):
    not_installed(bench)


def only_pipewire_with(*browsers):
    def broken(bench):
        only_pipewire(bench)
        for browser in browsers:
            bench.write(f"usr/bin/{browser}", "")

    return broken


def chromium_flag(bench):
    only_pipewire_with("chromium")(bench)
    bench.write("home/ada/.config/chromium/Local State", '{"browser": {"enabled_labs_experiments": ["enable-webrtc-pipewire-camera@1"]}}')


def firefox_preference(bench):
    only_pipewire_with("firefox")(bench)
    bench.write("home/ada/.mozilla/firefox/x.default/prefs.js", 'user_pref("media.webrtc.camera.allow-pipewire", true);\n')


def firefox_alone(bench):
    firefox_preference_with_loopback(bench)
    bench.remove("run/user/1000/pipewire-0")


def firefox_preference_with_loopback(bench):
    bench.write("usr/bin/firefox", "")
    bench.write("home/ada/.mozilla/firefox/x.default/prefs.js", 'user_pref("media.webrtc.camera.allow-pipewire", true);\n')


def silent_pipewire(bench):
    bench.answers = False


def raising(error):
    def ask():
        raise error

    def broken(bench):
        bench.pipewire = ask

    return broken


def no_session_manager(bench):
    bench.pipewire = lambda: Surroundings("0.3.65", None, ())


def pipewire_without_portal(bench):
    not_installed(bench)
    bench.remove("usr/share/dbus-1")


def windows(bench, **registry):
    bench.name = "Windows"
    bench.registry = {r"CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}": "OBS"} if "obs" in registry else {}
    if "unity" in registry:
        bench.registry[r"CLSID\{5C2CD55C-92AD-4999-8666-912BD3E70010}"] = "Sharpened Camera"


def renamed(name):
    def broken(bench):
        bench.name = name

    return broken


def environment(**variables):
    def broken(bench):
        bench.environment.update(variables)

    return broken


def write(path, text=""):
    def broken(bench):
        bench.write(path, text)

    return broken


def remove(*paths):
    def broken(bench):
        bench.remove(*paths)

    return broken


def healthy(bench):
    pass


def remembered(bench):
    bench.write("usr/bin/google-chrome", "")


NO_BUS = ("no D-Bus session", "dbus-run-session")

# How to break it, the code, a part of the line, a part of the fix.
CASES = [
    (healthy, "system", "Linux", ""),
    (write("/.flatpak-info".lstrip("/")), "in-flatpak", "inside Flatpak", "flatpak override --user --device=all ID"),
    (environment(SNAP_NAME="sharpened-camera"), "in-snap", "inside a Snap", "sudo snap connect sharpened-camera:camera"),
    (write("run/.containerenv"), "in-container", "inside a container", "--device /dev/video42"),
    (healthy, "screen", "the window can open", ""),
    (lambda bench: bench.environment.pop("DISPLAY"), "no-screen", "no screen", "sharpened-camera run"),
    (healthy, "camera-good", "'Brio' (/dev/video0) delivers 1920x1080 MJPG, measured 29.9 frames a second; it offers 1920x1080 MJPG, 1280x720 YUYV", ""),
    (no_cameras, "camera-none", "no camera is connected", "--camera test"),
    (no_camera_driver, "camera-no-driver", "'C920' is plugged in, but has no driver", "sudo modprobe uvcvideo"),
    (camera_not_passed, "camera-not-passed", "'Brio' has no device file /dev/video0", "pass the device through"),
    (denied, "camera-denied", "this user may not open 'Brio' (/dev/video0)", "rights"),
    (camera_busy, "camera-busy", "'Brio' (/dev/video0) is used by zoom", "close that program's camera"),
    (camera_busy_for_a_stranger, "camera-busy", "is used by a program of another user", "close"),
    (camera_ours, "camera-own", "'Brio' (/dev/video0) is used by Sharpened Camera", ""),
    (camera_held, "camera-held", "is open in chrome, which takes no pictures; so it was not measured", ""),
    (slow_camera, "camera-slow", "delivers 1280x720 YUYV, measured only 5.0 of 30 frames a second", "more light"),
    (silent_camera, "camera-silent", "'Brio' (/dev/video0) gives no picture: the camera 'Brio' delivers no frames", "Plug it out and in again"),
    (renamed("Darwin"), "camera-listed", "'Brio' is connected", ""),
    (healthy, "rights-good", "this user may open /dev/video0, /dev/video42", ""),
    (lambda bench: (no_module(bench), no_cameras(bench)), "rights-no-devices", "no video devices", ""),
    (denied, "rights-not-in-group", "this user may not open /dev/video0, /dev/video42, which need the group 'video'", "sudo usermod -aG video bob"),
    (log_in_again, "rights-log-in-again", "is in the group 'video', but has not logged in since", "log out and in"),
    (closed, "rights-closed", "this user may not open /dev/video42, although it is in their group", "sudo udevadm trigger"),
    (remove("usr/lib/udev"), "rights-no-uaccess", "no udev rule", "nothing has to be done"),
    (healthy, "module-loaded", "v4l2loopback 0.15.0 is loaded", ""),
    (old_module, "module-old", "v4l2loopback 0.12.7 locks a camera when its writer ends", "0.13"),
    (remove("sys/module/v4l2loopback/version"), "module-old", "v4l2loopback older than 0.13 locks", "0.13"),
    (no_module, "module-not-loaded", f"installed for kernel {RELEASE}, but not loaded", SETUP),
    (not_installed, "module-not-installed", "v4l2loopback is not installed", f"sudo apt install v4l2loopback-dkms linux-headers-{RELEASE}"),
    (other_kernel, "module-other-kernel", f"installed for kernel 5.19.0, not for {RELEASE}", "restart the computer"),
    (other_kernel_unlisted, "module-other-kernel", "installed for kernel 5.19.0, not for", "restart the computer"),
    (no_headers, "module-no-headers", "v4l2loopback 0.12.7 could not be built", f"sudo apt install linux-headers-{RELEASE} && sudo dkms autoinstall"),
    (not_built, "module-not-built", f"v4l2loopback 0.12.7 is not built for kernel {RELEASE}", "sudo dkms autoinstall"),
    (only_signed_modules, "module-unsigned", "Secure Boot), and v4l2loopback is not signed", "mokutil --import"),
    (forced_signatures, "module-unsigned", "signed modules only", "mokutil --import"),
    (lambda bench: only_signed_modules(bench, SIGNED), "module-signature", "is signed by an unknown key", "Key was rejected"),
    (lambda bench: only_signed_modules(bench, lzma.compress(SIGNED), ".xz"), "module-signature", "is signed by an unknown key", ""),
    (lambda bench: only_signed_modules(bench, gzip.compress(b"plain"), ".gz"), "module-unsigned", "is not signed", ""),
    (lambda bench: only_signed_modules(bench, b"no archive", ".xz"), "module-signature", "an unknown key", ""),
    (write("etc/modprobe.d/a.conf", "blacklist v4l2loopback\n"), "module-blacklisted", "/etc/modprobe.d/a.conf keeps", "take that line out"),
    (healthy, "camera-made", "'Sharpened Camera' is /dev/video42 (number 42, exclusive_caps 1)", ""),
    (unknown_caps, "camera-made", "exclusive_caps unknown", ""),
    (no_module, "camera-not-made", "there is no virtual camera called 'Sharpened Camera'", SETUP),
    (remove("dev/video42"), "camera-no-node", "'Sharpened Camera' has no device file /dev/video42", "container"),
    (two_of_ours, "camera-twice", "2 devices are called 'Sharpened Camera'; /dev/video42 is used", "first"),
    (visible_caps, "camera-caps-off", "/dev/video42 has exclusive_caps=0: Chrome, Chromium, Edge and Teams do not list it", SETUP),
    (visible_caps_by_parameter, "camera-caps-off", "/dev/video42 has exclusive_caps=0", SETUP),
    (locked, "camera-locked", "/dev/video42 takes no writer since its last one ended: a fault of v4l2loopback until 0.12.7 (0.12.7)", "start Sharpened Camera"),
    (healthy, "camera-idle", "nobody writes to /dev/video42 now", ""),
    (fed_by_us, "camera-fed", "Sharpened Camera writes to /dev/video42", ""),
    (fed_by_us, "camera-watched", "/dev/video42 is read by chromium", ""),
    (taken_by_obs, "camera-taken", "another program writes to /dev/video42: obs", "close that program"),
    (taken_by_one_of_two, "camera-taken", "writes to /dev/video42: one of obs, zoom", "close"),
    (taken_by_a_writer, "camera-taken", "writes to /dev/video42: ffmpeg", "close"),
    (Bench.feed, "camera-taken", "one that this user may not see", "close"),
    (lambda bench: bench.run("zoom", "/dev/video42"), "camera-open", "/dev/video42 is open in zoom, while nobody writes to it", ""),
    (by_hand, "camera-not-kept", "is not made when the computer starts", SETUP),
    (conflicting_options, "options-conflict", "/etc/modprobe.d/sharpened-camera.conf and /usr/lib/modprobe.d/v4l2loopback.conf do not make", SETUP),
    (foreign_options, "options-foreign", "/usr/lib/modprobe.d/98-v4l2loopback.conf set up v4l2loopback for other cameras", SETUP),
    (beside_obs, "others", "left alone: OBS Virtual Camera (/dev/video9)", ""),
    (lambda bench: windows(bench, unity=True), "unity-capture", "Unity Capture is registered as 'Sharpened Camera'", ""),
    (lambda bench: windows(bench, obs=True), "obs", "calls show it as 'OBS Virtual Camera'", ""),
    (windows, "windows-none", "no virtual camera", "OBS Studio 28"),
    (renamed("Darwin"), "mac-none", "this Mac has no virtual camera", "OBS Studio 30"),
    (renamed("Plan9"), "system-unknown", "no virtual camera is known for Plan9", "record to a file"),
    (healthy, "pipewire-good", "PipeWire 1.0.5 answers; 'Sharpened Camera (PipeWire)' is published there", ""),
    (remove("run/user/1000/pipewire-0"), "pipewire-absent", "PipeWire does not run", "systemctl --user start pipewire"),
    (silent_pipewire, "pipewire-silent", "PipeWire's socket /run/user/1000/pipewire-0 is there, but nothing answers", "systemctl --user restart"),
    (raising(OutputError("did not answer")), "pipewire-silent", "nothing answers", "systemctl --user restart"),
    (raising(OutputDriverMissing("no library")), "pipewire-no-library", "libpipewire-0.3.so.0 is not installed", "libpipewire-0.3-0"),
    (no_session_manager, "pipewire-no-session", "no session manager", "systemctl --user start wireplumber"),
    (healthy, "portal-good", "the camera portal is installed", ""),
    (remove("usr/share/dbus-1"), "portal-absent", "the camera portal is not installed", "sudo apt install xdg-desktop-portal"),
    (remove("usr/share/xdg-desktop-portal"), "portal-no-dialog", "nothing to ask the user with", "sudo apt install"),
    (remove("run/user/1000/bus"), "portal-no-bus", *NO_BUS),
    (remembered, "browsers-direct", "google-chrome: the virtual camera is listed", ""),
    (only_pipewire_with("chromium"), "chromium-flag-off", "chromium does not read cameras there", "chrome://flags/#enable-webrtc-pipewire-camera"),
    (chromium_flag, "chromium-flag-on", "chromium reads cameras through PipeWire", ""),
    (only_pipewire_with("firefox-esr"), "firefox-pipewire-off", "Firefox does not read cameras there", "media.webrtc.camera.allow-pipewire to true"),
    (firefox_preference, "firefox-pipewire-on", "Firefox reads cameras through PipeWire", ""),
    (firefox_alone, "firefox-pipewire-alone", "through PipeWire only", "allow-pipewire to false"),
    (write("snap/bin/chromium"), "browser-snap", "chromium is a Snap", "sudo snap connect chromium:camera"),
    (write("var/lib/flatpak/app/org.mozilla.firefox/x"), "browser-flatpak", "org.mozilla.firefox is a Flatpak", "--device=all org.mozilla.firefox"),
    (healthy, "name-good", "pick 'Sharpened Camera' in the call", ""),
    (only_pipewire, "name-pipewire", "pick 'Sharpened Camera' in browsers that read cameras through PipeWire", SETUP),
    (pipewire_without_portal, "name-unseen", "without the camera portal no browser gets it", SETUP),
    (lambda bench: (not_installed(bench), silent_pipewire(bench)), "name-none", "others cannot see you yet", SETUP),
    (healthy, "engine-good", "onnxruntime (f32)", ""),
    (healthy, "model-good", "nafnet-tiny", ""),
]  # fmt: skip

# Broken in another way: see the tests at the end.
ELSEWHERE = {"camera-late", "engine-untried", "engine-failed", "model-damaged", "model-none"}
# Layers that follow from others.
RESULTS = {"name to pick", "browsers"}


@pytest.mark.parametrize(("breaking", "code", "state", "fix"), CASES, ids=[f"{number}-{case[1]}" for number, case in enumerate(CASES)])
def test_the_line_for_a_broken_layer(bench, breaking, code, state, fix):
    breaking(bench)
    findings = {finding.code: finding for finding in diagnose(bench.computer).findings}
    assert code in findings, findings
    finding = findings[code]
    assert state in finding.state
    assert fix in finding.fix
    assert "{" not in finding.state + finding.fix
    assert "\n" not in finding.state + finding.fix


def test_every_kind_is_broken_somewhere():
    assert {kind.code for kind in KINDS} == {code for _, code, _, _ in CASES} | ELSEWHERE
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_a_healthy_computer_has_nothing_to_mend(bench):
    found = diagnose(bench.computer)
    assert found.level is Level.GOOD
    assert found.exit_code == 0
    assert not [finding for finding in found.findings if finding.fix]
    assert list(dict.fromkeys(finding.layer for finding in found.findings)) == [*report.LAYERS, "name to pick"]


@pytest.mark.parametrize(
    ("breaking", "layer"),
    [
        (camera_busy, "camera"), (silent_camera, "camera"), (no_cameras, "camera"), (closed, "rights"),
        (write("etc/modprobe.d/a.conf", "blacklist v4l2loopback\n"), "kernel module"), (visible_caps, "virtual camera"),
        (taken_by_obs, "virtual camera"), (conflicting_options, "virtual camera"), (silent_pipewire, "PipeWire"),
        (no_session_manager, "PipeWire"),
    ],
)  # fmt: skip
def test_only_the_broken_layer_is_blamed(bench, breaking, layer):
    breaking(bench)
    found = diagnose(bench.computer)
    blamed = {finding.layer for finding in found.findings if finding.level in (Level.MISSING, Level.BROKEN)}
    assert blamed - RESULTS == {layer}
    assert found.exit_code in (3, 4)


def test_a_camera_that_somebody_uses_is_never_switched_on(bench):
    for breaking in (camera_busy, camera_held):
        breaking(bench)
        diagnose(bench.computer)
    assert bench.nodes.measured == []


def test_a_broker_that_has_the_camera_open_does_not_count(bench):
    bench.run("wireplumber", "/dev/video0")
    assert "camera-good" in {finding.code for finding in diagnose(bench.computer).findings}


def test_a_camera_that_starts_too_slowly_is_left_alone(bench):
    import threading

    answer = threading.Event()
    bench.nodes.measure = lambda camera, seconds: answer.wait(20) and bench.nodes.rate
    (finding,) = camera.check(bench.computer, patience_s=0.05)
    answer.set()
    assert (finding.code, finding.level) == ("camera-late", Level.NOTE)
    assert "'Brio' (/dev/video0) started too slowly" in finding.state


def test_an_engine_that_does_not_work(bench, monkeypatch):
    def refuse(*_, **__):
        raise EngineUnavailable("openvino is not installed", "Install it")

    monkeypatch.setattr(sharpening, "select_engine", refuse)
    finding = sharpening.check_engines(bench.computer)[0]
    assert (finding.code, finding.level) == ("engine-failed", Level.BROKEN)
    assert (finding.state, finding.fix) == ("openvino: openvino is not installed", "Install it")


def test_a_damaged_model_is_not_the_engines_fault(bench, monkeypatch):
    def refuse():
        raise ModelCorrupt("the model 'fast' is damaged", "install it again")

    monkeypatch.setattr(sharpening, "find_family", refuse)
    assert {finding.code for finding in sharpening.check_engines(bench.computer)} == {"engine-untried"}


def test_models_that_are_damaged_or_missing(bench, monkeypatch):
    monkeypatch.setattr(sharpening, "list_models", lambda: ([], [ModelCorrupt("the model 'odd' is damaged", "install it again")]))
    assert [finding.code for finding in sharpening.check_models(bench.computer)] == ["model-damaged"]
    monkeypatch.setattr(sharpening, "list_models", lambda: ([], []))
    assert [finding.code for finding in sharpening.check_models(bench.computer)] == ["model-none"]


def test_a_merged_line_is_no_conflict(bench):
    obs = Planned(9, "OBS Virtual Camera", exclusive=True)
    bench.write("etc/modprobe.d/sharpened-camera.conf", modprobe_options([obs, OURS]))
    bench.write("usr/lib/modprobe.d/98-v4l2loopback.conf", 'options v4l2loopback exclusive_caps=1 card_label="OBS Virtual Camera"\n')
    assert diagnose(bench.computer).level is Level.GOOD


@pytest.mark.parametrize("family", ["fedora", "arch", "opensuse-tumbleweed", "void"])
def test_every_distribution_has_its_own_command(bench, family):
    not_installed(bench)
    bench.write("etc/os-release", f'ID="{family}"\n')
    fixes = {finding.code: finding.fix for finding in diagnose(bench.computer).findings}
    tool = {"fedora": "dnf install", "arch": "pacman -S", "opensuse-tumbleweed": "zypper install", "void": "package manager"}[family]
    assert tool in fixes["module-not-installed"]


def test_a_pipewire_that_hangs_is_not_waited_for_for_ever(bench, monkeypatch):
    import threading

    answer = threading.Event()
    monkeypatch.setattr(pipewire, "_PATIENCE_S", 0.05)
    bench.pipewire = lambda: answer.wait(20)
    codes = {finding.code for finding in pipewire.check(bench.computer)}
    answer.set()
    assert "pipewire-silent" in codes
