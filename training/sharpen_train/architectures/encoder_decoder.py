"""A published student without skip connections: encoder, middle at half resolution, decoder, sigmoid."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import Network
from sharpen_train.architectures.reach import unet_halo_px


class EncoderDecoder(Network):
    """Two convolutions, two more at half the resolution, and two that draw the picture again.

    The kind of student that projects train with an absolute and a perceptual loss towards the teacher. It has to carry the whole
    picture through its channels: the finest detail does not survive the pooling.
    """

    multiple_px = 2
    halo_px = unet_halo_px([2], 2 + 1, [2])  # the bilinear enlargement looks at one neighbour

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        c = channels
        self.encoder = _convs(3, c, 2 * c)
        self.middle = _convs(2 * c, 2 * c, 2 * c)
        self.decoder = nn.Sequential(nn.Conv2d(2 * c, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, 3, H, W) in [0, 1] to the same shape in (0, 1)."""
        y = F.max_pool2d(self.encoder(x), 2)  # (N, 2C, H/2, W/2)
        y = F.interpolate(self.middle(y), scale_factor=2, mode="bilinear", align_corners=False)  # (N, 2C, H, W)
        return torch.sigmoid(self.decoder(y))


def _convs(inputs: int, between: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, between, 3, padding=1), nn.ReLU(), nn.Conv2d(between, outputs, 3, padding=1), nn.ReLU())
