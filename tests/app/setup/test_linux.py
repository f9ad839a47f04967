"""`setup` on Linux: the real script in a real shell, on files below a folder, with root's commands played by small scripts."""

import subprocess
from pathlib import Path

import pytest
from computers import OURS, RELEASE, SECURE_BOOT, Bench
from loopback_tree import make_loopback
from root_tools import install_tools, log_of

from sharpen_core.output.driver import LABEL
from sharpened_camera.camera_setup import linux
from sharpened_camera.camera_setup.command import set_up_here
from sharpened_camera.camera_setup.errors import Conflict, NotAllowed, SetupError
from sharpened_camera.camera_setup.files import (
    FILES,
    MODPROBE,
    MODPROBE_LAST,
    MODULES_LOAD,
    UDEV,
    modprobe_options,
    modules_load,
    udev_rule,
)
from sharpened_camera.camera_setup.linux import Surroundings, Wish, run_shell
from sharpened_camera.camera_setup.plan import Change, Now, Plan, plan_setup, plan_undo
from sharpened_camera.camera_setup.script import write_script
from sharpened_camera.diagnosis import report, sharpening
from sharpened_camera.diagnosis.computer import User
from sharpened_camera.diagnosis.finding import Level
from sharpened_camera.diagnosis.modprobe import planned, read_options
from sharpened_camera.diagnosis.nodes import CAN_CAPTURE, CAN_OUTPUT

PACKAGED = Path(__file__).parents[3] / "packaging/linux/system"
OBS_LINE = 'options v4l2loopback devices=1 video_nr=9 card_label="OBS Virtual Camera" exclusive_caps=1\n'


class Stage:
    """A computer on which setup was never run, and a person who agrees."""

    def __init__(self, bench):
        self.bench = bench
        bench.without_loopback()
        bench.write(f"lib/modules/{RELEASE}/modules.dep", bench.module_entry())
        bench.user = User("ada", 1000, frozenset({1000}))
        self.folders = install_tools(bench)
        self.said = []
        self.asked = []
        self.commands = []
        self.answer = True
        self.now_s = 0.0

    def run(self, command, script):
        self.commands.append(list(command))
        return run_shell([], script)

    def ask(self, question):
        self.asked.append(question)
        return self.answer

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds

    def set_up(self, **wish):
        around = Surroundings(self.said.append, self.ask, self.bench.computer, self.run, self.folders, self.clock, self.sleep)
        set_up_here(Wish(**wish), around)
        return self.said[-1]

    def text(self, path):
        file = self.bench.root / path.lstrip("/")
        return file.read_text(encoding="utf-8") if file.exists() else None

    def files(self):
        return {path for path in FILES if self.text(path) is not None}


@pytest.fixture
def stage(tmp_path):
    return Stage(Bench(tmp_path))


def test_the_camera_is_made_for_good(stage):
    assert stage.set_up() == "Done. Pick 'Sharpened Camera' in the call."
    assert stage.text(MODULES_LOAD) == modules_load()
    assert stage.text(UDEV) == udev_rule()
    assert stage.text(MODPROBE) == modprobe_options([OURS])
    assert stage.files() == {MODULES_LOAD, UDEV, MODPROBE}
    assert (stage.bench.root / MODPROBE[1:]).stat().st_mode & 0o777 == 0o644
    assert log_of(stage.bench) == ["modprobe v4l2loopback"]
    assert stage.commands == [["pkexec"]]
    assert stage.asked == ["Go on?"]
    assert not [path for path in stage.bench.root.glob("etc/**/*") if path.suffix not in (".conf", ".rules", "") and path.is_file()]


def test_the_doctor_is_content_afterwards(stage, monkeypatch):
    monkeypatch.setitem(report.LAYERS, "engine", sharpening.check_models)
    stage.set_up()
    stage.bench.nodes.capabilities_of["video42"] = CAN_OUTPUT
    assert report.diagnose(stage.bench.computer).level is Level.GOOD


