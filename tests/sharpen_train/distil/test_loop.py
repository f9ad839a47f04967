import csv
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sharpen_train.config import Config
from sharpen_train.data.stream import Batch, BatchStream
from sharpen_train.distil import checkpoint, loop
from sharpen_train.distil.learner import Learner
from sharpen_train.distil.loop import train
from sharpen_train.errors import CheckpointError, ConfigError, DataError, DivergedError, TeacherError

Settings = Callable[..., Config]


def signal_at(monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals) -> None:
    """Sends this process a signal while it takes a step."""
    learn = Learner.learn

    def learn_and_signal(self: Learner, batch: Any, *rest: Any, **named: Any) -> Any:
        if batch.step == step:
            signal.raise_signal(number)
        return learn(self, batch, *rest, **named)

    monkeypatch.setattr(Learner, "learn", learn_and_signal)


def rows_of(run: Path) -> list[dict[str, str]]:
    """The table of a run without what depends on the clock."""
    with (run / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in {"minutes", "ms_per_step", "waiting_share"}} for row in csv.DictReader(file)]


def assert_equal(one: Any, other: Any) -> None:
    """Compares nested states bit for bit."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert one == other


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    config = settings("model.arch=with-norm", f"train.precision={precision}", "train.freeze_norm_share=0.5", "train.accumulate=2")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(config, whole)
    with monkeypatch.context() as patch:
        signal_at(patch, 4, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            train(config, broken)
    assert checkpoint.load_state(broken / "checkpoints/last/state.pt")["step"] == 5
    train(config, broken, resume=True)
    for name in ("last/network.safetensors", "last/averaged.safetensors", "best/weights.safetensors"):
        assert_equal(load_file(whole / "checkpoints" / name), load_file(broken / "checkpoints" / name))
    states = [checkpoint.load_state(run / "checkpoints/last/state.pt") for run in (whole, broken)]
    for state in states:
        state.pop("spent_s")
    assert_equal(*states)
    assert [row for row in rows_of(whole) if row["ssim"]] == [row for row in rows_of(broken) if row["ssim"]]


def test_rows_that_are_taken_again_are_forgotten(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed at step 6 has rows up to there and a checkpoint of step 4."""
    learn = Learner.learn

    def killed(self: Learner, batch: Any, *rest: Any, **named: Any) -> Any:
        if batch.step == 6:
            raise MemoryError
        return learn(self, batch, *rest, **named)

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", killed)
        with pytest.raises(MemoryError):
            train(settings(), run)
    assert [row["step"] for row in rows_of(run)] == ["1", "2", "3", "4", "5", "6"]
    train(settings(), run, resume=True)
    assert [row["step"] for row in rows_of(run)] == ["1", "2", "3", "4", "5", "6", "7", "8"]


def test_a_run_leaves_what_it_takes_to_understand_it(settings: Settings, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = train(settings("train.samples_every=4"), run)
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file() and path.parent.name != "tb"}
    assert names >= {
        "config.toml",
        "env.json",
        "metrics.csv",
        "train.log",
        "checkpoints/best/weights.safetensors",
        "checkpoints/last/state.pt",
        "samples/step-0000004.png",
        "samples/step-0000008.png",
    }
    assert not [name for name in names if name.endswith((".part", ".old"))]
    best = max(float(row["ssim"]) for row in rows_of(run) if row["ssim"])
    assert float(checkpoint.read_facts(result)["ssim"]) == pytest.approx(best, abs=1e-5)
    assert "done: 8 steps" in (run / "train.log").read_text(encoding="utf-8")


