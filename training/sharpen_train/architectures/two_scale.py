"""The two-scale real-time network: detail at half resolution, reach and capacity at a quarter."""

import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import ResidualNetwork, conv3x3, head3x3, zero_conv3x3


class TwoScale(ResidualNetwork):
    """A U-Net of two levels made of plain 3x3 convolutions and ReLU only.

    A convolution at a quarter of the resolution costs a quarter of one at half and sees twice as far, so most of
    the depth sits there; a thin path at half resolution carries the fine detail around it.
    """

    def __init__(self, fine_channels: int, coarse_channels: int, coarse_convs: int) -> None:
        super().__init__()
        self.multiple_px = 4
        self.halo_px = 4 * 2 + coarse_convs * 4  # a fine convolution reaches 2 px, a coarse one 4
        self.head = head3x3(12, fine_channels)
        self.fine_in = conv3x3(fine_channels, fine_channels)
        self.down = nn.Conv2d(fine_channels, coarse_channels, 2, stride=2)
        self.coarse = nn.ModuleList(conv3x3(coarse_channels, coarse_channels) for _ in range(coarse_convs))
        self.up = nn.Conv2d(coarse_channels, 4 * fine_channels, 1)
        self.fine_out = conv3x3(fine_channels, fine_channels)
        self.tail = zero_conv3x3(fine_channels, 12)

    def residual(self, x: Tensor) -> Tensor:
        """See `ResidualNetwork.residual`."""
        fine = F.relu(self.head(F.pixel_unshuffle(x, 2)))  # (N, F, H/2, W/2)
        fine = F.relu(self.fine_in(fine))
        coarse = F.relu(self.down(fine))  # (N, C, H/4, W/4)
        for conv in self.coarse:
            coarse = F.relu(conv(coarse))
        fine = F.relu(fine + F.pixel_shuffle(self.up(coarse), 2))
        fine = F.relu(self.fine_out(fine))
        return F.pixel_shuffle(self.tail(fine), 2)  # (N, 3, H, W)
