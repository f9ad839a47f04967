"""A tiny dataset, settings for a few steps on it, and batches made in this process: starting others takes seconds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from datasets import tiny_dataset
from torch import Tensor, nn

from sharpen_train.architectures import ARCHITECTURES, Network
from sharpen_train.config import Config, load_config
from sharpen_train.data.stream import BatchStream
from sharpen_train.distil import gauging, loop, rehearsal, throughput


class WithNorm(Network):
    """A network with batch norm, whose statistics are part of what a run has to keep."""

    multiple_px = 2
    halo_px = 4

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(nn.functional.relu(self.norm(self.first(x))))


class Sharpener(Network):
    """An unsharp mask: helps what is blurred heavily and harms what is sharp."""

    multiple_px = 1
    halo_px = 3

    def __init__(self) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(0.6))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount * (x - nn.functional.avg_pool2d(nn.functional.pad(x, (2, 2, 2, 2), mode="replicate"), 5, 1))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(autouse=True)
def _own_architectures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "with-norm", WithNorm)
    monkeypatch.setitem(ARCHITECTURES, "sharpener", Sharpener)


@pytest.fixture(autouse=True)
def _batches_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def here(*arguments: object, **options: object) -> BatchStream:
        return BatchStream(*arguments, **{**options, "workers": 0})

    monkeypatch.setattr(loop, "BatchStream", here)
    monkeypatch.setattr(rehearsal, "BatchStream", here)
    monkeypatch.setattr(throughput, "BatchStream", here)
    monkeypatch.setattr(gauging, "BatchStream", here)


@pytest.fixture
def settings(data: Path) -> Callable[..., Config]:
    """Makes settings for a few steps; arguments are like those of `--set`."""

    def make(*sets: str) -> Config:
        common = (
            "model.arch=plain-16x4",
            "train.steps=8",
            "train.warmup_steps=2",
            "train.validate_every=4",
            "train.samples_every=0",
            "train.precision=f32",
            "train.threads=1",
            "train.device=cpu",
            "phase.patch_px=32",
            "phase.batch=4",
        )
        return load_config("quick", None, [*common, f"data.path={data}", *sets])

    return make
