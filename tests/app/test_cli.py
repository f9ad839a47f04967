"""The program from the outside: as a person types it, in a process of its own."""

import contextlib
import functools
import json
import os
import platform
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from captures import FakeCapture
from clips import write_clip
from pictures import scene

from sharpen_core.capture import select
from sharpen_core.capture.devices import CameraDevice
from sharpen_core.capture.opencv import OpenCVCamera
from sharpen_core.crispness import USUAL_CRISPNESS
from sharpen_core.frame import Size
from sharpen_core.governing.rungs import build_ladder
from sharpen_core.model_store import FAMILY, MANIFEST, find_model
from sharpened_camera import cli
from sharpened_camera.bench.clips import SOFT, make_scene

PROGRAM = str(Path(sys.executable).with_name("sharpened-camera"))
FILE_LIMIT_BYTES = 100_000


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=60, **options)


def assert_one_clear_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """The error is one line, names what happened, and carries its own exit code."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("sharpened-camera: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word.lower() in errors[0].lower()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mkv"
    write_clip(path, [scene(Size(240, 320), seed) for seed in range(60)])
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "soft.png"
    cv2.imwrite(str(path), scene(Size(120, 160)))
    return path


# ---- the main job -----------------------------------------------------------------------------------------------------


def test_a_clip_as_fast_as_possible_loses_no_frame(clip: Path) -> None:
    done = run("run", "--camera", clip, "--fastest", "--output", "none", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [report[f"frames_{what}"] for what in ("captured", "sharpened", "sent", "dropped")] == [60, 60, 60, 0]
    assert (report["size"], report["model"], report["engine"]) == ("320x240", "nafnet-tiny", "openvino")
    assert report["precision"] in (("int8",) if platform.machine().lower() in ("x86_64", "amd64") else ("f32", "bf16"))
    for times in (report["latency_ms"], *report["stage_ms"].values()):
        assert 0 <= times["p50"] <= times["p95"] <= times["p99"]
    assert report["fps"] > 0
    assert report["cpu_percent"] > 0
    assert report["peak_rss_mb"] > 20


def test_the_test_picture_paced_ends_after_its_frames() -> None:
    done = run("run", "--camera", "test", "--size", "320x240", "--fps", "60", "--frames", "40", "--output", "none", "--json")
    report = json.loads(done.stdout)
    assert report["frames_captured"] == 40
    assert report["frames_sent"] + report["frames_dropped"] == 40
    assert report["size"] == "320x240"


def test_the_governor_chooses_the_model_says_what_it_does_and_keeps_the_cpu_ceiling(tmp_path: Path) -> None:
    soft = make_scene(tmp_path, SOFT, Size(120, 160), frames=90)  # the test picture is sharp where it is so small
    common = ("run", "--camera", soft, "--seconds", "2", "--output", "none", "--json")
    done = run(*common, "--model", "auto", "--cpu-ceiling", "75")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["reason"].startswith(report["rung"])
    assert set(report["rung_s"]) <= {"unsharpened"} | {str(rung) for rung in build_ladder(FAMILY)}
    assert sum(report["rung_s"].values()) > 0.5
    assert any(line.startswith(f"sharpening with {report['model']}") for line in done.stderr.splitlines())


def test_without_a_camera_and_a_virtual_camera_it_still_runs_and_says_what_to_install() -> None:
    done = run("run", "--camera", "test", "--size", "160x120", "--frames", "5")
    assert done.returncode == 0, done.stderr
    assert "Sharpened Camera" in done.stderr
    assert "frames" in done.stdout


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "identity"])
def test_engines_by_name(clip: Path, engine: str) -> None:
    report = json.loads(run("run", "--camera", clip, "--fastest", "--frames", "3", "--output", "none", "--engine", engine, "--json").stdout)
    assert report["engine"] == engine
    assert report["frames_sharpened"] == 3


def test_precisions_by_name_and_in_the_list(clip: Path) -> None:
    common = ("run", "--camera", clip, "--fastest", "--frames", "3", "--output", "none")
    report = json.loads(run(*common, "--precision", "f32", "--json").stdout)
    assert (report["precision"], report["frames_sharpened"]) == ("f32", 3)
    assert_one_clear_line(run(*common, "--precision", "f16"), 43, "has no f16", "f32, bf16, int8")
    assert_one_clear_line(run(*common, "--precision", "int8", "--engine", "onnxruntime"), 51, "computes in f32", "--engine openvino")
    fast = next(model for model in json.loads(run("models", "--json").stdout) if model["name"] == "fast")
    assert fast["precisions"].keys() == {"f32", "bf16", "int8"}
    graphs = [name for name in fast["files"] if re.fullmatch(r"model-\d\.(xml|bin)", name)]
    assert len(graphs) == 6
    assert fast["precisions"]["f32"] == sum(fast["files"][name]["bytes"] for name in graphs)


def test_models_are_listed_with_what_they_gain() -> None:
    lines = run("models").stdout.splitlines()
    rows = [line.split() for line in lines[1:4]]
    assert lines[0].split() == ["model", "weights", "kMAC/px", "heavy", "medium", "low", "real", "blur"]
    assert [row[0] for row in rows] == ["nafnet-tiny", "balanced", "fast"]
    assert all(re.fullmatch(r"\+\d\.\d \(\+\d\.\d\)", " ".join(row[3:5])) for row in rows)
    assert sum("int8" in line for line in lines) == 3


def test_several_outputs_at_once_and_the_recording_is_complete(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    done = run("run", "--camera", clip, "--fastest", "--output", target, "--output", "none", "--mirror", "--strength", "0.5")
    assert done.returncode == 0, done.stderr
    capture = cv2.VideoCapture(str(target))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_folder_can_be_given_as_model(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(find_model("fast").folder, folder)
    done = run("run", "--camera", clip, "--fastest", "--frames", "2", "--output", "none", "--model", folder, "--json")
    assert json.loads(done.stdout)["frames_sharpened"] == 2


def test_blas_is_told_not_to_spin_before_numpy_is_loaded() -> None:
    code = """
