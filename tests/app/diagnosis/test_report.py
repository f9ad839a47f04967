"""The report as a whole: never a traceback, a stable JSON, an exit code, and a page that says the same."""

import json
import os
import re
from pathlib import Path

import pytest
from computers import Bench

from sharpened_camera.diagnosis import guide, report, sharpening
from sharpened_camera.diagnosis.computer import Computer, User, connects, run_tool
from sharpened_camera.diagnosis.finding import EXIT_CODES, Finding, Kind, Level, worst
from sharpened_camera.diagnosis.nodes import DeviceNodes
from sharpened_camera.diagnosis.report import KINDS, Report, diagnose

PAGE = Path(__file__).parents[3] / "docs/troubleshooting.md"
README = PAGE.parents[1] / "README.md"


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr(sharpening, "check_engines", lambda _: [])
    monkeypatch.setitem(report.LAYERS, "engine", lambda _: [])
    monkeypatch.setitem(report.LAYERS, "model", lambda _: [])
    return Bench(tmp_path)


def files_below(root):
    return [Path(folder) / name for folder, _, names in os.walk(root) for name in names]


@pytest.mark.parametrize("damage", ["folder", "garbage", "empty", "gone", "loop"])
def test_whatever_is_unreadable_is_no_traceback(bench, damage):
    for number, file in enumerate(files_below(bench.root)):
        if file.is_dir():
            continue
        file.unlink()
        if damage == "folder":
            file.mkdir()
        elif damage == "garbage":
            file.write_bytes(bytes((number * 7 + step * 131) % 256 for step in range(400)))
        elif damage == "empty":
            file.write_bytes(b"")
        elif damage == "loop":
            file.symlink_to(file)
    found = diagnose(bench.computer)
    assert "layer-failed" not in {finding.code for finding in found.findings}, found.as_text()
    assert all(line.isprintable() for line in found.as_text().splitlines())


