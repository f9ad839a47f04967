"""Training a gauge by itself: many large examples in minutes, where a run shows its gauge a few small ones at every step.

What a gauge misreads, the network restores too much or too little; and unlike the network it is small enough to be trained to its end
on a laptop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sharpen_core.gauge import CROP_PX, spectrum
from sharpen_train.architectures.guidance import GaugeNetwork
from sharpen_train.data.dataset import open_dataset
from sharpen_train.data.stream import BatchStream, Draw
from sharpen_train.distil import checkpoint
from sharpen_train.distil.run_folder import CONFIG, best_weights
from sharpen_train.distil.transfer import measure, misreading
from sharpen_train.errors import CheckpointError

PRESETS = ("levels",) * 6 + ("everyday",) * 3 + ("complex",)
"""Where examples come from, in turn."""
BATCH = 8
HELD_OUT = 0.1
EPOCHS, EXAMPLES_A_STEP = 40, 256
LR, WEIGHT_DECAY, NOISE = 2e-3, 1e-3, 0.02
PREFIX = "gauge."


@dataclass(frozen=True)
class Lesson:
    """What a gauge learns from.

    Attributes:
        spectra: (N, FEATURES) float32, what it looks at.
        mtf: (N, BANDS) float32, what it should read.
    """

    spectra: Tensor
    mtf: Tensor


@dataclass(frozen=True)
class Mixture:
    """Asks for examples of every preset in turn; see `BatchStream`."""

    patch_px: int

    def __call__(self, step: int) -> Draw:
        """Returns what a step asks for."""
        return Draw(self.patch_px, BATCH, PRESETS[step % len(PRESETS)])


def collect(data: Path, count: int, *, seed: int = 1, workers: int = 1, advance: Callable[[], None] = lambda: None) -> Lesson:
    """Returns the lesson of `count` degraded patches of a dataset.

    Args:
        data: folder that `sharpen-train prepare` wrote, if possible with patches as large as the parts of a frame that a gauge reads.
        count: examples, at least one.
        seed: of all that is drawn.
        workers: processes that make the examples.
        advance: called after each batch.

    Raises:
        DataError: the folder is not a whole dataset.
    """
    mixture = Mixture(min(CROP_PX, open_dataset(data).info.patch_px))
    spectra: list[Tensor] = []
    mtf: list[Tensor] = []
    with BatchStream(data, mixture, seed=seed, workers=workers) as stream:
        for batch, _ in zip(stream.batches(0), range(-(-count // BATCH)), strict=False):
            pictures = (np.ascontiguousarray(picture.transpose(1, 2, 0)) for picture in batch.soft)
            spectra.append(torch.from_numpy(np.stack([spectrum(picture) for picture in pictures])))
            mtf.append(measure(torch.from_numpy(batch.soft) / 255, torch.from_numpy(batch.truth) / 255))
            advance()
    return Lesson(torch.cat(spectra)[:count], torch.cat(mtf)[:count])


def fit(lesson: Lesson, *, seed: int = 1, epochs: int = EPOCHS, advance: Callable[[], None] = lambda: None) -> tuple[GaugeNetwork, float]:
    """Trains a gauge from random weights.

    Args:
        lesson: what it learns from; the last tenth is kept back.
        seed: of the first weights and of the order.
        epochs: how often it sees every example.
        advance: called after each epoch.

    Returns:
        The gauge in evaluation mode, and how far off it reads the examples that were kept back: the root of the mean square over all bands.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    kept_back = max(1, int(HELD_OUT * len(lesson.mtf)))
    spectra, mtf = lesson.spectra[:-kept_back], lesson.mtf[:-kept_back]
    gauge = GaugeNetwork()
    gauge.norm.running_mean, gauge.norm.running_var = spectra.mean(0), spectra.var(0) + 1e-3
    noise = NOISE * spectra.std(0)
    optimiser = torch.optim.AdamW(gauge.parameters(), LR, weight_decay=WEIGHT_DECAY)
    steps = max(1, len(mtf) // EXAMPLES_A_STEP)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, epochs=epochs, steps_per_epoch=steps)
    for _ in range(epochs):
        gauge.train()
        gauge.norm.eval()  # its statistics are those of the whole lesson
        for chosen in torch.randperm(len(mtf), generator=generator).chunk(steps):
            grain = noise * torch.randn(len(chosen), len(noise), generator=generator)
            loss = misreading(*gauge(spectra[chosen] + grain), mtf[chosen]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        advance()
    gauge.eval()
    with torch.no_grad():
        off = gauge(lesson.spectra[-kept_back:])[0] - lesson.mtf[-kept_back:]
    return gauge, float(off.square().mean().sqrt())


def put(gauge: GaugeNetwork, target: Path) -> Path:
    """Puts a gauge into trained weights, in place of the one that is there.

    Args:
        gauge: the new one.
        target: folder of a run, or file of weights.

    Returns:
        The file that was written.

    Raises:
        CheckpointError: there are no weights of a guided network.
        DiskFullError: the file cannot be written; the old one stays.
    """
    path = best_weights(target) if (target / CONFIG).is_file() else target
    weights, facts = checkpoint.read_weights(path), checkpoint.read_facts(path)
    others = {name: tensor for name, tensor in weights.items() if not name.startswith(PREFIX)}
    if len(others) == len(weights) or path.is_dir():
        raise CheckpointError(f"{target} holds no gauge", "Name the run of a guided network, or one file of its weights.")
    new = {f"{PREFIX}{name}": tensor for name, tensor in gauge.state_dict().items()}
    checkpoint.write_bytes(path, checkpoint.weights_to_bytes(others | new, facts))
    return path