import os, sys, types, sharpened_camera
look = lambda: print(os.environ["OPENBLAS_NUM_THREADS"], "numpy" in sys.modules)
sharpened_camera.cli = types.SimpleNamespace(main=look)
from sharpened_camera.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60, env={"PATH": os.environ["PATH"]})
    assert done.stdout.split() == ["1", "False"], done.stderr


def test_enhance_a_picture(picture: Path, tmp_path: Path) -> None:
    target = tmp_path / "sharp.png"
    assert run("enhance", picture, target).returncode == 0
    before, after = cv2.imread(str(picture)), cv2.imread(str(target))
    assert before.shape == after.shape
    assert cv2.Laplacian(after, cv2.CV_64F).std() > 1.1 * cv2.Laplacian(before, cv2.CV_64F).std()


def test_enhance_with_strength_zero_is_the_picture_itself(picture: Path, tmp_path: Path) -> None:
    target = tmp_path / "same.png"
    assert run("enhance", picture, target, "--strength", "0").returncode == 0
    np.testing.assert_array_equal(cv2.imread(str(target)), cv2.imread(str(picture)))


def test_enhance_crispens_when_asked_to(picture: Path, tmp_path: Path) -> None:
    edges = []
    for crispness in ("0", "0.5", None):
        target = tmp_path / f"{crispness}.png"
        assert run("enhance", picture, target, *(("--crispness", crispness) if crispness else ())).returncode == 0
        edges.append(cv2.Laplacian(cv2.imread(str(target)), cv2.CV_64F).std())
    assert edges[1] > 1.1 * edges[0]
    assert edges[2] == edges[0]  # as true as it can be, unless told otherwise


def test_enhance_computes_in_what_is_asked_for(picture: Path, tmp_path: Path) -> None:
    pictures = {}
    for precision in ("f32", "int8"):
        target = tmp_path / f"{precision}.png"
        assert run("enhance", picture, target, "--precision", precision).returncode == 0
        pictures[precision] = cv2.imread(str(target)).astype(int)
    assert 0 < np.abs(pictures["f32"] - pictures["int8"]).max() < 40
    assert_one_clear_line(run("enhance", picture, tmp_path / "no.png", "--precision", "f16"), 43, "has no f16", "f32, bf16, int8")
    assert not (tmp_path / "no.png").exists()