def test_what_this_user_may_not_read_is_no_traceback(bench, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    for method in ("read_bytes", "iterdir", "exists", "glob", "stat"):
        monkeypatch.setattr(Path, method, refuse)
    found = diagnose(bench.computer)
    monkeypatch.undo()
    assert "layer-failed" not in {finding.code for finding in found.findings}, found.as_text()
    assert found.exit_code == 3


def test_a_computer_without_anything(tmp_path):
    bare = Computer(name="Linux", root=tmp_path / "nowhere", environment={}, cameras=list, connects=lambda _: False, run=lambda _: None)
    codes = {finding.code for finding in diagnose(bare).findings}
    assert {"camera-none", "module-not-installed", "camera-not-made", "pipewire-absent", "name-none"} <= codes


def test_a_layer_that_fails_is_told_and_the_others_go_on(bench, monkeypatch):
    def fail(_):
        raise RuntimeError("unforeseen\nin two lines")

    monkeypatch.setitem(report.LAYERS, "rights", fail)
    found = diagnose(bench.computer)
    failed = [finding for finding in found.findings if finding.code == "layer-failed"]
    assert [(finding.layer, finding.level) for finding in failed] == [("rights", Level.BROKEN)]
    assert "unforeseen" in failed[0].state
    assert "\n" not in failed[0].state
    assert "name-good" in {finding.code for finding in found.findings}


def test_a_camera_that_fails_in_an_unforeseen_way_is_told(bench):
    def fail(*_):
        raise RuntimeError("unforeseen")

    bench.nodes.measure = fail
    assert "layer-failed" in {finding.code for finding in diagnose(bench.computer).findings}


def test_names_of_devices_cannot_break_the_lines(bench):
    bench.write("sys/class/video4linux/video9/name", "Evil\x1b[31m\nok  camera: \u202e{0}{name}")
    bench.write("sys/class/video4linux/video9/max_openers", "10")
    (line,) = [finding for finding in diagnose(bench.computer).findings if finding.code == "others"]
    assert line.state.isprintable()
    assert "{0}{name}" in line.state


def test_json_is_stable(bench):
    bench.feed()
    bench.run("obs", "/dev/video42")
    found = diagnose(bench.computer)
    read = json.loads(found.as_json())
    assert list(read) == ["format", "level", "exit_code", "name_to_pick", "findings"]
    assert (read["format"], read["level"], read["exit_code"], read["name_to_pick"]) == (1, "broken", 4, "Sharpened Camera")
    assert {tuple(finding) for finding in read["findings"]} == {("layer", "code", "level", "state", "fix")}
    taken = next(finding for finding in read["findings"] if finding["code"] == "camera-taken")
    assert taken == {
        "layer": "virtual camera",
        "code": "camera-taken",
        "level": "broken",
        "state": "another program writes to /dev/video42: obs",
        "fix": "close that program, or stop its virtual camera",
    }


@pytest.mark.parametrize(
    ("levels", "code"), [((), 0), ((Level.GOOD, Level.NOTE), 0), ((Level.MISSING, Level.NOTE), 3), ((Level.BROKEN, Level.MISSING), 4)]
)
def test_the_exit_code_is_that_of_the_worst(levels, code):
    findings = tuple(Finding("a", "b", level, "c") for level in levels)
    assert Report("x", findings).exit_code == code
    assert EXIT_CODES[worst(findings)] == code


def test_the_words_have_a_line_for_each_fix(bench):
    bench.remove("dev/video42")
    text = diagnose(bench.computer).as_text()
    assert "broken   virtual camera: 'Sharpened Camera' has no device file /dev/video42\n         → in a container" in text


def test_the_name_to_pick_on_other_systems(bench):
    for name, pick in (("Linux", "Sharpened Camera"), ("Darwin", "OBS Virtual Camera"), ("Windows", "OBS Virtual Camera")):
        bench.name = name
        assert diagnose(bench.computer).name_to_pick == pick


def test_the_readme_has_the_faults():
    assert guide.render_faults() in README.read_text("utf-8"), "python -m sharpened_camera.diagnosis.guide --faults prints the table"


def test_the_page_is_the_table():
    assert PAGE.read_text("utf-8") == guide.render(), "run: python -m sharpened_camera.diagnosis.guide > docs/troubleshooting.md"


def test_every_kind_has_a_row_and_those_that_are_bad_a_fix():
    page = guide.render()
    for kind in KINDS:
        assert sum(f"| {guide._words(kind.state)} |" in line for line in page.splitlines()) == 1, kind.code
        assert kind.fix or kind.level in (Level.GOOD, Level.NOTE), kind.code
        assert re.fullmatch(r"[a-z-]+", kind.code)


def test_columns_and_words_survive_markdown():
    kind = Kind("a|b", "x", Level.BROKEN, "{fact} | <b> a_b *", "")
    assert "| **broken** | *fact* \\| &lt;b> a\\_b \\* | nothing |" in guide.render([kind])


def test_questions_that_files_do_not_answer(tmp_path):
    assert not connects(tmp_path / "nothing")
    assert run_tool(("sharpened-camera-no-such-tool",)) is None
    assert run_tool(("sh", "-c", "exit 3")) is None
    assert run_tool(("echo", "hello")) == "hello\n"
    assert User.this().groups
    nodes = DeviceNodes()
    plain = tmp_path / "plain"
    plain.touch()
    assert nodes.may_open(plain)
    assert nodes.capabilities(plain) is None
    assert nodes.capabilities(tmp_path / "none") is None
    assert not nodes.is_streaming(tmp_path / "none")


def test_a_camera_is_measured_by_its_frames_and_let_go(monkeypatch):
    from sharpen_core.capture.base import CameraFormat
    from sharpen_core.capture.devices import CameraDevice
    from sharpen_core.frame import Size
    from sharpened_camera.diagnosis import nodes

    closed = []

    class Clock:
        now_s = 0.0

        def monotonic(self):
            return self.now_s

    clock = Clock()

    class Camera:
        def __init__(self, device):
            pass

        def open(self):
            clock.now_s += 3
            return CameraFormat(Size(720, 1280), 30.0, "MJPG")

        def read(self):
            clock.now_s += 0.1

        def close(self):
            closed.append(True)

    monkeypatch.setattr(nodes, "OpenCVCamera", Camera)
    monkeypatch.setattr(nodes, "time", clock)
    rate = DeviceNodes().measure(CameraDevice("Brio", 0, 200, "/dev/video0"), 1.0)
    assert rate.fps == pytest.approx(10)
    assert closed == [True]
