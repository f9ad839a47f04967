"""A gauge trained by itself, in minutes, on many more pictures than a run of a network shows it.

What softness and compression leave on a picture is computed once for every example; the regressor is then fitted to that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sharpen_core.gauge import BANDS, CROP_PX
from sharpen_core.traces import FEATURES
from sharpen_train.architectures.guidance import GaugeNetwork, traces_of
from sharpen_train.data.dataset import CONTEXT_PX, Dataset
from sharpen_train.data.stream import BatchStream, Draw
from sharpen_train.degradations import find_preset
from sharpen_train.distil import transfer

BATCH = 16
EPOCHS = 45
FIT_BATCH = 128
VARIANTS = 4  # of each patch of the test split
LR = 2e-3
WEIGHT_DECAY = 0.05
DROPOUT = 0.08
"""Without it, a gauge is surer of what it knows by heart than of what it sees for the first time."""


@dataclass(frozen=True)
class Examples:
    """What a gauge learns from.

    Attributes:
        traces: (N, FEATURES), of the soft pictures.
        mtf: (N, BANDS), that made them soft.
    """

    traces: Tensor
    mtf: Tensor


def collect(data: Path, presets: Sequence[str], count: int, seed: int, workers: int, progress: Callable[[int], None]) -> Examples:
    """Degrades patches of a dataset's training split and returns what a gauge sees of them, and the truth.

    Args:
        data: folder that `sharpen-train prepare` wrote, of patches of `CROP_PX` or more.
        presets: names of degradations, taken in turn.
        count: examples.
        seed: of what is drawn.
        workers: processes that degrade.
        progress: told how many there are.

    Raises:
        ConfigError: the patches are smaller, or there is no such preset.
        DataError: it is no dataset, or a worker was killed.
    """
    for preset in presets:
        find_preset(preset)
    seen = Examples(torch.empty(count, FEATURES), torch.empty(count, BANDS))
    with BatchStream(data, _InTurn(tuple(presets)), seed=seed, workers=workers) as stream:
        for batch, first in zip(stream.batches(0), range(0, count, BATCH), strict=False):
            _look(batch.soft, batch.truth if batch.moved is None else batch.moved, seen, first)
            progress(min(count, first + BATCH))
    return seen


def collect_unseen(dataset: Dataset, presets: Sequence[str], seed: int) -> Examples:
    """Returns examples of the dataset's test split, `VARIANTS` of each patch."""
    rng, inner = np.random.default_rng(seed), slice(CONTEXT_PX, CONTEXT_PX + CROP_PX)
    truths = dataset.truths("test")
    count = VARIANTS * len(truths)
    seen = Examples(torch.empty(count, FEATURES), torch.empty(count, BANDS))
    for number in range(count):
        truth = np.ascontiguousarray(truths[number // VARIANTS])
        made = find_preset(presets[number % len(presets)]).soften(truth, rng)
        soft, moved = (np.ascontiguousarray(picture[inner, inner].transpose(2, 0, 1))[None] for picture in (made.soft, made.moved))
        _look(soft, moved, seen, number)
    return seen


@dataclass(frozen=True)
class _InTurn:
    """The presets one after the other, step by step; picklable."""

    presets: tuple[str, ...]

    def __call__(self, step: int) -> Draw:
        return Draw(CROP_PX, BATCH, self.presets[step % len(self.presets)])


def _look(soft: NDArray[np.uint8], moved: NDArray[np.uint8], seen: Examples, first: int) -> None:
    """Writes what a gauge sees of soft pictures, (N, 3, H, W) uint8, and what softened them besides movement, from `first` on.

    All examples lie in one piece of memory: thousands of small ones, left between large temporary ones, had taken 22 GB.
    """
    rows = slice(first, first + len(soft))
    floats = (torch.from_numpy(pictures).float() / 255 for pictures in (soft, moved))
    for kept, new in ((seen.traces, traces_of(soft)), (seen.mtf, transfer.measure(*floats))):
        room = kept[rows]
        room.copy_(new[: len(room)])


def fit(examples: Examples, seed: int, progress: Callable[[int, int], None], epochs: int | None = None) -> GaugeNetwork:
    """Returns a gauge fitted to examples, in evaluation mode.

    Args:
        examples: what to learn from.
        seed: of the first weights and of the order.
        progress: told how many of how many steps are done.
        epochs: how often each example is seen; by default `EPOCHS`.
    """
    torch.manual_seed(seed)
    gauge = GaugeNetwork()
    gauge.standardise(examples.traces)
    trained = nn.Sequential()
    for layer in gauge.layers:
        trained.append(layer)
        if isinstance(layer, nn.SiLU):
            trained.append(nn.Dropout(DROPOUT))
    count = len(examples.traces)
    steps = max(1, (epochs or EPOCHS) * count // FIT_BATCH)
    optimiser = torch.optim.AdamW(trained.parameters(), LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, steps)
    known = gauge.norm(examples.traces).detach()
    for step in range(steps):
        chosen = torch.randint(count, (FIT_BATCH,))
        mtf, log_variance = gauge.named(trained(known[chosen]))
        loss = transfer.misreading(mtf, log_variance, examples.mtf[chosen]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        progress(step + 1, steps)
    return gauge


@torch.inference_mode()
def error(gauge: GaugeNetwork, examples: Examples) -> tuple[float, float]:
    """Returns how far readings are from the truth, and how far the gauge expects them to be: means over bands and examples."""
    mtf, log_variance = gauge.eval()(examples.traces)
    return float((mtf - examples.mtf).abs().mean()), float((0.5 * log_variance).exp().mean())