def test_run_crispens_as_its_help_says(clip: Path, tmp_path: Path) -> None:
    assert f"By default {USUAL_CRISPNESS}" in " ".join(run("run", "--help", env=os.environ | {"COLUMNS": "400"}).stdout.split())
    edges = []
    for crispness in (None, str(USUAL_CRISPNESS), "0"):
        target = tmp_path / f"{crispness}.mkv"
        options = ("--crispness", crispness) if crispness else ()
        # One frame: of two, the encoder's choices depend on how long the second took.
        assert run("run", "--camera", clip, "--fastest", "--frames", "1", "--output", target, *options).returncode == 0
        edges.append(cv2.Laplacian(cv2.VideoCapture(str(target)).read()[1], cv2.CV_64F).std())
    assert edges[0] == edges[1] > edges[2]


def test_enhance_a_clip(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "sharp.mp4"
    assert run("enhance", clip, target).returncode == 0
    assert int(cv2.VideoCapture(str(target)).get(cv2.CAP_PROP_FRAME_COUNT)) == 60


def test_enhance_a_single_pixel(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "dot.png"), np.full((1, 1, 3), 99, np.uint8))
    assert run("enhance", tmp_path / "dot.png", tmp_path / "out.png").returncode == 0
    assert cv2.imread(str(tmp_path / "out.png")).shape == (1, 1, 3)


@pytest.mark.parametrize("command", ["devices", "models", "doctor"])
def test_lists_in_words_and_in_json(command: str) -> None:
    assert run(command).stdout
    assert json.loads(run(command, "--json").stdout) is not None


