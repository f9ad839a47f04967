"""The plain real-time network: 3x3 convolutions at half resolution."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import HalfSizeNetwork, conv3x3, head3x3, rectified, zero_conv3x3


class Plain(HalfSizeNetwork):
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

    def features(self, y: Tensor, hints: Sequence[Tensor] = ()) -> Tensor:  # noqa: ARG002  (it is not guided)
        """See `HalfSizeNetwork.features`."""
        return rectified(self.body, F.relu(y))
