"""`sharpen-train` from the outside."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from datasets import tiny_dataset

PROGRAM = str(Path(sys.executable).with_name("sharpen-train"))
SMALL = (
    "--preset", "quick", "--set", "phase.patch_px=64", "--set", "phase.batch=2", "--set", "train.threads=1",
    "--set", "train.samples_every=0", "--device", "cpu",
)  # fmt: skip


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=100)


def succeed(*arguments: object) -> str:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_whole_walk_ends_in_a_model_that_the_program_runs(pictures: Path, tmp_path: Path) -> None:
    data, student = tmp_path / "data", tmp_path / "student"
    succeed("prepare", pictures, "--out", data, "--test", 0.3, "--benchmark", 0.3, "--no-screen", "--processes", 1)
    assert "done: 4 steps" in succeed("train", "--data", data, *SMALL, "--set", "train.steps=4", "--run", student)
    report = json.loads(succeed("evaluate", student, "--data", data, "--json", "--workers", 1))
    assert report
    scores = json.loads((student / "scores.json").read_text(encoding="utf-8"))
    assert set(scores) == {"heavy", "heavy+jpeg", "medium", "medium+jpeg", "low", "low+jpeg"}
    model = tmp_path / "mine"
    succeed("export", student, "--out", model, "--name", "mine", "--title", "Mine")
    assert "| heavy |" in (model / "card.md").read_text(encoding="utf-8")
    program = Path(PROGRAM).with_name("sharpened-camera")
    options = ("--camera", "test", "--size", "160x120", "--fastest", "--frames", "5", "--output", "none", "--model", model, "--json")
    done = subprocess.run([program, "run", *options], capture_output=True, encoding="utf-8", timeout=60, check=True)
    report = json.loads(done.stdout)
    assert (report["model"], report["frames_sharpened"]) == ("mine", 5)


def test_bad_input_is_one_clear_line_with_its_own_code(tmp_path: Path) -> None:
    done = run("train", "--data", tmp_path / "none", "--run", tmp_path / "run")
    assert done.returncode == 32
    assert done.stderr.startswith("sharpen-train: there is no folder")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_blas_is_told_not_to_spin_before_numpy_is_loaded() -> None:
    code = """
import os, sys
from sharpen_train import cli
cli.app = lambda: print(os.environ["OPENBLAS_NUM_THREADS"], "numpy" in sys.modules)
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60, env={})
    assert done.stdout.split() == ["1", "False"], done.stderr


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    data = tiny_dataset(tmp_path / "data", patch_px=64)
    command = (PROGRAM, "train", "--data", data, *SMALL, "--set", "train.validate_every=2", "--run", tmp_path / "run")
    process = subprocess.Popen(
        [*map(str, command), "--set", "train.steps=1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    said = [next(process.stdout), next(process.stdout)]  # the first validation is over: the run is under way
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert process.returncode == 130
    assert "steps 0 to 1000000" in said[0]
    assert f"go on with: sharpen-train train --resume {tmp_path / 'run'}" in stdout
    assert (tmp_path / "run/checkpoints/last/state.pt").is_file()
