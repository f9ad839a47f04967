"""Setting up on Windows and macOS, against recorded answers of such systems."""

import plistlib
import subprocess

import pytest
from computers import Bench

from sharpened_camera.camera_setup import guides
from sharpened_camera.camera_setup.command import set_up_here
from sharpened_camera.camera_setup.errors import NotAllowed, SetupError
from sharpened_camera.camera_setup.guides import UNTRIED, find_libraries, set_up_windows
from sharpened_camera.camera_setup.linux import Surroundings, Wish

OBS = r"CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
UNITY = r"CLSID\{5C2CD55C-92AD-4999-8666-912BD3E70010}"
FOLDER = "home/ada/Downloads/UnityCapture-master/Install"


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def unpack(bench):
    for name in ("UnityCaptureFilter32.dll", "UnityCaptureFilter64.dll"):
        bench.write(f"{FOLDER}/{name}", "")


def windows(bench, code=0, answer=True, **wish):
    bench.name = "Windows"
    said, ran = [], []

    def run(command):
        ran.append(command)
        return code

    set_up_windows(Wish(**wish), Surroundings(said.append, lambda _: answer, bench.computer), run)
    assert said[0] == UNTRIED
    return said, ran


def test_unity_capture_is_registered_under_our_name(bench):
    unpack(bench)
    said, ran = windows(bench)
    folder = bench.root / FOLDER
    assert ran == [
        ["regsvr32", "/s", '"/i:UnityCaptureName=Sharpened Camera"', f'"{folder}/UnityCaptureFilter{bits}.dll"'] for bits in (32, 64)
    ]
    assert said[-1].startswith("Done. Pick 'Sharpened Camera' in the call.")


def test_program_files_come_before_downloads(bench):
    unpack(bench)
    bench.write("Program Files/UnityCapture/UnityCaptureFilter64.dll", "")
    bench.environment["ProgramFiles"] = "/Program Files"
    assert find_libraries(bench.computer) == [bench.root / "Program Files/UnityCapture/UnityCaptureFilter64.dll"]


def test_a_dry_run_and_a_no_register_nothing(bench):
    unpack(bench)
    said, ran = windows(bench, dry_run=True)
    assert ran == []
    assert "regsvr32" in said[1]
    with pytest.raises(NotAllowed):
        windows(bench, answer=False)


@pytest.mark.parametrize(("code", "error"), [(1223, NotAllowed), (3, SetupError)])
def test_windows_refuses(bench, code, error):
    unpack(bench)
    with pytest.raises(error):
        windows(bench, code=code)


def test_without_its_files_it_says_where_they_are(bench):
    with pytest.raises(SetupError, match=r"github.com/schellingb/UnityCapture.*OBS Studio 28"):
        windows(bench)


def test_what_is_there_is_enough(bench):
    bench.registry = {OBS: "OBS"}
    assert windows(bench) == ([UNTRIED, "Nothing to do. Pick 'OBS Virtual Camera' in the call."], [])
    bench.registry = {UNITY: "Sharpened Camera"}
    assert windows(bench) == ([UNTRIED, "Nothing to do. Pick 'Sharpened Camera' in the call."], [])


def test_undo_unregisters_only_our_name(bench):
    unpack(bench)
    bench.registry = {UNITY: "Unity Video Capture"}
    assert windows(bench, undo=True) == ([UNTRIED, "Nothing to remove."], [])
    bench.registry = {UNITY: "Sharpened Camera"}
    said, ran = windows(bench, undo=True)
    assert [command[:3] for command in ran] == [["regsvr32", "/s", "/u"]] * 2
    assert said[-1] == "Done."


def test_the_administrator_is_asked_by_windows(monkeypatch):
    ran = []

    def run(command, **_):
        ran.append(command)
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(guides.subprocess, "run", run)
    assert guides.run_elevated(["regsvr32", "/s", '"C:\\it\'s here\\a.dll"']) == 7
    assert "Start-Process 'regsvr32' -ArgumentList '/s','\"C:\\it''s here\\a.dll\"' -Verb RunAs" in ran[0][-1]


def mac(bench, **wish):
    bench.name = "Darwin"
    said = []
    set_up_here(Wish(**wish), Surroundings(said.append, lambda _: True, bench.computer))
    return said


def install_obs(bench, version):
    bench.write("Applications/OBS.app/Contents/Info.plist", plistlib.dumps({"CFBundleShortVersionString": version}))


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "is not installed.*30 or later"),
        ("29.1.3", "29.1.3 is too old.*30 or later"),
        ("30.2.0", "Start Virtual Camera once"),
        ("31", "press"),
    ],
)
def test_the_step_to_obs_that_is_missing(bench, version, words):
    if version:
        install_obs(bench, version)
    with pytest.raises(SetupError, match=words):
        mac(bench)


def test_a_property_list_that_is_none(bench):
    bench.write("home/ada/Applications/OBS.app/Contents/Info.plist", "nonsense")
    with pytest.raises(SetupError, match="OBS Studio 0 is too old"):
        mac(bench)


def test_obs_with_its_camera_is_enough(bench):
    bench.write("Library/SystemExtensions/x/com.obsproject.obs-studio.mac-camera-extension.systemextension/x", "")
    assert mac(bench) == [UNTRIED, "Nothing to do. Pick 'OBS Virtual Camera' in the call."]
    assert mac(bench, undo=True)[1].startswith("Nothing to remove")


def test_other_systems(bench):
    bench.name = "Plan9"
    with pytest.raises(SetupError, match="Plan9"):
        set_up_here(Wish(), Surroundings(print, lambda _: True, bench.computer))
