"""Weights of classifiers from files that other programs wrote. Pickled code in them is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sharpen_train.errors import CheckpointError, MissingExtraError

# The Keras port names layers, torchvision numbers them.
_KERAS_LAYERS = {"conv1": 0, "fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7, "fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12}


def read_weights(path: Path) -> dict[str, Tensor]:
    """Returns the tensors in a .safetensors file or in a state dict that torch saved.

    Raises:
        CheckpointError: the file cannot be read, or it holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read the weights {path}", "Give an existing file of weights.") from error
    except Exception as error:  # torch raises many kinds for a damaged file and for one with code in it
        raise CheckpointError(f"{path} is damaged or holds more than weights", "Give a plain state dict.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} holds no state dict", "Give a plain state dict.")
    return {str(key): value for key, value in found.items() if isinstance(value, Tensor)}


def read_keras_squeezenet(path: Path) -> dict[str, Tensor]:
    """Returns the weights of the Keras port of SqueezeNet 1.1 under torchvision's names, for RGB.

    Keras keeps kernels as (height, width, inputs, outputs). The port was converted from Caffe, so its first layer takes BGR.

    Raises:
        CheckpointError: the file cannot be read or is of another network.
        MissingExtraError: h5py is not installed.
    """
    try:
        import h5py  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtraError(f"reading {path.name} needs h5py, which is not installed", "Install it: pip install h5py") from error
    try:
        with h5py.File(path) as file:
            weights = _named_as_torchvision(file)
    except (OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not the Keras port of SqueezeNet 1.1", "Give squeezenet_v1.1_notop.h5 or an equal file."
        ) from error
    weights["features.0.weight"] = weights["features.0.weight"].flip(1)
    return weights


def _named_as_torchvision(file: Any) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for layer, number in _KERAS_LAYERS.items():
        for part in ("",) if layer == "conv1" else ("squeeze1x1", "expand1x1", "expand3x3"):
            group = file[f"{layer}/{part}" if part else layer]
            kernel, bias = (np.asarray(group[name]) for name in group.attrs["weight_names"])
            name = f"features.{number}" + (f".{'squeeze' if part == 'squeeze1x1' else part}" if part else "")
            weights[f"{name}.weight"] = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
            weights[f"{name}.bias"] = torch.from_numpy(bias)
    return weights