def test_what_will_be_written_is_shown_before_the_question(stage):
    stage.answer = False
    with pytest.raises(NotAllowed, match="nothing was changed"):
        stage.set_up()
    shown = "\n".join(stage.said)
    for words in (MODULES_LOAD, UDEV, MODPROBE, 'card_label="Sharpened Camera" exclusive_caps=1', 'TAG+="uaccess"', "load v4l2loopback"):
        assert words in shown
    assert stage.files() == set()
    assert stage.commands == []


def test_a_dry_run_shows_the_script_and_changes_nothing(stage):
    stage.set_up(dry_run=True)
    assert "modprobe v4l2loopback" in stage.said[-1]
    assert "pkexec /bin/sh -s" in stage.said[-1]
    assert (stage.files(), stage.commands, stage.asked) == (set(), [], [])


def test_twice_is_once(stage):
    stage.set_up(yes=True)
    assert stage.set_up(yes=True) == "Nothing to do. Pick 'Sharpened Camera' in the call."
    assert stage.set_up(yes=True, number=42) == "Nothing to do. Pick 'Sharpened Camera' in the call."
    assert (len(stage.commands), stage.asked) == (1, [])


def test_another_number(stage):
    stage.set_up(number=7)
    assert "video_nr=7 " in (stage.text(MODPROBE) or "")
    stage.set_up(number=8)
    assert log_of(stage.bench)[1:] == ["modprobe -r v4l2loopback", "modprobe v4l2loopback"]
    assert (stage.bench.root / "dev/video8").exists()
    stage.set_up()
    assert "video_nr=8 " in (stage.text(MODPROBE) or "")  # and it stays


def test_a_number_that_is_taken(stage):
    with pytest.raises(Conflict, match=r"/dev/video0 belongs to 'Brio'.*--number 1"):
        stage.set_up(number=0)
    make_loopback(stage.bench.root, 42, "Capture card")
    stage.set_up()
    assert "video_nr=43 " in (stage.text(MODPROBE) or "")


def test_undo_takes_away_just_what_was_written(stage):
    before = {path: path.read_bytes() for path in stage.bench.root.rglob("*") if path.is_file()}
    stage.set_up()
    assert stage.set_up(undo=True) == "Done. What setup wrote is gone."
    assert log_of(stage.bench)[-1] == "modprobe -r v4l2loopback"
    after = {path: path.read_bytes() for path in stage.bench.root.rglob("*") if path.is_file() and path.name != "log"}
    assert after == before
    assert stage.set_up(undo=True) == "Nothing to remove."


def test_undo_leaves_and_names_what_a_person_has_changed(stage):
    stage.set_up()
    edited = (stage.text(MODPROBE) or "").replace("42", "40")
    stage.bench.write(MODPROBE[1:], edited)
    stage.bench.write(UDEV[1:], "# all mine\n")
    stage.set_up(undo=True)
    assert stage.files() == {MODPROBE, UDEV}
    assert stage.text(MODPROBE) == edited
    named = [line for line in stage.said if "stays as it is" in line]
    assert len(named) == 2
    assert any(MODPROBE in line and "a person has changed it since" in line for line in named)


def test_undo_while_a_program_uses_the_camera_waits_for_the_restart(stage):
    stage.set_up()
    stage.bench.run("zoom", "/dev/video42")
    assert "Restart the computer" in stage.set_up(undo=True)
    assert stage.files() == set()
    assert log_of(stage.bench) == ["modprobe v4l2loopback"]


# ---- other programs ----------------------------------------------------------------------------------------------------


