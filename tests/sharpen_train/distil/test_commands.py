"""`sharpen-train train`, `teacher` and `bench`, without starting a process for each."""

import json
from pathlib import Path

import pytest
import torch
from datasets import tiny_dataset
from typer.testing import CliRunner

from sharpen_train.architectures import build
from sharpen_train.architectures.guidance import GaugeNetwork
from sharpen_train.cli import app
from sharpen_train.distil import checkpoint, gauging, load_run
from sharpen_train.distil.restore import read_gauge
from sharpen_train.distil.run_folder import read_run_config
from sharpen_train.errors import CheckpointError, ConfigError, DataError, TeacherError, TrainError

SMALL = (
    "--set", "phase.patch_px=32", "--set", "phase.batch=2", "--set", "train.steps=4", "--set", "train.samples_every=0",
    "--set", "train.threads=1", "--device", "cpu",
)  # fmt: skip


def call(*arguments: object) -> str:
    """Runs a command and returns what it printed; its error is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(kind: type[TrainError], *arguments: object) -> str:
    """Runs a command that must fail with this kind of error, and returns the error's message."""
    with pytest.raises(kind) as error:
        call(*arguments)
    assert type(error.value) is kind
    return str(error.value)


def test_train_fills_the_next_free_run_folder_and_goes_on_with_it(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call("train", "--data", data, "--preset", "quick", *SMALL, "--seed", 5, "--shard-mb", 1)
    run = Path("runs/plain-16x4-001")
    assert read_run_config(run).train.seed == 5
    assert checkpoint.read_facts(run / "checkpoints/travel")["arch"] == "plain-16x4"
    assert "both" in refused(ConfigError, "train", "--run", "other", "--resume", run)
    output = call("train", "--resume", run, "--set", "train.steps=6")
    assert "steps 4 to 6" in output
    assert read_run_config(run).train.steps == 6
    assert [path.name for path in Path("runs").iterdir()] == ["plain-16x4-001"]


@pytest.mark.parametrize("name", ["state.pt", "network.safetensors", "averaged.safetensors"])
def test_a_damaged_checkpoint_is_not_resumed(data: Path, tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    call("train", "--data", data, "--preset", "quick", *SMALL, "--run", run)
    (run / "checkpoints/last" / name).write_bytes(b"garbage")
    refused(CheckpointError, "train", "--resume", run)


def test_a_run_that_cannot_begin_leaves_no_folder(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "the data has 32" in refused(ConfigError, "train", "--data", data, "--preset", "quick")
    assert list(Path("runs").iterdir()) == []


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = call("train", "--data", data, "--preset", "quick", *SMALL, "--dry-run")
    for words in ("12,764 parameters", "kMAC per pixel", "12 patches", "ms per step", "MB for the step", "minutes"):
        assert words in output
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_said(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    assert "no data" in refused(ConfigError, "train", "--arch", "plain-16x4", "--run", run)
    assert "there is no folder" in refused(DataError, "train", "--data", tmp_path / "none", "--run", run)
    assert "plain-16x4" in refused(ConfigError, "train", "--data", data, "--arch", "plain-16x5", "--run", run)
    assert "not the folder of a run" in refused(CheckpointError, "train", "--resume", run)
    assert "no outputs of a teacher" in refused(TeacherError, "train", "--data", data, *SMALL, "--teacher", "big", "--run", run)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "--run" in refused(ConfigError, "train", "--data", data)
    assert not run.exists()


def test_a_teacher_is_trained_writes_outputs_and_teaches(tmp_path: Path) -> None:
    """A teacher that was trained for a moment harms; an unsharp mask stands for a good one."""
    data = tiny_dataset(tmp_path / "data")
    small = (*SMALL, "--set", "train.steps=1")
    call("teacher", "--data", data, "--arch", "plain-16x4", "--recipe", "quick", *small, "--run", tmp_path / "teacher")
    config = read_run_config(tmp_path / "teacher")
    assert (config.train.lr, config.distil.teacher) == (4e-4, "")
    mask = tmp_path / "mask.safetensors"
    mask.write_bytes(checkpoint.weights_to_bytes(build("sharpener").state_dict(), {"arch": "sharpener"}))
    outputs = (
        "teacher",
        "--data",
        data,
        "--weights",
        mask,
        "--outputs",
        "mask",
        "--preset",
        "heavy",
        "--preset",
        "identity",
        "--device",
        "cpu",
    )
    output = call(*outputs, "--student", tmp_path / "teacher")
    assert "left out, because the teacher harms there: identity" in output
    assert "12 rows" in output
    assert "better than the student" in output
    assert call(*outputs) == output.replace("  0/", " 12/")  # it is all there; the report is the first one's
    taught = ("train", "--data", data, "--preset", "quick", *SMALL, "--set", "phase.preset=heavy", "--set", "phase.alpha=0.5")
    assert "teacher: the outputs 'mask'" in call(*taught, "--teacher", "mask", "--run", tmp_path / "offline")
    call(*taught, "--teacher", mask, "--run", tmp_path / "online")
    assert read_run_config(tmp_path / "online").distil.mode == "online"
    load_run(tmp_path / "online")


def test_a_teacher_has_to_be_there(data: Path, tmp_path: Path) -> None:
    outputs = ("teacher", "--data", data, "--outputs", "x")
    assert "which teacher" in refused(TeacherError, *outputs)
    assert "there is no" in refused(TeacherError, *outputs, "--run", tmp_path / "none")
    assert "belong to --outputs" in refused(ConfigError, "teacher", "--data", data, "--preset", "heavy")


def test_bench_compares_two_loops() -> None:
    options = ("--arch", "plain-16x4", "--patch", 32, "--batch", 2, "--seconds", 0.1, "--device", "cpu", "--set", "train.threads=1")
    report = json.loads(call("bench", *options, "--json"))
    assert [loop["name"] for loop in report["loops"]] == ["plain loop", "sharpen-train"]
    assert report["ratio"] > 0


def test_a_gauge_is_trained_by_itself_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gauging, "EPOCHS", 1)
    data = tiny_dataset(tmp_path / "data", patch_px=256, train=3, test=1)
    said = call("gauge", "--data", data, "--examples", 256, "--preset", "mixed")
    assert "saw 256 pictures" in said
    assert "of 4 other pictures are off by 0." in said
    call("train", "--data", data, "--arch", "guided-lean-16-32x4", *SMALL, "--set", "model.gauge=gauge.safetensors", "--run", "run")
    trained, given = read_gauge(Path("run")), read_gauge(Path("gauge.safetensors"))
    assert all(torch.equal(trained[name], tensor) for name, tensor in given.items())


def test_a_gauge_needs_data_and_a_network_that_is_told(data: Path, tmp_path: Path) -> None:
    refused(ConfigError, "gauge")
    assert "--out mine.safetensors" in refused(ConfigError, "gauge", "--data", data, "--out", "mine.npz")
    (tmp_path / "folder.safetensors").mkdir()
    assert "no name for a gauge" in refused(ConfigError, "gauge", "--data", data, "--out", tmp_path / "folder.safetensors")
    (tmp_path / "file").touch()
    assert "cannot write to" in refused(ConfigError, "gauge", "--data", data, "--out", tmp_path / "file/mine.safetensors")
    assert "256" in refused(ConfigError, "gauge", "--data", data, "--out", tmp_path / "gauge.safetensors")
    assert not (tmp_path / "gauge.safetensors").exists()
    weights = {f"gauge.{name}": tensor for name, tensor in GaugeNetwork().state_dict().items()}
    (tmp_path / "some.safetensors").write_bytes(checkpoint.weights_to_bytes(weights))
    command = ("train", "--data", data, *SMALL, "--arch", "plain-16x4", "--set", f"model.gauge={tmp_path / 'some.safetensors'}")
    assert "unknown: gauge." in refused(CheckpointError, *command, "--run", tmp_path / "run")
