import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sharpen_train.config import Config
from sharpen_train.distil.run_folder import RunFolder, new_run, read_run_config
from sharpen_train.errors import ConfigError

Settings = Callable[..., Config]


def test_runs_are_numbered(tmp_path: Path) -> None:
    assert [new_run("net-a", tmp_path).name for _ in range(2)] == ["net-a-001", "net-a-002"]
    (tmp_path / "net-a-041").mkdir()
    (tmp_path / "net-a-x").mkdir()
    assert new_run("net-a", tmp_path).name == "net-a-042"
    assert new_run("net", tmp_path).name == "net-001"


def test_settings_come_back(settings: Settings, tmp_path: Path) -> None:
    config = settings("train.lr=0.123")
    with RunFolder(tmp_path / "run", config, ["step"], resume=False) as run:
        run.note_environment(torch.device("cpu"))
    assert read_run_config(tmp_path / "run") == config
    assert json.loads((tmp_path / "run/env.json").read_text(encoding="utf-8"))["torch"] == torch.__version__


def test_a_folder_of_something_else_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(ConfigError, match="not empty"):
        RunFolder(tmp_path, settings(), ["step"], resume=False)
    with pytest.raises(ConfigError, match="not empty"):
        RunFolder(tmp_path / "letter.txt", settings(), ["step"], resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_two_processes_do_not_train_in_one_folder(settings: Settings, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with RunFolder(run, settings(), ["step"], resume=False):
        (run / "checkpoints/last").mkdir(parents=True)
        (run / "checkpoints/last/state.pt").write_bytes(b"x")
        with pytest.raises(ConfigError, match="another process trains in"):
            RunFolder(run, settings(), ["step"], resume=True)
    RunFolder(run, settings(), ["step"], resume=True).__exit__()


def test_without_tensorboard_a_line_says_so(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with RunFolder(tmp_path / "run", settings(), ["step", "loss"], resume=False) as run:
        run.add_row({"step": 1, "loss": 0.5})
    assert "TensorBoard is not installed" in (tmp_path / "run/train.log").read_text(encoding="utf-8")
    assert not (tmp_path / "run/tb").exists()
    assert (tmp_path / "run/metrics.csv").read_text(encoding="utf-8").split() == ["step,loss", "1,0.5"]


def test_samples_are_pictures_of_the_right_colours(settings: Settings, tmp_path: Path) -> None:
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 200
    with RunFolder(tmp_path / "run", settings(), ["step"], resume=False) as run:
        run.save_sample(12, red)
    read = cv2.imread(str(tmp_path / "run/samples/step-0000012.png"), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(read, red)
