"""NAFNet-Tiny: the gated blocks of NAFNet (Chen et al., ECCV 2022) in a shape that a CPU runs in real time.

What differs from the published network, and why:

- The picture enters by space-to-depth, and no gated block runs at its full or half size: there the memory traffic of gates and depthwise
  convolutions costs more than they teach. A thin path of plain convolutions carries the fine detail; the blocks steer it.
- The thin path is linear up to the gate: what comes out of the blocks multiplies and shifts its channels. So the network mixes a bank of
  linear filters by what it sees, which is what undoing an unknown blur needs.
- No global pooling: the tiles of a picture equal the whole.
- Batch norm instead of layer norm: in evaluation it is a scale and a shift, which fold into the convolution that follows. As it then
  holds nothing down any more, what enters a gate is bounded.
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
from sharpen_train.architectures.reach import unet_halo_px
from sharpen_train.architectures.reparam import fold_norm_before, fold_scale_after, split_outputs

GATE_BOUND = 8.0
"""What a gate takes at most, either way. Ordinary pictures stay below it nearly everywhere."""


def bounded(x: Tensor) -> Tensor:
    """Cuts values at `GATE_BOUND`, on their way into a product.

    Products square what is too large, and one block feeds the next: once a folded norm no longer holds a rare picture down, 21 blocks
    take it to infinity. Measured without the bound: one training patch in 64, though the network trained well.
    """
    return F.hardtanh(x, -GATE_BOUND, GATE_BOUND)  # unlike clamp, one operation in the backward pass: a quarter of a step


def simple_gate(x: Tensor) -> Tensor:
    """Multiplies the first half of the channels, (N, 2C, H, W), by the second: (N, C, H, W)."""
    first, second = bounded(x).chunk(2, dim=1)
    return first * second


class GatedBlock(nn.Module):
    """A NAF block without pooling, in the form that is trained.

    x + beta * conv(gate(depthwise(conv(norm(x))))), then x + gamma * conv(gate(conv(norm(x)))).
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, 2 * width, 1)
        self.depthwise = nn.Conv2d(2 * width, 2 * width, kernel, padding=kernel // 2, groups=2 * width) if kernel > 1 else nn.Identity()
        self.conv2 = nn.Conv2d(width, width, 1)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 2 * width, 1)
        self.conv4 = nn.Conv2d(width, width, 1)
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, width, H, W) to the same shape."""
        x = x + self.beta * self.conv2(simple_gate(self.depthwise(self.conv1(self.norm1(x)))))
        return x + self.gamma * self.conv4(simple_gate(self.conv3(self.norm2(x))))


class DeployedBlock(nn.Module):
    """The same block in the form that runs: ten convolutions, two products, two sums; no norm, no split."""

    def __init__(self, block: GatedBlock) -> None:
        super().__init__()
        self.first1, self.second1 = split_outputs(fold_norm_before(block.norm1, block.conv1))
        wide = block.depthwise
        self.depth1, self.depth2 = split_outputs(wide) if isinstance(wide, nn.Conv2d) else (nn.Identity(), nn.Identity())
        self.out1 = fold_scale_after(block.conv2, block.beta)
        self.first2, self.second2 = split_outputs(fold_norm_before(block.norm2, block.conv3))
        self.out2 = fold_scale_after(block.conv4, block.gamma)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, width, H, W) to the same shape."""
        x = x + self.out1(bounded(self.depth1(self.first1(x))) * bounded(self.depth2(self.second1(x))))
        return x + self.out2(bounded(self.first2(x)) * bounded(self.second2(x)))


def _reach(kernels: Sequence[int]) -> int:
    return sum(kernel // 2 for kernel in kernels)


def _blocks(width: int, kernels: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*[GatedBlock(width, kernel) for kernel in kernels])


class NafnetTiny(HalfSizeNetwork):
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
        down, up = ([0, 1, *map(_reach, stages)] for stages in (encoder, decoder))
        up[1] = 2  # fine and tail, where down has only the head
        self.halo_px = unet_halo_px(down, _reach(middle), up)
        self.head = head3x3(12, fine_channels)
        self.entry = nn.Conv2d(fine_channels, widths[0], 2, stride=2)
        self.encoder = nn.ModuleList(_blocks(width, kernels) for width, kernels in zip(widths, encoder, strict=False))
        self.downs = nn.ModuleList(nn.Conv2d(wide, narrow, 2, stride=2) for wide, narrow in pairwise(widths))
        self.middle = _blocks(widths[-1], middle)
        self.ups = nn.ModuleList(Doubling(narrow, wide) for wide, narrow in pairwise(widths))
        self.decoder = nn.ModuleList(_blocks(width, kernels) for width, kernels in zip(widths, decoder, strict=False))
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
    def deploy(self) -> "NafnetTiny":
        """Returns a copy whose norms, scales and splits are folded into convolutions; equal in evaluation mode."""
        network = super().deploy()
        assert isinstance(network, NafnetTiny)
        for stage in (*network.encoder, network.middle, *network.decoder):
            assert isinstance(stage, nn.Sequential)
            for index, block in enumerate(stage):
                if isinstance(block, GatedBlock):
                    stage[index] = DeployedBlock(block)
        return network.eval()


def nafnet_tiny(*, guided: bool = True) -> NafnetTiny:
    """Returns the network that the program ships: 21 gated blocks, 0.7 million parameters."""
    return NafnetTiny(
        fine_channels=16,
        widths=(32, 64, 96),
        encoder=((3, 3, 3), (3, 1, 3, 1)),
        middle=(3, 1, 1, 1, 1, 1, 1),
        decoder=((3, 3, 3), (1, 3, 1, 3)),
        guided=guided,
    )
