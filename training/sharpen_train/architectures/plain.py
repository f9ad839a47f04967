"""The plain real-time network: 3x3 convolutions at half resolution."""

import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import ResidualNetwork, conv3x3, head3x3, zero_conv3x3


class Plain(ResidualNetwork):
    """Space-to-depth, `body_convs + 2` convolutions of 3x3 with ReLU, depth-to-space (ESPCN: Shi et al., CVPR 2016).

    Plain 3x3 convolutions reach nearly all of a CPU's arithmetic; gates, norms and pooling do not.
    """

    def __init__(self, channels: int, body_convs: int) -> None:
        super().__init__()
        self.multiple_px = 2
        self.halo_px = 2 * (body_convs + 2)
        self.head = head3x3(12, channels)
        self.body = nn.ModuleList(conv3x3(channels, channels) for _ in range(body_convs))
        self.tail = zero_conv3x3(channels, 12)

    def residual(self, x: Tensor) -> Tensor:
        """See `ResidualNetwork.residual`."""
        y = F.relu(self.head(F.pixel_unshuffle(x, 2)))  # (N, C, H/2, W/2)
        for conv in self.body:
            y = F.relu(conv(y))
        return F.pixel_shuffle(self.tail(y), 2)  # (N, 3, H, W)
