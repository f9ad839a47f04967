"""The sections, on frames so small that each takes a moment."""

from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sharpen_core.capture.clip import ClipCamera
from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.errors import EngineUnavailable
from sharpen_core.frame import Size
from sharpen_core.gauge import share_to_add
from sharpen_core.model_store import Model, find_model
from sharpen_core.tuning import trial_picture
from sharpened_camera.bench import measure as measuring
from sharpened_camera.bench import sessions
from sharpened_camera.bench.clips import MOVING, SCENES, SOFT, make_scene
from sharpened_camera.bench.measure import choose_sections, measure
from sharpened_camera.bench.networks import chart, measure_networks
from sharpened_camera.bench.options import BenchOptions
from sharpened_camera.bench.results import UNSHARP, Findings, MachineRow, NetworkRow, RoofRow
from sharpened_camera.bench.section import Section
from sharpened_camera.bench.stages import measure_stages

SIZE = Size(64, 96)
MACHINE = MachineRow("CPU", 8, 4, (), "Linux", {}, None)


def count_cores() -> int:
    """How many cores what is started here may use."""
    return len(psutil.Process().cpu_affinity() or ())


def quiet(_: str) -> None:
    pass


@pytest.fixture
def options(tmp_path: Path) -> BenchOptions:
    return BenchOptions((find_model("fast"),), (SIZE,), SIZE, 1, tmp_path, quick=True)


def test_every_way_of_a_model_is_measured(options: BenchOptions) -> None:
    rows = {(row.model, row.engine, row.precision): row for row in measure_networks(options, quiet)}
    for way in (("fast", "openvino", "f32"), ("fast", "onnxruntime", "f32"), (UNSHARP, "", "")):
        assert rows[way].median_ms > 0
        assert rows[way].size == "96x64"
    assert ("fast", "openvino", "bf16") in rows  # on a CPU without it, the row says so


def test_a_way_that_does_not_work_here_says_why(options: BenchOptions) -> None:
    model = options.models[0]
    broken = Model(options.scratch, model.manifest)  # its files are not there
    rows = list(measure_networks(BenchOptions((broken,), (SIZE,), SIZE, 1, options.scratch, quick=True), quiet))
    assert all("lacks its file" in row.note and not row.runs for row in rows if row.model == "fast")


def test_stages_come_in_the_order_of_a_frame(options: BenchOptions) -> None:
    stages = [row.stage for row in measure_stages(options, quiet)]
    assert [stage.split()[0] for stage in stages[:6]] == ["decode", "BGR", "network:", "around", "crispen", "RGB"]


def test_the_still_scene_is_still_but_for_noise(tmp_path: Path) -> None:
    clips = [make_scene(tmp_path, scene, SIZE, frames=8) for scene in SCENES]
    before = [clip.stat().st_mtime_ns for clip in clips]
    assert [make_scene(tmp_path, scene, SIZE, frames=8).stat().st_mtime_ns for scene in SCENES] == before


def test_a_scene_is_the_test_picture_uncompressed(tmp_path: Path) -> None:
    clip, chart = ClipCamera(make_scene(tmp_path, MOVING, SIZE, frames=3), paced=False), TestChartCamera(SIZE, paced=False)
    assert clip.open().size == chart.open().size == SIZE
    assert clip.open().fps == 30
    wanted, got = chart.read().astype(float), clip.read().astype(float)
    assert np.abs(wanted.mean((0, 1)) - got.mean((0, 1))).max() < 4


@pytest.mark.parametrize("size", [Size(120, 160), Size(240, 320), Size(720, 1280)])
def test_what_is_timed_is_soft_enough_to_be_computed(tmp_path: Path, size: Size) -> None:
    gauge = find_model("fast").gauge()
    assert gauge is not None
    clip = ClipCamera(make_scene(tmp_path, SOFT, size, frames=1), paced=False)
    clip.open()
    for picture in (clip.read(), chart(size), trial_picture(size)):
        assert share_to_add(gauge.read_whole(picture)) == 1


def test_a_scene_of_odd_size_is_cut(tmp_path: Path) -> None:
    clip = ClipCamera(make_scene(tmp_path, MOVING, Size(65, 97), frames=2), paced=False)
    assert clip.open().size == SIZE


