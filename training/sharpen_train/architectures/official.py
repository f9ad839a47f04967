"""Loading weights that others published, safely and with a clear word when they do not fit."""

import pickle
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sharpen_train.architectures import ARCHITECTURES, build
from sharpen_train.architectures.base import Network
from sharpen_train.errors import CheckpointError

_WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model")  # averaged weights before plain ones
_NAMED = 3  # how many wrong keys of a kind a message names
_SAFE_HINT = "Ask for the weights as a .safetensors file, which can hold nothing else."


def load_official(path: Path, network: Network) -> None:
    """Loads a published checkpoint into `network`, which is unchanged when this fails.

    The file is a `.safetensors` file or a `torch.save` file, read without running any code in it. The weights may lie under `params`,
    `params_ema`, `state_dict`, `model_state_dict` or `model`, and their names may start with `module.` after data-parallel training.
    Half-precision weights become those of the network's type.

    Raises:
        CheckpointError: the file cannot be read, holds something else than weights, or those of another architecture.
    """
    weights = read_weights(path)
    problems = _differences(_shapes(weights), _shapes(network.state_dict()))
    if problems:
        raise CheckpointError(f"{path} does not fit this network: {'; '.join(problems)}", _advice(weights))
    network.load_state_dict(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Returns the weights in a checkpoint by the name of their parameter, on the CPU; see `load_official`.

    Raises:
        CheckpointError: the file cannot be read or holds something else than weights.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}", "Give the path of a .pth or .safetensors file.")
    return _unwrapped(_read(path), path)


def _read(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise CheckpointError(f"{path} was refused: it holds code or damaged data, not only weights", _SAFE_HINT) from exc
    except (SafetensorError, OSError, EOFError, RuntimeError, ValueError, KeyError) as exc:  # all that torch raises for damaged files
        reason = next(iter(str(exc).splitlines()), type(exc).__name__)
        raise CheckpointError(f"{path} cannot be read: {reason}", "The file is damaged; fetch it again.") from exc


def _unwrapped(content: object, path: Path) -> dict[str, Tensor]:
    """Returns the weights inside what a training framework wrote around them."""
    for _ in range(2):  # twice is what exists; a file may even contain itself
        if isinstance(content, Mapping):
            content = next((content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)), content)
    if not isinstance(content, Mapping) or not content or not all(_is_weight(name, value) for name, value in content.items()):
        raise CheckpointError(f"{path} holds no weights", "Give a file with a state dict, as training programs write it.")
    weights = cast("Mapping[str, Tensor]", content)
    prefix = "module." if all(name.startswith("module.") for name in weights) else ""
    return {name.removeprefix(prefix): value for name, value in weights.items()}


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor)


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}


def _differences(found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Returns one phrase each for the missing, the unexpected and the mis-shaped weights; none when all fit."""
    shapes = [f"{name} {found[name]} instead of {shape}" for name, shape in wanted.items() if found.get(name, shape) != shape]
    kinds = {
        "missing": [name for name in wanted if name not in found],
        "unexpected": [name for name in found if name not in wanted],
        "of another shape": shapes,
    }
    return [f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds.items() if names]


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _advice(weights: Mapping[str, Tensor]) -> str:
    shapes = _shapes(weights)
    fitting = [name for name in ARCHITECTURES if _on_paper(name) == shapes]
    if fitting:
        return f"These are weights of '{fitting[0]}': choose that architecture."
    return "These weights belong to no architecture that is known here; use the ones made for this network."


@cache
def _on_paper(name: str) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of an architecture's weights without spending memory on them."""
    with torch.device("meta"):
        return _shapes(build(name).state_dict())
