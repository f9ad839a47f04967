"""SimpleNAFNet: a published student that keeps NAFNet's blocks and drops its U-Net."""

import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import ResidualNetwork, zero_conv3x3
from sharpen_train.architectures.layer_norm import LayerNorm2d
from sharpen_train.architectures.nafnet import simple_gate


class SimpleNAFNet(ResidualNetwork):
    """Blocks at full resolution with channel attention in groups and a gated feed-forward part.

    The kind of student that projects train with squared errors to the truth and to the teacher. Of the published one only these
    parts are known; width, depth and groups are this project's choice.

    Args:
        channels: width of the network, a multiple of `groups`.
        blocks: how many blocks follow each other.
        groups: groups of channels that attend among themselves.
    """

    multiple_px = 1
    whole_frame = True

    def __init__(self, channels: int = 32, blocks: int = 4, groups: int = 4) -> None:
        super().__init__()
        self.halo_px = blocks + 2
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(_Block(channels, groups) for _ in range(blocks)))
        self.tail = zero_conv3x3(channels, 3)

    def residual(self, x: Tensor) -> Tensor:
        """See `ResidualNetwork.residual`."""
        return self.tail(self.body(self.head(x)))


class _Block(nn.Module):
    """(N, C, H, W) to the same shape: filter, gate and weigh the channels; then the feed-forward part; each added to its input."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        c = channels
        self.norm1 = LayerNorm2d(c, 1e-6)
        self.expand = nn.Conv2d(c, 2 * c, 1)
        self.filter = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c)
        self.attention = _GroupedChannelAttention(c, groups)
        self.project = nn.Conv2d(c, c, 1)
        self.norm2 = LayerNorm2d(c, 1e-6)
        self.gates = nn.Conv2d(c, 4 * c, 1)
        self.reduce = nn.Conv2d(2 * c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = simple_gate(self.filter(self.expand(self.norm1(x))))  # (N, C, H, W)
        x = x + self.project(self.attention(y))
        gate, value = self.gates(self.norm2(x)).chunk(2, dim=1)  # (N, 2C, H, W) each
        return x + self.reduce(F.gelu(gate) * value)


class _GroupedChannelAttention(nn.Module):
    """Weighs each channel by what its group looks like on average over the picture (Hu et al., CVPR 2018, in groups)."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 2, 1, groups=groups)
        self.excite = nn.Conv2d(channels // 2, channels, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(x, 1)  # (N, C, 1, 1)
        return x * self.excite(F.relu(self.squeeze(pooled))).sigmoid()
