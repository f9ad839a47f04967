import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train import checkpoint
from sharpen_train.architectures import build
from sharpen_train.degrade import degrade
from sharpen_train.errors import CheckpointError, TrainError
from sharpen_train.loop import TrainConfig, load_run, restore, train
from sharpen_train.metrics import psnr


def test_a_few_seconds_of_training_already_help(trained: Path) -> None:
    truth = sharp_picture(Size(200, 240), 99)
    soft = degrade(truth, "heavy", np.random.default_rng(0))
    assert psnr(restore(load_run(trained), soft), truth) > psnr(soft, truth) + 0.1


def test_a_run_leaves_what_it_takes_to_understand_and_resume_it(trained: Path, config: TrainConfig) -> None:
    assert {path.name for path in trained.iterdir()} == {
        "config.json",
        "metrics.csv",
        "last.pt",
        "last.safetensors",
        "averaged.safetensors",
    }
    assert json.loads((trained / "config.json").read_text())["arch"] == config.arch


def test_a_resumed_run_goes_on(trained: Path, config: TrainConfig, tmp_path: Path) -> None:
    run = tmp_path / "copy"
    run.mkdir()
    for path in trained.iterdir():
        (run / path.name).write_bytes(path.read_bytes())
    before = checkpoint.load_state(run / "last.pt")["step"]
    train(dataclasses.replace(config, max_steps=440), run, resume=True)
    assert (before, checkpoint.load_state(run / "last.pt")["step"]) == (400, 440)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_state(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"the loss is (nan|inf) at step"):
        train(dataclasses.replace(config, lr=1e30, warmup_steps=1, bf16=False), tmp_path / "run")


def test_weights_of_another_architecture_are_refused_and_the_key_is_named(trained: Path) -> None:
    with pytest.raises(CheckpointError, match=r"another architecture \(first differing key: body\.0\.bias\)"):
        checkpoint.load_weights(trained / "averaged.safetensors", build("plain-32x4"))


@pytest.mark.parametrize("content", [b"", b"garbage" * 10])
def test_damaged_files_are_one_clear_error(trained: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes((trained / "config.json").read_bytes())
    for name in ("averaged.safetensors", "last.pt"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot read the weights"):
        load_run(tmp_path)
    with pytest.raises(CheckpointError, match="cannot resume"):
        checkpoint.load_state(tmp_path / "last.pt")


def test_code_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(tmp_path / "touched"), "w"))

    torch.save({"step": Evil()}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError):
        checkpoint.load_state(tmp_path / "last.pt")
    assert not (tmp_path / "touched").exists()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def half(part: Path) -> None:
        part.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        checkpoint.write_whole(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_any_size_can_be_restored(trained: Path) -> None:
    picture = sharp_picture(Size(37, 51), 0)
    assert restore(load_run(trained), picture).shape == picture.shape