def test_another_programs_line_is_joined_with_ours_and_its_file_left_alone(stage):
    file = stage.bench.write("usr/lib/modprobe.d/98-v4l2loopback.conf", OBS_LINE)
    stage.set_up()
    assert file.read_text(encoding="utf-8") == OBS_LINE
    assert 'devices=2 video_nr=9,42 card_label="OBS Virtual Camera,Sharpened Camera" exclusive_caps=1,1' in (stage.text(MODPROBE) or "")
    made = planned(read_options(stage.bench.computer))
    assert [(device.number, device.label) for device in made] == [(9, "OBS Virtual Camera"), (42, LABEL)]
    assert any("98-v4l2loopback.conf sets up v4l2loopback too" in line for line in stage.said)
    stage.set_up(undo=True)
    assert planned(read_options(stage.bench.computer)) == made[:1]


def test_a_line_that_comes_later_is_followed_by_ours(stage):
    stage.bench.write("etc/modprobe.d/v4l2loopback.conf", OBS_LINE)
    stage.set_up()
    assert stage.files() == {MODULES_LOAD, UDEV, MODPROBE_LAST}
    assert planned(read_options(stage.bench.computer))[1] == OURS


def test_a_program_that_comes_after_setup_is_joined_by_the_next_setup(stage):
    stage.set_up()
    stage.bench.write("etc/modprobe.d/v4l2loopback.conf", OBS_LINE)
    assert OURS not in planned(read_options(stage.bench.computer))
    stage.set_up()
    assert stage.files() == {MODULES_LOAD, UDEV, MODPROBE_LAST}
    assert OURS in planned(read_options(stage.bench.computer))


def test_a_line_of_the_user_for_our_camera_is_kept(stage):
    line = stage.bench.write("etc/modprobe.d/mine.conf", 'options v4l2loopback video_nr=5 card_label="Sharpened Camera" exclusive_caps=1\n')
    stage.set_up()
    assert stage.files() == {MODULES_LOAD, UDEV}
    assert line.exists()
    assert "mine.conf asks for this camera already" in "\n".join(stage.said)


def test_a_line_of_the_user_without_exclusive_caps_is_overruled(stage):
    stage.bench.write("etc/modprobe.d/mine.conf", 'options v4l2loopback video_nr=5,6 card_label="A,Sharpened Camera"\n')
    stage.set_up()
    made = planned(read_options(stage.bench.computer))
    assert [(device.number, device.label, device.exclusive) for device in made] == [(5, "A", False), (6, LABEL, True)]


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("etc/modprobe.d/zzz.conf", OBS_LINE, "zzz.conf has the last word"),
        ("proc/cmdline", "quiet v4l2loopback.video_nr=3", "the kernel's command line"),
        ("etc/modprobe.d/a.conf", "options v4l2loopback devices=8\n", "makes 8 cameras at most"),
        ("etc/modprobe.d/a.conf", 'options v4l2loopback card_label="$HOME"\n', "cannot be kept beside ours"),
        ("etc/modprobe.d/a.conf", 'options v4l2loopback card_label="a`b"\n', "cannot be kept beside ours"),
        ("etc/modprobe.d/a.conf", "blacklist v4l2loopback\n", "keeps v4l2loopback from being loaded"),
    ],
)
def test_what_cannot_be_joined_is_refused_before_anything_is_written(stage, path, text, words):
    stage.bench.write(path, text)
    with pytest.raises(Conflict, match=words):
        stage.set_up(yes=True)
    assert (stage.files(), stage.commands) == (set(), [])


def test_another_programs_camera_is_never_taken_away(stage):
    stage.bench.write("sys/module/v4l2loopback/version", "0.15.0")
    make_loopback(stage.bench.root, 9, "OBS Virtual Camera")
    stage.bench.write("sys/class/video4linux/video9/max_openers", "10")
    assert "Restart the computer" in stage.set_up()
    assert stage.files() == {MODULES_LOAD, UDEV, MODPROBE}
    assert log_of(stage.bench) == []
    assert "Restart the computer" in stage.set_up()
    assert len(stage.commands) == 1


