"""The training loop, to be read from top to bottom."""

import csv
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from sharpen_train import checkpoint
from sharpen_train.architectures import ResidualNetwork, build
from sharpen_train.data import PATCH_MARGIN_PX, Pairs, cut_crops, find_sources
from sharpen_train.degrade import LEVELS, Mixture, Picture, degrade
from sharpen_train.errors import CheckpointError, ConfigError, DataError, TrainError
from sharpen_train.losses import LOSSES
from sharpen_train.metrics import psnr, ssim


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run.

    Attributes:
        data: folder of sharp pictures.
        arch: name of the architecture.
        max_minutes: time to train for, resumed time included; the learning rate falls to zero over it.
        max_steps: steps to train for, if that comes first; 0 for no limit.
        batch: patches in a step.
        patch_px: side of a square patch.
        lr: highest learning rate of AdamW.
        loss: what is minimised: "psnr" or "charbonnier".
        start_from: file of weights to begin with instead of random ones.
        warmup_steps: steps over which the learning rate rises.
        ema: decay of the averaged weights, which are the result.
        seed: of the data, the order and the initial weights.
        threads: CPU threads of the arithmetic.
        bf16: run the network in bfloat16 (weights stay float32).
        validate_every: steps between validations.
        mixture: how pictures are degraded.
    """

    data: str
    arch: str
    max_minutes: float = 60
    max_steps: int = 0
    batch: int = 16
    patch_px: int = 128
    lr: float = 2e-3
    loss: str = "psnr"
    start_from: str = ""
    warmup_steps: int = 300
    ema: float = 0.999
    seed: int = 1
    threads: int = 1
    bf16: bool = True
    validate_every: int = 1000
    mixture: Mixture = field(default_factory=Mixture)


SIZE_MULTIPLE_PX = 8  # every architecture divides it


class _Stop(Exception):
    """Time is up."""


def train(config: TrainConfig, run: Path, *, resume: bool = False) -> Path:
    """Trains a student on sharp pictures alone and returns the file of its averaged weights.

    Ctrl-C saves and is raised again. A held-out twentieth of the pictures validates.

    Raises:
        TrainError: the data, the configuration or the run folder is unusable, or the loss is no longer finite.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    distance = _choose_loss(config)

    # Network, averaged weights, optimiser.
    network = build(config.arch).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if config.start_from:
        checkpoint.load_weights(Path(config.start_from), network)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=1e-5)
    step, spent_s = 0, 0.0
    if resume:
        state = checkpoint.load_state(run / "last.pt")
        checkpoint.load_weights(run / "last.safetensors", network)
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent_s = state["step"], state["spent_s"]

    # Data: sharp crops in memory, degraded afresh for every batch by a worker process.
    sources = find_sources(Path(config.data))
    held_out = sources[::20]
    trained_on = [source for source in sources if source not in held_out]
    if not trained_on:
        raise DataError("too few pictures to train on", "Give at least two, better a hundred.")
    crop_px = config.patch_px + 2 * PATCH_MARGIN_PX + 64
    crops = cut_crops(trained_on, crop_px, most_per_picture=32, seed=config.seed)
    run.mkdir(parents=True, exist_ok=True)
    np.save(run / "crops.npy", crops)
    validation = _validation_pairs(cut_crops(held_out, 256, most_per_picture=4, seed=0))

    # A resumed run must not see the first run's batches again, so the step is part of the seed.
    # Workers are spawned: a forked one inherits OpenCV's threads in a state in which they hang.
    pairs = Pairs(run / "crops.npy", config.batch, config.patch_px, config.mixture, seed=config.seed + step)
    # Batches travel as arrays: tensors travel as shared files, whose server prints a traceback when Ctrl-C ends the worker.
    loader = DataLoader(pairs, batch_size=None, num_workers=1, prefetch_factor=8, multiprocessing_context="spawn", collate_fn=_as_arrays)  # pyright: ignore[reportArgumentType]
    batches = iter(loader)
    (run / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
    print(f"{config.arch}: {sum(p.numel() for p in network.parameters()):,} parameters; {len(crops)} crops of {len(trained_on)} pictures")

    def save() -> None:
        checkpoint.save_weights(run / "last.safetensors", network.state_dict())
        checkpoint.save_weights(run / "averaged.safetensors", averaged.module.state_dict())
        checkpoint.save_state(
            run / "last.pt",
            {"averaged": averaged.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent_s": spent_s},
        )

    began = time.monotonic() - spent_s
    mean_loss = 0.0
    try:
        while True:
            spent_s = time.monotonic() - began
            progress = max(spent_s / (60 * config.max_minutes), step / config.max_steps if config.max_steps else 0)
            if progress >= 1:
                raise _Stop
            for group in optimiser.param_groups:
                group["lr"] = config.lr * min(1, (step + 1) / config.warmup_steps) * 0.5 * (1 + math.cos(math.pi * progress))

            soft, truth = (_to_float(batch) for batch in next(batches))  # each (N, 3, P, P) in [0, 1]
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.bf16):
                result = network(soft)
            loss = distance(result.float(), truth).mean()
            if not math.isfinite(loss.item()):
                raise TrainError(f"the loss is {loss.item()} at step {step}", "Resume from the last good state with a smaller --lr.")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimiser.step()
            averaged.update_parameters(network)
            step += 1
            mean_loss += 0.02 * (loss.item() - mean_loss)
            if step % config.validate_every == 0:
                gains = _validate(averaged.module, validation)
                _log(run / "metrics.csv", {"step": step, "minutes": spent_s / 60, "loss": mean_loss, **gains})
                save()
    except (_Stop, KeyboardInterrupt) as reason:
        save()
        interrupted = isinstance(reason, KeyboardInterrupt)
        print(f"{'interrupted' if interrupted else 'done'} at step {step} after {spent_s / 60:.1f} minutes; saved in {run}")
        if interrupted:
            print(f"go on with: sharpen-train train --data {config.data} --arch {config.arch} --run {run} --resume")
            raise
    finally:
        (run / "crops.npy").unlink(missing_ok=True)
    return run / "averaged.safetensors"


def _choose_loss(config: TrainConfig) -> Callable[[Tensor, Tensor], Tensor]:
    """Checks what can be checked before anything slow is done.

    Raises:
        ConfigError: the loss has no such name, or the patch cannot be divided by every architecture.
    """
    if config.loss not in LOSSES:
        raise ConfigError(f"there is no loss '{config.loss}'", f"Choose one of: {', '.join(LOSSES)}")
    if config.patch_px % SIZE_MULTIPLE_PX:
        raise ConfigError(f"a patch of {config.patch_px} px cannot be divided by {SIZE_MULTIPLE_PX}", "Use 64, 96, 128 or 192")
    return LOSSES[config.loss]


def _as_arrays(batch: tuple[Tensor, Tensor]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return batch[0].numpy(), batch[1].numpy()


def _to_float(batch: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(batch).to(memory_format=torch.channels_last).float() / 255


def _validation_pairs(crops: np.ndarray) -> dict[str, list[tuple[Picture, Picture]]]:
    """Returns (soft, truth) pairs by level, with and without JPEG, the same for every run."""
    rng = np.random.default_rng(0)
    pairs: dict[str, list[tuple[Picture, Picture]]] = {}
    for level in LEVELS:
        pairs[level] = [(degrade(crop, level, rng), crop) for crop in crops]
        pairs[f"{level}+jpeg"] = [(degrade(crop, level, rng, (50, 95)), crop) for crop in crops]
    return pairs


@torch.inference_mode()
def _validate(network: nn.Module, pairs: dict[str, list[tuple[Picture, Picture]]]) -> dict[str, float]:
    """Returns the mean gain over the input in dB and in SSIM, by level."""
    network.eval()
    gains: dict[str, float] = {}
    for level, examples in pairs.items():
        in_db: list[float] = []
        in_ssim: list[float] = []
        for soft, truth in examples:
            result = restore(network, soft)
            in_db.append(psnr(result, truth) - psnr(soft, truth))
            in_ssim.append(ssim(result, truth) - ssim(soft, truth))
        gains[f"{level} dB"], gains[f"{level} ssim"] = float(np.mean(in_db)), float(np.mean(in_ssim))
    network.train()
    return gains


def load_run(run: Path) -> ResidualNetwork:
    """Returns the finished network of a run, ready to restore.

    Raises:
        CheckpointError: the folder is not a run with weights.
    """
    try:
        arch = json.loads((run / "config.json").read_text(encoding="utf-8"))["arch"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{run} is not the folder of a run", "Give the folder that `sharpen-train train` wrote.") from error
    network = build(arch)
    checkpoint.load_weights(run / "averaged.safetensors", network)
    return network.eval()


@torch.inference_mode()
def restore(network: nn.Module, picture: Picture) -> Picture:
    """Returns `picture`, (H, W, 3) uint8 of any size, sharpened."""
    height, width = picture.shape[:2]
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    x = nn.functional.pad(x, (0, -width % SIZE_MULTIPLE_PX, 0, -height % SIZE_MULTIPLE_PX), mode="replicate")
    y = network(x)[0, :, :height, :width].permute(1, 2, 0)
    return (y * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def _log(path: Path, row: dict[str, float]) -> None:
    """Appends a row to the table of the run and prints it."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow({key: f"{value:.5g}" for key, value in row.items()})
    gains = "  ".join(f"{key.removesuffix(' dB')} {value:+.2f}" for key, value in row.items() if key.endswith(" dB"))
    print(f"step {row['step']:>6.0f}  {row['minutes']:5.1f} min  loss {row['loss']:.5f}  gain in dB: {gains}", flush=True)
