"""Distances between the features that an image classifier sees. Its weights come from a file of the user's; they never learn.

Both networks are built here layer by layer under the names of torchvision's, so that its files fit as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from sharpen_train.errors import CheckpointError, ConfigError
from sharpen_train.losses.weights import read_keras_squeezenet, read_weights

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB in [0, 1], as torchvision's weights expect them
CAFFE_MEAN, CAFFE_STD = (122.679 / 255, 116.669 / 255, 104.006 / 255), (1 / 255, 1 / 255, 1 / 255)
"""What Caffe's SqueezeNet, and so its Keras port, subtracts from 0..255 values, written for RGB in [0, 1]."""


class _Features(nn.Module):
    """A frozen classifier up to some layer.

    Attributes:
        features: its layers in order.
        taps: numbers of the layers whose outputs are compared.
        least_px: smallest height and width that reach the last layer.
    """

    def __init__(self, features: nn.Sequential, taps: tuple[int, ...], least_px: int) -> None:
        super().__init__()
        self.features, self.taps, self.least_px = features, taps, least_px
        self.mean: Tensor
        self.std: Tensor
        self.normalise(IMAGENET_MEAN, IMAGENET_STD)

    def normalise(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        """Sets what is done to RGB in [0, 1] before the first layer."""
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def fill(self, weights: Mapping[str, Tensor], path: Path) -> None:
        """Takes its weights from those of a whole classifier and freezes them.

        Raises:
            CheckpointError: they are of another network.
        """
        own = self.state_dict()
        wrong = [key for key, value in own.items() if key not in weights or weights[key].shape != value.shape]
        if wrong:
            raise CheckpointError(
                f"the feature weights {path} are of another network (first differing key: {wrong[0]})",
                "Give the file that belongs to the loss: VGG16 for vgg16, SqueezeNet 1.1 for squeezenet.",
            )
        self.load_state_dict({key: weights[key] for key in own})
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        """Stays as it is: a measure does not learn."""
        return super().train(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Returns the features at the taps of (N, 3, H, W) in [0, 1]."""
        if min(pictures.shape[2:]) < self.least_px:
            raise ConfigError(
                f"patches of {min(pictures.shape[2:])} px are too small for a perceptual loss", f"Use at least {self.least_px} px"
            )
        x = (pictures - self.mean) / self.std
        found: list[Tensor] = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                found.append(x)
        return found


class Vgg16(nn.Module):
    """The mean absolute difference of VGG16's features at relu3_3 (after Johnson et al., ECCV 2016).

    Raises:
        CheckpointError: the file cannot be read or is of another network.
    """

    def __init__(self, path: Path, head: Path | None = None) -> None:
        super().__init__()
        if head is not None:
            raise ConfigError("the loss 'vgg16' has no head", "Leave loss.perceptual_head empty.")
        layers: list[nn.Module] = []
        inputs = 3
        for outputs, convs in ((64, 2), (128, 2), (256, 3)):
            if layers:
                layers.append(nn.MaxPool2d(2))
            for _ in range(convs):
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
                inputs = outputs
        self.network = _Features(nn.Sequential(*layers), taps=(len(layers) - 1,), least_px=4)
        self.network.fill(read_weights(path), path)

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """Maps two (N, 3, H, W) in [0, 1] to (N,)."""
        (a,), (b,) = self.network(result), self.network(truth)
        return (a - b).abs().mean(dim=(1, 2, 3))


class _Fire(nn.Module):
    """SqueezeNet's block: few channels, then many by 1x1 and 3x3 convolutions side by side."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.squeeze(x))
        return torch.relu(torch.cat((self.expand1x1(x), self.expand3x3(x)), dim=1))


class SqueezeNet(nn.Module):
    """The distance of SqueezeNet 1.1's features at seven depths, each of unit length (LPIPS: Zhang et al., CVPR 2018).

    Weights in torchvision's layout with the LPIPS head give LPIPS itself. Those of the Keras port (.h5) are Caffe's, which see other
    values: a training term and a comparison, but not the published figure.

    Raises:
        CheckpointError: a file cannot be read or is of another network.
        MissingExtraError: the file is .h5 and h5py is not installed.
    """

    def __init__(self, path: Path, head: Path | None = None) -> None:
        super().__init__()
        keras = path.suffix == ".h5"
        self.network = _Features(_squeezenet_layers(ceil_mode=not keras), taps=(1, 4, 7, 9, 10, 11, 12), least_px=31)
        if keras:
            self.network.normalise(CAFFE_MEAN, CAFFE_STD)
        self.network.fill(read_keras_squeezenet(path) if keras else read_weights(path), path)
        channels = (64, 128, 256, 384, 384, 512, 512)
        for number, weight in enumerate(_read_head(head, channels) if head else [torch.ones(count) for count in channels]):
            self.register_buffer(f"head{number}", weight[:, None, None], persistent=False)

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """Maps two (N, 3, H, W) in [0, 1] to (N,)."""
        depths = zip(self.network(result), self.network(truth), strict=True)
        distances = ((_unit(a) - _unit(b)).square() * self.get_buffer(f"head{number}") for number, (a, b) in enumerate(depths))
        return torch.stack([distance.sum(dim=1).mean(dim=(1, 2)) for distance in distances]).sum(dim=0)


def _squeezenet_layers(*, ceil_mode: bool) -> nn.Sequential:
    """Returns SqueezeNet 1.1 without its classifier; torchvision's pools round sizes up, the Keras port's down."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU()]
    inputs = 64
    for squeezed, expanded, blocks in ((16, 64, 2), (32, 128, 2), (48, 192, 2), (64, 256, 2)):
        if squeezed != 64:
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=ceil_mode))
        for _ in range(blocks):
            layers.append(_Fire(inputs, squeezed, expanded))
            inputs = 2 * expanded
    return nn.Sequential(*layers)


def _unit(features: Tensor) -> Tensor:
    """Returns features of length 1 at each place; the constant keeps the gradient finite where all are zero."""
    return features * torch.rsqrt(features.square().sum(dim=1, keepdim=True) + 1e-10)


def _read_head(path: Path, channels: tuple[int, ...]) -> list[Tensor]:
    weights = read_weights(path)
    head = [weights.get(f"lin{number}.model.1.weight") for number in range(len(channels))]
    if any(found is None or found.numel() != count for found, count in zip(head, channels, strict=True)):
        raise CheckpointError(f"{path} is not an LPIPS head for SqueezeNet", "Give the file lpips_squeeze_v0.1.pth or an equal one.")
    return [found.flatten() for found in head if found is not None]


@dataclass(frozen=True)
class Perceptual:
    """A perceptual loss that can be loaded.

    Attributes:
        files: which files of weights it takes, for people.
        load: makes it from its weights and the optional head.
    """

    files: str
    load: Callable[[Path, Path | None], nn.Module]


PERCEPTUAL = {
    "vgg16": Perceptual("VGG16 in torchvision's layout (.pth or .safetensors)", Vgg16),
    "squeezenet": Perceptual("SqueezeNet 1.1 in torchvision's layout (.pth or .safetensors) or of the Keras port (.h5)", SqueezeNet),
}
"""The perceptual losses by name."""