def test_ours_is_added_beside_it_where_the_module_can(stage):
    stage.bench.write("sys/module/v4l2loopback/version", "0.15.0")
    make_loopback(stage.bench.root, 9, "OBS Virtual Camera")
    stage.bench.write("sys/class/video4linux/video9/max_openers", "10")
    stage.bench.write("dev/v4l2loopback", "")
    stage.bench.tools["v4l2loopback-ctl"] = "/usr/bin/v4l2loopback-ctl"
    assert stage.set_up() == "Done. Pick 'Sharpened Camera' in the call."
    assert log_of(stage.bench) == ["v4l2loopback-ctl add -n Sharpened Camera -x 1 /dev/video42"]
    stage.set_up(undo=True)
    assert log_of(stage.bench)[1:] == ["v4l2loopback-ctl delete /dev/video42"]
    assert (stage.bench.root / "dev/video9").exists()


def test_a_camera_without_exclusive_caps_is_made_again(stage):
    stage.set_up()
    stage.bench.nodes.capabilities_of["video42"] = CAN_CAPTURE | CAN_OUTPUT
    assert plan_setup(stage.bench.computer).now is Now.RELOAD
    stage.bench.run("zoom", "/dev/video42")
    assert "Restart the computer" in stage.set_up()


# ---- what goes wrong ---------------------------------------------------------------------------------------------------


def test_without_the_module_it_says_how_to_get_it_and_writes_nothing(stage):
    stage.bench.write(f"lib/modules/{RELEASE}/modules.dep", "")
    with pytest.raises(SetupError) as caught:
        stage.set_up(yes=True)
    assert caught.value.hint == f"sudo apt install v4l2loopback-dkms linux-headers-{RELEASE}"
    stage.bench.write("var/lib/dkms/v4l2loopback/0.12.7/source", "")
    with pytest.raises(SetupError, match=r"headers are missing.*linux-headers.*dkms autoinstall"):
        stage.set_up(yes=True)
    assert (stage.files(), stage.commands) == (set(), [])


@pytest.mark.parametrize(
    ("words", "secure", "said"),
    [
        ("could not insert 'v4l2loopback': Key was rejected by service", True, "Secure Boot.*mokutil --import"),
        ("could not insert 'v4l2loopback': Operation not permitted", True, "Secure Boot.*mokutil --import"),
        ("could not insert 'v4l2loopback': Exec format error", False, "did not obey: .*Exec format error.*doctor"),
        ("FATAL: Module v4l2loopback is in use.", False, "a program uses the camera"),
    ],
)
def test_a_module_that_does_not_load(stage, words, secure, said):
    if secure:
        stage.bench.write(SECURE_BOOT, b"\6\0\0\0\1")
    stage.bench.write("fails-modprobe", f"modprobe: ERROR: {words}\n")
    with pytest.raises(SetupError, match=said) as caught:
        stage.set_up()
    assert "the files are written" in caught.value.message
    assert caught.value.exit_code == 6
    assert stage.files() == {MODULES_LOAD, UDEV, MODPROBE}


def test_a_camera_that_does_not_appear_is_not_waited_for_for_ever(stage):
    stage.bench.root.joinpath("root-tools/modprobe").write_text("#!/bin/sh\n", encoding="utf-8")
    assert "has not appeared. Restart the computer" in stage.set_up()


@pytest.mark.parametrize(
    ("code", "stderr"),
    [(126, ""), (127, "Not authorized"), (1, "sudo: 3 incorrect password attempts"), (1, "ada is not in the sudoers file.")],
)
def test_a_permission_that_is_not_given(stage, code, stderr):
    stage.run = lambda command, script: subprocess.CompletedProcess(command, code, "", stderr)
    with pytest.raises(NotAllowed, match="nothing was changed") as caught:
        stage.set_up()
    assert caught.value.exit_code == 7


