"""NAFNet: a U-Net of blocks without nonlinear activations, in the layout of the official checkpoints.

Chen et al., "Simple Baselines for Image Restoration", ECCV 2022.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sharpen_train.architectures.base import Network
from sharpen_train.architectures.layer_norm import LayerNorm2d
from sharpen_train.architectures.reach import unet_halo_px

_EPS = 1e-6


class NAFNet(Network):
    """The published network. Each block pools over the whole picture, so tiles never equal the whole.

    With width 16, encoder (2, 2, 4, 8), middle 2 and decoder (2, 2, 2, 2) it is the 26-block student that a public project for
    sharpening video calls distils from Restormer.

    Args:
        width: channels at full resolution; they double with each level.
        encoder: blocks of each level on the way down.
        middle: blocks at the lowest resolution.
        decoder: blocks of each level on the way up, the lowest first.
    """

    whole_frame = True

    def __init__(self, width: int, encoder: Sequence[int], middle: int, decoder: Sequence[int]) -> None:
        super().__init__()
        self.multiple_px = 2 ** len(encoder)
        self.halo_px = _reach_px(encoder, middle, decoder)
        self.intro = nn.Conv2d(3, width, 3, padding=1)
        self.ending = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.ending.weight)  # untrained, it is the identity
        nn.init.zeros_(self.ending.bias)  # pyright: ignore[reportArgumentType]
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        channels = width
        for count in encoder:
            self.encoders.append(_stage(count, channels))
            self.downs.append(nn.Conv2d(channels, 2 * channels, 2, stride=2))
            channels *= 2
        self.middle_blks = _stage(middle, channels)
        for count in decoder:
            self.ups.append(nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.PixelShuffle(2)))
            channels //= 2
            self.decoders.append(_stage(count, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, 3, H, W) in [0, 1] to the same shape; the result is not clamped."""
        y = self.intro(x)  # (N, C, H, W)
        skips: list[Tensor] = []
        for stage, down in zip(self.encoders, self.downs, strict=True):
            y = stage(y)  # (N, C 2^l, H / 2^l, W / 2^l) on level l
            skips.append(y)
            y = down(y)
        y = self.middle_blks(y)
        for stage, up in zip(self.decoders, self.ups, strict=True):
            y = stage(up(y) + skips.pop())
        return self.ending(y) + x


class NAFBlock(nn.Module):
    """Depthwise filtering, gate and channel attention, then a gated feed-forward part; both start as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels
        self.norm1 = LayerNorm2d(c, _EPS)
        self.conv1 = nn.Conv2d(c, 2 * c, 1)
        self.conv2 = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1))
        self.conv3 = nn.Conv2d(c, c, 1)
        self.norm2 = LayerNorm2d(c, _EPS)
        self.conv4 = nn.Conv2d(c, 2 * c, 1)
        self.conv5 = nn.Conv2d(c, c, 1)
        self.beta = nn.Parameter(torch.zeros(1, c, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, c, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        y = simple_gate(self.conv2(self.conv1(self.norm1(x))))  # (N, C, H, W)
        x = x + self.conv3(y * self.sca(y)) * self.beta
        y = simple_gate(self.conv4(self.norm2(x)))  # (N, C, H, W)
        return x + self.conv5(y) * self.gamma


def simple_gate(x: Tensor) -> Tensor:
    """Multiplies the two halves of the channels, (N, 2C, H, W) to (N, C, H, W)."""
    first, second = x.chunk(2, dim=1)
    return first * second


def _stage(count: int, channels: int) -> nn.Sequential:
    return nn.Sequential(*(NAFBlock(channels) for _ in range(count)))


def _reach_px(encoder: Sequence[int], middle: int, decoder: Sequence[int]) -> int:
    """Returns the halo of the convolutions; a block holds one depthwise 3x3, the pooling has no end."""
    down, up = list(encoder), list(reversed(decoder))
    down[0] += 1  # the first convolution
    up[0] += 1  # the last one
    return unet_halo_px(down, middle, up)
