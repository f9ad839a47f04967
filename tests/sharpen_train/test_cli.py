"""`sharpen-train` from the outside."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).with_name("sharpen-train"))


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=100)


def assert_one_clear_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("sharpen-train: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0]


def test_the_whole_walk_ends_in_a_model_that_the_program_runs(pictures: Path, tmp_path: Path) -> None:
    student = tmp_path / "run"
    small = ("--arch", "plain-16x4", "--batch", 2, "--patch", 64, "--max-steps", 40, "--validate-every", 20)
    done = run("train", "--data", pictures, "--run", student, *small)
    assert done.returncode == 0, done.stderr
    assert "step" in done.stdout
    report = json.loads(run("evaluate", student, "--data", pictures, "--json").stdout)
    assert set(report["scores"]) == {"heavy", "heavy+jpeg", "medium", "medium+jpeg", "low", "low+jpeg"}
    model = tmp_path / "mine"
    done = run("export", student, "--out", model, "--name", "mine", "--title", "Mine")
    assert done.returncode == 0, done.stderr
    assert "openvino/f32" in done.stdout
    assert "| heavy |" in (model / "card.md").read_text()
    program = Path(PROGRAM).with_name("sharpened-camera")
    command = [
        program,
        "run",
        "--camera",
        "test",
        "--size",
        "160x120",
        "--fastest",
        "--frames",
        "5",
        "--output",
        "none",
        "--model",
        model,
        "--json",
    ]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert (report["model"], report["frames_sharpened"]) == ("mine", 5)


def test_bad_input_is_one_clear_line_with_its_own_code(pictures: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "run"
    assert_one_clear_line(run("train", "--data", tmp_path / "none", "--run", run_folder), 32, "there is no folder")
    (tmp_path / "empty").mkdir()
    assert_one_clear_line(run("train", "--data", tmp_path / "empty", "--run", run_folder), 32, "no pictures")
    assert_one_clear_line(run("train", "--data", pictures, "--arch", "unet", "--run", run_folder), 31, "unet", "plain-16x4")
    assert_one_clear_line(run("train", "--data", pictures, "--loss", "vibes", "--run", run_folder), 31, "vibes", "psnr")
    assert_one_clear_line(run("train", "--data", pictures, "--patch", "100", "--run", run_folder), 31, "100")
    assert_one_clear_line(run("train", "--data", pictures, "--resume", "--run", run_folder), 33, "resume")
    assert_one_clear_line(run("export", tmp_path), 33, "not the folder of a run")
    assert run("train", "--data", pictures, "--lr", "7").returncode == 2
    assert not run_folder.exists()


def test_ctrl_c_saves_and_says_how_to_go_on(pictures: Path, tmp_path: Path) -> None:
    command = [PROGRAM, "train", "--data", pictures, "--run", tmp_path / "run", "--arch", "plain-16x4", "--batch", "2", "--patch", "64"]
    process = subprocess.Popen([*map(str, command), "--validate-every", "20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "metrics.csv").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert "Traceback" not in stderr
    assert process.returncode == 130
    assert "--resume" in stdout
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"last.pt", "averaged.safetensors"}
    assert not (tmp_path / "run" / "crops.npy").exists()


@pytest.mark.parametrize("name", ["last.pt", "last.safetensors"])
def test_a_damaged_checkpoint_is_not_resumed(trained: Path, pictures: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(b"garbage")
    done = run("train", "--data", pictures, "--run", tmp_path / "run", "--arch", "plain-16x4", "--resume")
    assert_one_clear_line(done, 33)
