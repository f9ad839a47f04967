"""NAFNet-Tiny: gated blocks of NAFNet (Chen et al., ECCV 2022) where they cost little, plain convolutions where the detail is.

Gates and depthwise convolutions wait for memory, and wait more in 8 bits, where plain 3x3 convolutions run three times as fast as in
float32. So the detail goes through the two-scale network, while the gated blocks, with nine tenths of the weights, look at cells of
16 px: what they make of the surroundings is added to the plain network's maps halfway.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import hinted, rectified
from sharpen_train.architectures.gated_block import deploy_blocks, gated_blocks, reach
from sharpen_train.architectures.reach import unet_halo_px
from sharpen_train.architectures.two_scale import TwoScale

CELL = 4
"""Side of a cell in pixels of the quarter size."""
LAST_OF_GUIDE = "guide.layers.4."


class NafnetTiny(TwoScale):
    """A two-scale network whose maps at a quarter of the size are told what gated blocks see in cells of 16 px.

    Args:
        fine_channels: width at half size.
        coarse_channels: width at a quarter.
        before: convolutions at a quarter before the gated blocks are heard; these look at what the first of them gives.
        after: convolutions at a quarter afterwards, at least one; the first takes in what the blocks say.
        width: channels of a cell.
        kernels: of the depthwise convolution of every gated block; 1 for a block without one.
        guided: whether it is told how soft the picture is.
    """

    def __init__(
        self,
        fine_channels: int,
        coarse_channels: int,
        *,
        before: int,
        after: int,
        width: int,
        kernels: Sequence[int],
        guided: bool = True,
    ) -> None:
        super().__init__(fine_channels, coarse_channels, before + after)
        self._before = before
        self.multiple_px = 4 * CELL
        self.halo_px = max(self.halo_px, unet_halo_px([0, 2, 1, 0], reach(kernels), [0, 2, after - 1, 0]))
        self.to_cells = nn.Conv2d(coarse_channels, width, CELL, stride=CELL)
        self.blocks = gated_blocks(width, kernels)
        self.from_cells = nn.ConvTranspose2d(width, coarse_channels, CELL, stride=CELL)
        nn.init.zeros_(self.from_cells.weight)
        nn.init.zeros_(self.from_cells.bias)  # pyright: ignore[reportArgumentType]
        if guided:
            self.be_guided(coarse_channels, width)

    def deepen(self, coarse: Tensor, hints: Sequence[Tensor]) -> Tensor:
        """See `TwoScale.deepen`."""
        hears = self._before  # the number of the convolution that takes in what the blocks say
        coarse = rectified(self.coarse[:1], coarse)  # (N, C, H/4, W/4)
        cells = self.blocks(hinted(self.to_cells(coarse), hints, 1))  # (N, W, H/16, W/16)
        coarse = rectified(self.coarse[1:hears], coarse)
        coarse = F.relu(self.coarse[hears](coarse) + self.from_cells(cells))
        return rectified(self.coarse[hears + 1 :], coarse)

    @torch.no_grad()
    def deploy(self) -> "NafnetTiny":
        """Returns a copy whose norms, scales and splits are folded into convolutions; equal in evaluation mode."""
        network = super().deploy()
        assert isinstance(network, NafnetTiny)
        deploy_blocks(network.blocks)
        return network.eval()

    def adapted(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Network.adapted`: it may begin as the two-scale network in it, and then computes the same."""
        if "to_cells.weight" in weights:
            return dict(weights)
        own = self.state_dict()
        return own | {name: self._padded(name, tensor, own) for name, tensor in weights.items()}

    @staticmethod
    def _padded(name: str, tensor: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        """Returns the guide's last layer with hints of nothing for the cells, and everything else as it is."""
        if not name.startswith(LAST_OF_GUIDE) or name not in own or len(tensor) >= len(own[name]):
            return tensor
        return torch.cat([tensor, tensor.new_zeros(len(own[name]) - len(tensor), *tensor.shape[1:])])


def nafnet_tiny() -> NafnetTiny:
    """Returns the network that the program ships one set of weights of, see `Specialists`: four gated blocks, 0.6 million parameters."""
    return NafnetTiny(16, 32, before=3, after=3, width=128, kernels=(3, 1, 3, 1))
