"""Mini-UNet: a published student after the classic U-Net."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import Network
from sharpen_train.architectures.reach import unet_halo_px


class MiniUNet(Network):
    """A U-Net with batch norm, max pooling, transposed convolutions and concatenated skips (Ronneberger et al., MICCAI 2015).

    The kind of student that projects train with absolute, distillation and VGG losses on 512 px patches. Published at width 64 and
    "below 30 MB", which are 30.8 MB; width 48 keeps the promise.

    Args:
        width: channels at full resolution; they double with each level.
        levels: how often the resolution is halved.
    """

    def __init__(self, width: int = 48, levels: int = 3) -> None:
        super().__init__()
        self.multiple_px = 2**levels
        self.halo_px = unet_halo_px([2] * levels, 2, [2] * levels)  # two 3x3 everywhere
        channels = [width * 2**level for level in range(levels + 1)]
        self.encoders = nn.ModuleList(
            _double_conv(inputs, outputs) for inputs, outputs in zip([3, *channels[:-2]], channels[:-1], strict=True)
        )
        self.bottom = _double_conv(channels[-2], channels[-1])
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, stride=2) for c in reversed(channels[:-1]))
        self.decoders = nn.ModuleList(_double_conv(2 * c, c) for c in reversed(channels[:-1]))
        self.final = nn.Conv2d(width, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, 3, H, W) in [0, 1] to the same shape; the result is not clamped."""
        y = x
        skips: list[Tensor] = []
        for encoder in self.encoders:
            skips.append(encoder(y))  # (N, C 2^l, H / 2^l, W / 2^l) on level l
            y = F.max_pool2d(skips[-1], 2)
        y = self.bottom(y)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            y = decoder(torch.cat([up(y), skips.pop()], dim=1))
        return self.final(y)


def _double_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
