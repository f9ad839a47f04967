"""The U-Net of gated blocks that was the first NAFNet-Tiny, see docs/adr/0006 and, for what came after it, 0016.

What differs from the published network, NAFNet (Chen et al., ECCV 2022), besides its blocks, and why:

- The picture enters by space-to-depth, and no gated block runs at its full or half size: there the memory traffic of gates and depthwise
  convolutions costs more than they teach. A thin path of plain convolutions carries the fine detail; the blocks steer it.
- The thin path is linear up to the gate: what comes out of the blocks multiplies and shifts its channels. So the network mixes a bank of
  linear filters by what it sees, which is what undoing an unknown blur needs.
- Depthwise 3x3 convolutions in every block at a quarter of the size, in every second at an eighth, in one at a sixteenth: each
  widens the reach by 4, 8 or 16 px, and tiles have to overlap by it.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import HalfSizeNetwork, conv3x3, head3x3, hinted, zero_conv3x3
from sharpen_train.architectures.doubling import Doubling, RowDoubling
from sharpen_train.architectures.gated_block import deploy_blocks, gated_blocks, reach
from sharpen_train.architectures.reach import unet_halo_px


class NafnetUnet(HalfSizeNetwork):
    """A U-Net of gated blocks at a quarter, an eighth and a sixteenth of the size, steering a thin path at half size.

    Args:
        fine_channels: width of the thin path.
        widths: channels at a quarter, an eighth, ... of the size.
        encoder: for each level but the last, the kernel of the depthwise convolution of every block; 1 for a block without one.
        middle: the same for the last level.
        decoder: the same as `encoder`, on the way up.
        guided: whether it is told how soft the picture is.
    """

    def __init__(
        self,
        fine_channels: int,
        widths: Sequence[int],
        encoder: Sequence[Sequence[int]],
        middle: Sequence[int],
        decoder: Sequence[Sequence[int]],
        *,
        guided: bool,
    ) -> None:
        super().__init__()
        self.multiple_px = 2 ** (len(widths) + 1)
        down, up = ([0, 1, *map(reach, stages)] for stages in (encoder, decoder))
        up[1] = 2  # fine and tail, where down has only the head
        self.halo_px = unet_halo_px(down, reach(middle), up)
        self.head = head3x3(12, fine_channels)
        self.entry = nn.Conv2d(fine_channels, widths[0], 2, stride=2)
        self.encoder = nn.ModuleList(gated_blocks(width, kernels) for width, kernels in zip(widths, encoder, strict=False))
        self.downs = nn.ModuleList(nn.Conv2d(wide, narrow, 2, stride=2) for wide, narrow in pairwise(widths))
        self.middle = gated_blocks(widths[-1], middle)
        self.ups = nn.ModuleList(Doubling(narrow, wide) for wide, narrow in pairwise(widths))
        self.decoder = nn.ModuleList(gated_blocks(width, kernels) for width, kernels in zip(widths, decoder, strict=False))
        self.gate = Doubling(widths[0], fine_channels)
        self.shift = Doubling(widths[0], fine_channels)
        self.fine = conv3x3(fine_channels, fine_channels)
        self.tail = zero_conv3x3(fine_channels, 12)
        nn.init.ones_(self.gate.bias)  # pyright: ignore[reportArgumentType]
        if guided:
            self.be_guided(*widths)

    def features(self, y: Tensor, hints: Sequence[Tensor] = ()) -> Tensor:
        """See `HalfSizeNetwork.features`."""
        fine = y
        y = hinted(self.entry(fine), hints, 0)  # (N, W0, H/4, W/4)
        kept: list[Tensor] = []
        for level, (blocks, down) in enumerate(zip(self.encoder, self.downs, strict=True), start=1):
            y = blocks(y)
            kept.append(y)
            y = hinted(down(y), hints, level)  # (N, W1, H/8, W/8), then (N, W2, H/16, W/16)
        y = self.middle(y)
        for blocks, up in zip(reversed(self.decoder), reversed(self.ups), strict=True):
            assert isinstance(up, Doubling | RowDoubling)
            y = blocks(kept.pop() + up.back(up(y)))
        fine = self.gate.back(self.gate.view(fine) * self.gate(y) + self.shift(y))  # (N, F, H/2, W/2)
        return F.relu(self.fine(fine))

    @torch.no_grad()
    def deploy(self) -> "NafnetUnet":
        """Returns a copy whose norms, scales and splits are folded into convolutions; equal in evaluation mode."""
        network = super().deploy()
        assert isinstance(network, NafnetUnet)
        for stage in (*network.encoder, network.middle, *network.decoder):
            deploy_blocks(stage)
        return network.eval()


def nafnet_unet(*, guided: bool = True) -> NafnetUnet:
    """Returns the network in the shape that was shipped once: 21 gated blocks, 0.7 million parameters."""
    return NafnetUnet(
        fine_channels=16,
        widths=(32, 64, 96),
        encoder=((3, 3, 3), (3, 1, 3, 1)),
        middle=(3, 1, 1, 1, 1, 1, 1),
        decoder=((3, 3, 3), (1, 3, 1, 3)),
        guided=guided,
    )