def test_sigterm_saves_and_names_the_command_that_goes_on(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signal_at(monkeypatch, 2, signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        train(settings(), tmp_path / "run")
    assert stopped.value.code == 143
    assert checkpoint.load_state(tmp_path / "run/checkpoints/last/state.pt")["step"] == 3
    assert f"--resume {tmp_path / 'run'}" in capsys.readouterr().out


def test_a_signal_that_ends_the_helpers_too_still_saves(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = BatchStream.batches

    def dying(self: BatchStream, start_step: int) -> Iterator[Batch]:
        for batch in batches(self, start_step):
            if batch.step == 3:
                signal.raise_signal(signal.SIGTERM)
                raise DataError("a process that prepares batches was killed")
            yield batch

    monkeypatch.setattr(BatchStream, "batches", dying)
    with pytest.raises(SystemExit):
        train(settings(), tmp_path / "run")
    assert checkpoint.load_state(tmp_path / "run/checkpoints/last/state.pt")["step"] == 3


def test_when_time_is_up_the_run_is_saved_and_validated(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(settings("train.max_minutes=1e-9"), tmp_path / "run")
    assert checkpoint.load_state(tmp_path / "run/checkpoints/last/state.pt")["step"] == 1
    assert (tmp_path / "run/checkpoints/best/weights.safetensors").is_file()
    assert "--resume" in capsys.readouterr().out
    train(settings(), tmp_path / "run", resume=True)
    assert checkpoint.load_state(tmp_path / "run/checkpoints/last/state.pt")["step"] == 8


def test_steps_that_fit_the_time_are_counted_once(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "fit_steps", lambda *_: 6)
    signal_at(monkeypatch, 1, signal.SIGINT)
    config = settings("train.steps=0")
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run")
    monkeypatch.setattr(loop, "fit_steps", lambda *_: pytest.fail("counted again"))
    train(config, tmp_path / "run", resume=True)
    assert checkpoint.load_state(tmp_path / "run/checkpoints/last/state.pt")["step"] == 6


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Learner.learn

    def spoil(self: Learner, batch: Any, *rest: Any, **named: Any) -> Any:
        if batch.step == 6:
            with torch.no_grad():
                self.network.tail.bias.fill_(float("nan"))
        return learn(self, batch, *rest, **named)

    monkeypatch.setattr(Learner, "learn", spoil)
    with pytest.raises(DivergedError, match="no longer finite at step 6; the state of step 4 is kept") as error:
        train(settings(), tmp_path / "run")
    assert f"sharpen-train train --resume {tmp_path / 'run'}" in error.value.hint
    monkeypatch.setattr(Learner, "learn", learn)
    train(settings(), tmp_path / "run", resume=True)
    assert torch.isfinite(load_file(tmp_path / "run/checkpoints/last/network.safetensors")["tail.bias"]).all()


def test_a_run_goes_on_with_its_own_architecture_only(settings: Settings, tmp_path: Path) -> None:
    train(settings(), tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"another architecture .*body\.2\.weight"):
        train(settings("model.arch=plain-32x2"), tmp_path / "run", resume=True)


def test_what_cannot_work_is_said_before_anything_is_written(settings: Settings, tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(ConfigError, match="patches of 64 px; the data has 32"):
        train(settings("phase.patch_px=64"), run)
    with pytest.raises(ConfigError, match="published-nafnet26 cannot divide the patches of 24 px of phase 1"):
        train(settings("model.arch=published-nafnet26", "phase.patch_px=24"), run)
    with pytest.raises(ConfigError, match="two views"):
        train(settings("model.arch=restormer-dual-pixel"), run)
    with pytest.raises(ConfigError, match="fp16"):
        train(settings("train.precision=fp16"), run)
    with pytest.raises(ConfigError, match="never be asked"):
        train(settings("distil.teacher=big"), run)
    with pytest.raises(TeacherError, match="no outputs of a teacher 'big'"):
        train(settings("distil.teacher=big", "phase.alpha=0.5"), run)
    with pytest.raises(TeacherError, match="there is no run"):
        train(settings("distil.teacher=big", "distil.mode=online", "phase.alpha=0.5"), run)
    with pytest.raises(DataError, match="there is no folder"):
        train(settings(f"data.path={data / 'none'}"), run)
    with pytest.raises(CheckpointError, match="no run to resume"):
        train(settings(), run, resume=True)
    assert not run.exists()


def test_a_run_learns(settings: Settings, tmp_path: Path) -> None:
    train(settings("phase.preset=heavy", "train.steps=120", "train.lr=4e-3", "train.validate_every=120", "phase.batch=8"), tmp_path / "run")
    assert float(rows_of(tmp_path / "run")[-1]["heavy dB"]) > 0.05