def test_the_doctor_names_what_is_broken(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(find_model("fast").folder, folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8")) | {"name": "broken"}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "model-2.xml").write_text("", encoding="utf-8")
    done = run("doctor", env=os.environ | {"SHARPENED_CAMERA_MODELS": str(tmp_path)})
    assert done.returncode == 4
    assert any(line.startswith("broken") and "model-2.xml" in line for line in done.stdout.splitlines())


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("sharpened-camera ")
    assert "--fastest" in run("run", "--help").stdout


# ---- bad input --------------------------------------------------------------------------------------------------------


def test_no_such_camera() -> None:
    assert_one_clear_line(run("run", "--camera", "Nonexistent 3000"), 11, "nonexistent 3000", "--camera test")


def test_no_such_clip(tmp_path: Path) -> None:
    assert_one_clear_line(run("run", "--camera", tmp_path / "none.mp4"), 61, "none.mp4")


@pytest.mark.parametrize("content", [b"", b"this is no clip, only words about one" * 50])
@pytest.mark.parametrize("command", ["run", "enhance"])
def test_what_is_no_clip_or_picture(tmp_path: Path, content: bytes, command: str) -> None:
    path = tmp_path / "thing.mp4"
    path.write_bytes(content)
    done = run("run", "--camera", path, "--output", "none") if command == "run" else run("enhance", path, tmp_path / "out.mp4")
    assert_one_clear_line(done, 62, "thing.mp4")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thing.mp4"]


def test_a_clip_that_breaks_off_is_a_camera_unplugged(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mkv"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    done = run("run", "--camera", path, "--fastest", "--output", tmp_path / "kept.mp4")
    assert_one_clear_line(done, 13, "cut.mkv")
    # What was recorded until then is not lost.
    assert 5 < int(cv2.VideoCapture(str(tmp_path / "kept.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)) < 60


def test_a_huge_picture_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    ok, data = cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))
    assert ok
    raw = bytearray(data.tobytes())
    raw[16:24] = (16000).to_bytes(4, "big") * 2
    import zlib

    raw[29:33] = zlib.crc32(bytes(raw[12:29])).to_bytes(4, "big")
    path.write_bytes(raw)
    assert_one_clear_line(run("enhance", path, tmp_path / "out.png"), 63, "16000x16000")


def test_unknown_model_and_engine(clip: Path) -> None:
    assert_one_clear_line(run("run", "--camera", clip, "--model", "nope"), 41, "nope", "fast")
    assert_one_clear_line(run("run", "--camera", clip, "--output", "none", "--engine", "nope"), 51, "nope", "openvino")


def test_a_corrupt_model(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    shutil.copytree(find_model("fast").folder, folder)
    for precision, graph in (("f32", "model-2.bin"), ("int8", "model-int8-2.bin")):
        (folder / graph).write_bytes(b"0" * 100)
        arguments = ("--camera", clip, "--output", "none", "--model", folder, "--precision", precision)
        assert_one_clear_line(run("run", *arguments), 42, graph)
    assert_one_clear_line(run("run", "--camera", clip, "--output", "none", "--model", folder), 42, "-2.bin")
    (folder / MANIFEST).write_text("{", encoding="utf-8")
    assert_one_clear_line(run("run", "--camera", clip, "--output", "none", "--model", folder), 42, "manifest")
    assert_one_clear_line(run("run", "--camera", clip, "--output", "none", "--model", tmp_path), 41, str(tmp_path))


def test_outputs_that_cannot_be_written(clip: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "there.mp4").write_text("precious", encoding="utf-8")
    assert_one_clear_line(run("run", "--camera", clip, "--output", tmp_path / "there.mp4"), 24, "there.mp4")
    assert (tmp_path / "there.mp4").read_text(encoding="utf-8") == "precious"
    assert_one_clear_line(run("run", "--camera", clip, "--output", tmp_path / "no" / "out.mp4"), 24)
    assert_one_clear_line(run("run", "--camera", clip, "--output", tmp_path / "out.xyz"), 23, ".mp4")
    assert_one_clear_line(run("enhance", picture, picture), 24, "--force")
    assert_one_clear_line(run("enhance", picture, tmp_path / "no" / "out.png"), 24)
    assert_one_clear_line(run("enhance", picture, tmp_path / "out.xyz"), 23)
    assert_one_clear_line(run("run", "--camera", clip, "--output", "virtual"), 21, "Sharpened Camera")


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT_BYTES, FILE_LIMIT_BYTES))


@pytest.mark.parametrize("command", ["run", "enhance clip", "enhance picture"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, command: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    noise, noisy_clip = tmp_path / "noise.png", tmp_path / "noise.mkv"
    cv2.imwrite(str(noise), pixels)
    write_clip(noisy_clip, [np.roll(pixels, shift, axis=1) for shift in range(20)])
    target = tmp_path / "out"
    target.mkdir()
    arguments = {
        "run": ("run", "--camera", "test", "--fastest", "--frames", 200, "--output", target / "out.mp4"),
        "enhance clip": ("enhance", noisy_clip, target / "out.mp4"),
        "enhance picture": ("enhance", noise, target / "out.png"),
    }[command]
    assert_one_clear_line(run(*arguments, preexec_fn=limit_file_size), 24)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--size", "huge"),
        ("run", "--strength", "2"),
        ("run", "--crispness", "-1"),
        ("run", "--fps", "0"),
        ("run", "--cpu-ceiling", "3"),
        ("run", "--cpu-ceiling", "half"),
        ("run", "--frames", "0"),
        ("run", "--frames", "1", "--seconds", "1"),
        ("run", "--nonsense"),
        ("fly",),
        ("enhance",),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_a_size_that_the_test_picture_cannot_have() -> None:
    assert_one_clear_line(run("run", "--camera", "test", "--size", "9x9", "--output", "none"), 14, "9x9")


def test_no_display_for_the_window() -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    assert_one_clear_line(run(env=environment), 5, "display", "sharpened-camera run")


# Cameras that no test machine has: the same program in this process, with OpenCV's part played by a fake.


def run_with_camera(capture: FakeCapture, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    device = CameraDevice("Webcam", 0, cv2.CAP_DSHOW, "usb-1")
    monkeypatch.setattr(select, "find_camera", lambda text, path=None: device)
    monkeypatch.setattr(select, "OpenCVCamera", functools.partial(OpenCVCamera, capture=capture))
    monkeypatch.setattr("sharpen_core.capture.opencv.list_cameras", lambda: [device])
    monkeypatch.setattr(sys, "argv", ["sharpened-camera", "run", "--camera", "Webcam", "--output", "none", *arguments])
    return main_here(monkeypatch)


def main_here(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(cli, "_leave", sys.exit)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as leaving:
            cli.main()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return int(leaving.value.code or 0)


def test_a_busy_camera(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_with_camera(FakeCapture(opens=False), monkeypatch) == 12
    assert "Webcam" in capfd.readouterr().err


def test_a_camera_that_is_unplugged_in_the_middle(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    frame = scene(Size(48, 64))
    assert run_with_camera(FakeCapture(*[frame] * 20, None), monkeypatch, "--no-reopen") == 13
    error = capfd.readouterr().err
    assert "delivers no frames" in error
    assert "Traceback" not in error


def test_a_camera_that_comes_back_is_used_again(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    frame = scene(Size(48, 64))
    capture = FakeCapture(*[frame] * 20, *[None] * 110, frame)  # two seconds without a frame
    assert run_with_camera(capture, monkeypatch, "--frames", "30", "--json") == 0
    done = capfd.readouterr()
    lines = [line for line in done.err.splitlines() if line.startswith("camera ")]
    assert len(lines) == 2
    assert lines[0].startswith("camera lost: the camera 'Webcam' delivers no frames. ")
    assert lines[1] == "camera back: Webcam, 64x48 at 24 fps (MJPG)"
    assert json.loads(done.out)["frames_captured"] == 30


def test_a_size_that_the_camera_cannot_do(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_with_camera(FakeCapture(scene(Size(480, 640))), monkeypatch, "--size", "1920x1080") == 14
    assert "640x480" in capfd.readouterr().err


# ---- Ctrl-C and SIGTERM at any moment ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.1, 0.3, 0.6, 1.2, 2.5])
def test_signals_end_it_quickly_and_cleanly(sent: signal.Signals, after_s: float, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    command = [PROGRAM, "run", "--camera", "test", "--output", str(target), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    time.sleep(after_s)
    process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=10)
    assert process.returncode in (128 + sent, -sent)
    assert "Traceback" not in stderr
    with contextlib.suppress(IndexError):
        report = json.loads(stdout.splitlines()[-1])
        assert report["frames_captured"] >= 0
        if report["frames_sent"]:  # the recording up to then is complete and playable
            assert int(cv2.VideoCapture(str(target)).get(cv2.CAP_PROP_FRAME_COUNT)) == report["frames_sent"]
    assert {path.name for path in tmp_path.iterdir()} <= {"out.mp4"}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_what_breaks_because_of_a_signal_is_no_error(
    sent: signal.Signals, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        try:
            signal.raise_signal(sent)
        except SystemExit as leaving:  # as a library's C code does
            raise ImportError("cannot load module") from leaving

    monkeypatch.setattr(cli, "app", interrupted)
    assert main_here(monkeypatch) == 128 + sent
    assert capfd.readouterr().err == ""


def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "app", lambda **_: {}["a"])
    assert main_here(monkeypatch) == 1
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "internal error: KeyError('a')" in error


def test_a_wrong_log_level() -> None:
    assert_one_clear_line(run("models", env={**os.environ, "SHARPENED_CAMERA_LOG": "loud"}), 1, "loud", "debug")


@pytest.mark.parametrize("after_s", [0.2, 1.0])
def test_enhance_that_is_interrupted_leaves_nothing(after_s: float, tmp_path: Path) -> None:
    source = tmp_path / "long.mkv"
    write_clip(source, [scene(Size(480, 640), 1)] * 200)
    process = subprocess.Popen([PROGRAM, "enhance", str(source), str(tmp_path / "out.mp4")], stderr=subprocess.PIPE, encoding="utf-8")
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["long.mkv"]


def test_the_window_keeps_garbage_settings_aside_and_ends_on_sigterm(tmp_path: Path) -> None:
    folder = tmp_path / "sharpened-camera"
    folder.mkdir()
    (folder / "settings.toml").write_bytes(b"\xff\x00garbage = = =")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path)}
    process = subprocess.Popen([PROGRAM], env=environment, stderr=subprocess.PIPE, encoding="utf-8")
    deadline = time.monotonic() + 30
    while not (folder / "settings.toml.bad").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=15)
    assert process.returncode == 143
    assert "Traceback" not in stderr
    assert (folder / "settings.toml.bad").read_bytes() == b"\xff\x00garbage = = ="
