"""A run on disk: weights as safetensors, the rest of the state beside them, never half written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sharpen_train.errors import CheckpointError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a temporary file beside `path` and then puts it in place: a kill leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Writes named tensors as safetensors."""
    write_whole(path, lambda part: save_file({k: v.contiguous() for k, v in weights.items()}, part))


def load_weights(path: Path, network: nn.Module) -> None:
    """Fills `network` with the weights at `path`.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it belongs to another architecture.
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read the weights {path}", "Is this the folder of a training run?") from error
    own = network.state_dict()
    wrong = sorted(k for k in own.keys() | weights.keys() if k not in own or k not in weights or own[k].shape != weights[k].shape)
    if wrong:
        raise CheckpointError(
            f"the weights {path} are of another architecture (first differing key: {wrong[0]})",
            "Give the architecture they were trained with.",
        )
    network.load_state_dict(weights)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes the optimiser's state and the counters of the loop."""
    write_whole(path, lambda part: torch.save(state, part))


def load_state(path: Path) -> dict[str, Any]:
    """Reads what `save_state` wrote; pickled code in the file is refused.

    Raises:
        CheckpointError: there is no such file, or it is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise CheckpointError(f"cannot resume from {path}", "The run has no complete checkpoint; start it anew.") from error