def test_who_asks_for_the_permission(stage):
    elevation = linux._elevation
    assert elevation(stage.bench.computer) == ["pkexec"]
    stage.bench.environment = {}
    assert elevation(stage.bench.computer) == ["sudo", "--"]
    stage.bench.tools.clear()
    with pytest.raises(NotAllowed, match="neither pkexec nor sudo"):
        elevation(stage.bench.computer)
    stage.bench.user = User("root", 0, frozenset({0}))
    assert elevation(stage.bench.computer) == []


def test_a_file_that_changes_between_the_question_and_the_answer(stage):
    def change(question):
        stage.bench.write(MODPROBE[1:], OBS_LINE)
        return True

    stage.ask = change
    with pytest.raises(Conflict, match="has changed meanwhile"):
        stage.set_up()
    assert stage.files() == {MODPROBE}
    assert stage.text(MODPROBE) == OBS_LINE
    assert log_of(stage.bench) == []


@pytest.mark.parametrize("target", ["elsewhere", "nothing"])
def test_a_link_in_place_of_a_file_is_never_followed(stage, target):
    (stage.bench.root / "elsewhere").write_text("precious", encoding="utf-8")
    link = stage.bench.root / UDEV[1:]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(stage.bench.root / target)
    stage.set_up()
    assert link.is_symlink()
    assert (stage.bench.root / "elsewhere").read_text(encoding="utf-8") == "precious"
    assert not (stage.bench.root / "nothing").exists()


def test_a_folder_that_cannot_be_written_leaves_no_half_file(stage):
    stage.bench.write("etc/modules-load.d", "a file in the way")
    with pytest.raises(SetupError, match="could not be written"):
        stage.set_up()
    assert stage.files() == set()
    assert log_of(stage.bench) == []


def test_inside_flatpak_it_says_where_to_run(stage):
    stage.bench.write(".flatpak-info", "")
    with pytest.raises(SetupError, match="inside Flatpak"):
        stage.set_up()


# ---- the script --------------------------------------------------------------------------------------------------------


def change(**fields):
    return Change(**({"path": MODPROBE, "text": "x\n", "before": None} | fields))


@pytest.mark.parametrize(
    "plan",
    [
        Plan((change(path="/etc/passwd"),), Now.LOAD, 42),
        Plan((change(text="a\nEND-OF-FILE\nrm -rf /\n"),), Now.LOAD, 42),
        Plan((change(text="no end"),), Now.LOAD, 42),
        Plan((change(text="\x1b[2J\n"),), Now.LOAD, 42),
        Plan((change(before="; rm -rf /"),), Now.LOAD, 42),
        Plan((), Now.ADD, 256),
        Plan((), Now.ADD, -1),
    ],
)
def test_what_is_not_ours_never_reaches_the_script(plan):
    with pytest.raises(ValueError, match=r"not ours|cannot be written|sha256|no device"):
        write_script(plan)


def test_texts_are_taken_literally(stage):
    text = "$(touch /tmp/x) `id` $HOME \\ '\"\n"
    plan = Plan((change(text=text),), Now.NOTHING, 42)
    done = run_shell([], write_script(plan, stage.bench.root, stage.folders))
    assert (done.returncode, stage.text(MODPROBE)) == (0, text)


def test_the_script_stops_at_the_first_failure(stage):
    plan = plan_setup(stage.bench.computer)
    done = run_shell([], write_script(plan, stage.bench.root, "/nowhere"))
    assert done.returncode != 0
    assert stage.files() == set()


def test_undo_of_nothing_needs_nobody(stage):
    assert plan_undo(stage.bench.computer).is_empty


@pytest.mark.parametrize(
    ("name", "body"),
    [("modules-load.conf", modules_load()), ("70-sharpened-camera.rules", udev_rule()), ("modprobe.conf", modprobe_options([OURS]))],
)
def test_packages_carry_the_same_settings(name, body):
    lines = (PACKAGED / name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# For packages: /usr/lib/")
    assert lines[1:] == body.splitlines()[1:]