def test_sessions_are_medians_of_several_runs(options: BenchOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BenchOptions, "sessions", 3)
    cores, ran = count_cores(), list[int]()

    def run(*_: object) -> dict[str, Any]:
        ran.append(count_cores())
        figure = (20.0, 40.0, 30.0)[len(ran) % 3]
        counts = {"frames_sent": int(figure), "frames_sharpened": 9, "frames_dropped": 0}
        latency = {"p50": figure, "p95": figure + 1, "p99": figure + 2}
        return counts | {
            "size": str(SIZE), "model": "fast", "engine": "openvino", "precision": "f32", "fps": figure, "latency_ms": latency,
            "cpu_percent": figure, "peak_rss_mb": figure, "rung_s": {"fast": figure},
        }  # fmt: skip

    monkeypatch.setattr(sessions, "run_program", run)
    rows = list(sessions.measure_sessions(options, quiet))
    assert [(row.scene, row.paced) for row in rows[:4]] == [("moving", True), ("still", True), ("moving", False), ("moving", False)]
    assert [row.one_core for row in rows] == 4 * [False] + (cores > 1) * [True]
    assert ran == (1 + 4 * 3) * [cores] + (cores > 1) * (1 + 3) * [1]
    assert count_cores() == cores
    for row in rows:
        assert (row.runs, row.fps, row.sent, row.p50_ms, row.p99_ms, row.cpu_percent, row.peak_rss_mb) == (3, 30, 30, 30, 32, 30, 40)


def test_a_session_is_a_program_of_its_own(tmp_path: Path) -> None:
    clip = make_scene(tmp_path, MOVING, SIZE, frames=8)
    report = sessions.run_program("--camera", clip, "--model", "fast", "--fastest", "--frames", 12)
    assert report["frames_sent"] == 12
    with pytest.raises(sessions.SessionFailed, match="there is no file"):
        sessions.run_program("--camera", tmp_path / "none.y4m")


def test_one_long_session_is_watched(options: BenchOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BenchOptions, "memory_frames", 60)
    monkeypatch.setattr(sessions, "MEMORY_SIZE", SIZE)
    rows = list(sessions.measure_memory(options, quiet))
    assert [row.engine for row in rows] == ["identity", "openvino"]
    for row in rows:
        assert list(row.rss_mb) == [10, 50, 100]
        assert row.growth_mb == pytest.approx(row.rss_mb[100] - row.rss_mb[10], abs=0.2)


def test_sections_are_those_asked_for_in_their_order() -> None:
    assert choose_sections([], quick=False) == list(Section)
    assert Section.MEMORY not in choose_sections([], quick=True)
    assert choose_sections([Section.MEMORY, Section.ROOF], quick=True) == [Section.ROOF, Section.MEMORY]
    assert set(measuring.MEASUREMENTS) == set(Section)


ROOF, ROW = RoofRow("f32", 1.0, ""), NetworkRow("m", "e", "f32", "8x8")


def play(monkeypatch: pytest.MonkeyPatch, section: Section, *events: object) -> None:
    def run(_options, _progress):
        for event in events:
            if isinstance(event, BaseException):
                raise event
            yield event

    monkeypatch.setitem(measuring.MEASUREMENTS, section, run)


def test_ctrl_c_keeps_what_was_measured(options: BenchOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Section.ROOF, ROOF)
    play(monkeypatch, Section.NETWORK, ROW, KeyboardInterrupt())
    findings = Findings(MACHINE)
    with pytest.raises(KeyboardInterrupt):
        measure(options, [Section.ROOF, Section.NETWORK], quiet, findings)
    assert findings.rows == {"roof": [ROOF], "network": [ROW]}
    assert not findings.complete


def test_a_section_that_fails_does_not_end_the_others(options: BenchOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Section.ROOF, EngineUnavailable("OpenVINO is not installed"))
    play(monkeypatch, Section.NETWORK, ROW)
    findings = measure(options, [Section.ROOF, Section.NETWORK], quiet)
    assert findings.complete
    assert findings.problems == {"roof": "OpenVINO is not installed"}
    with pytest.raises(EngineUnavailable):
        measure(options, [Section.ROOF], quiet)
