"""A small folder of sharp pictures, and a run trained on it for a few seconds."""

import dataclasses
from pathlib import Path

import cv2
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.loop import TrainConfig, train


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), sharp_picture(Size(280, 300), number))
    return folder


@pytest.fixture(scope="session")
def config(pictures: Path) -> TrainConfig:
    return TrainConfig(
        data=str(pictures), arch="plain-16x4", max_steps=400, batch=4, patch_px=64, warmup_steps=20, ema=0.98, validate_every=100
    )


@pytest.fixture(scope="session")
def trained(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    run = tmp_path_factory.mktemp("runs") / "run"
    train(dataclasses.replace(config), run)
    return run
