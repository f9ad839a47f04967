"""The gated block of NAFNet (Chen et al., ECCV 2022) in a form that a CPU runs fast.

- No global pooling: the tiles of a picture equal the whole.
- Batch norm instead of layer norm: in evaluation it is a scale and a shift, which fold into the convolution that follows. As it then
  holds nothing down any more, what enters a gate is bounded.
- The depthwise convolution may be left out: each widens the reach of the network by its level, and tiles have to overlap by it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.reparam import fold_norm_before, fold_scale_after, split_outputs

GATE_BOUND = 8.0
"""What a gate takes at most, either way. Ordinary pictures stay below it nearly everywhere."""


def bounded(x: Tensor) -> Tensor:
    """Cuts values at `GATE_BOUND`, on their way into a product.

    Products square what is too large, and one block feeds the next: once a folded norm no longer holds a rare picture down, many blocks
    take it to infinity. Measured with 21 of them without the bound: one training patch in 64, though the network trained well.
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


def gated_blocks(width: int, kernels: Sequence[int]) -> nn.Sequential:
    """Returns gated blocks behind each other, one for each kernel of its depthwise convolution; 1 is a block without one."""
    return nn.Sequential(*[GatedBlock(width, kernel) for kernel in kernels])


def reach(kernels: Sequence[int]) -> int:
    """Returns how far such blocks reach, in pixels of their level."""
    return sum(kernel // 2 for kernel in kernels)


@torch.no_grad()
def deploy_blocks(stage: nn.Module) -> None:
    """Puts the form that runs in the place of every gated block of a stage."""
    assert isinstance(stage, nn.Sequential)
    for index, block in enumerate(stage):
        if isinstance(block, GatedBlock):
            stage[index] = DeployedBlock(block)
