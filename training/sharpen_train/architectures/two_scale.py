"""The two-scale real-time network: detail at half resolution, reach and capacity at a quarter."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import HalfSizeNetwork, conv3x3, head3x3, hinted, rectified, zero_conv3x3
from sharpen_train.architectures.doubling import Doubling


class TwoScale(HalfSizeNetwork):
    """A U-Net of two levels made of plain 3x3 convolutions and ReLU only.

    A convolution at a quarter of the resolution costs a quarter of one at half and sees twice as far, so most of
    the depth sits there; a thin path at half resolution carries the fine detail around it.

    Args:
        fine_channels: width at half resolution.
        coarse_channels: width at a quarter.
        coarse_convs: convolutions at a quarter.
        lean: leave out the convolutions at half resolution but the first and the last.
        guided: whether it is told how soft the picture is.
    """

    def __init__(self, fine_channels: int, coarse_channels: int, coarse_convs: int, *, lean: bool = False, guided: bool = False) -> None:
        super().__init__()
        self.multiple_px = 4
        self.halo_px = 4 * 2 + coarse_convs * 4  # lean: what two fine convolutions would reach, the halving does
        self.head = head3x3(12, fine_channels)
        self.fine_in = nn.Identity() if lean else conv3x3(fine_channels, fine_channels)
        self.down = nn.Conv2d(fine_channels, coarse_channels, 2, stride=2)
        self.coarse = nn.ModuleList(conv3x3(coarse_channels, coarse_channels) for _ in range(coarse_convs))
        self.up = Doubling(coarse_channels, fine_channels)
        self.fine_out = nn.Identity() if lean else conv3x3(fine_channels, fine_channels)
        self.tail = zero_conv3x3(fine_channels, 12)
        if guided:
            self.be_guided(coarse_channels)

    def features(self, y: Tensor, hints: Sequence[Tensor] = ()) -> Tensor:
        """See `HalfSizeNetwork.features`."""
        fine = F.relu(self.fine_in(F.relu(y)))  # (N, F, H/2, W/2)
        coarse = F.relu(hinted(self.down(fine), hints, 0))  # (N, C, H/4, W/4)
        coarse = self.deepen(coarse, hints)
        fine = F.relu(self.up.back(self.up.view(fine) + self.up(coarse)))
        return F.relu(self.fine_out(fine))

    def deepen(self, coarse: Tensor, hints: Sequence[Tensor]) -> Tensor:  # noqa: ARG002  (for what is built on it)
        """Maps what goes through the convolutions at a quarter, (N, C, H/4, W/4), to what comes out of them."""
        return rectified(self.coarse, coarse)
