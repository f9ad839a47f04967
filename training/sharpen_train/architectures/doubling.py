"""Doubling the size of feature maps: a 1x1 convolution whose channels become pixels, as it is trained and as it runs faster."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Doubling(nn.Conv2d):
    """Maps (N, C, H, W) to (N, outputs, 2H, 2W): a 1x1 convolution, then depth-to-space (ESPCN: Shi et al., CVPR 2016).

    What is combined with the result goes through `view` before and through `back` after; here they do nothing, but see `RowDoubling`.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, 4 * outputs, 1)

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Maps (N, C, H, W) to (N, outputs, 2H, 2W)."""
        return F.pixel_shuffle(super().forward(x), 2)

    def view(self, x: Tensor) -> Tensor:
        """Returns a map of the doubled size in the shape of what `forward` returns."""
        return x

    def back(self, x: Tensor) -> Tensor:
        """Returns what has the shape of what `forward` returns as (N, C, 2H, 2W)."""
        return x


class RowDoubling(nn.Module):
    """The same as a transposed convolution, for memory in which the channels of a pixel lie together.

    A transposed convolution writes its pixels where they belong, while depth-to-space is a second way through the memory. But it has one
    bias for a channel, and the 1x1 convolution has one for each of the four pixels too. These are added to the map seen as rows,
    (N, H, 2, W, 2C), which in such memory it is already: there they are a constant that broadcasts, and the engine adds it
    together with whatever else is done to the map in that shape.
    """

    @torch.no_grad()
    def __init__(self, doubling: Doubling) -> None:
        super().__init__()
        channels = doubling.out_channels // 4
        self.transposed = nn.ConvTranspose2d(doubling.in_channels, channels, 2, stride=2, bias=False)
        self.transposed.weight.copy_(doubling.weight.view(channels, 2, 2, -1).permute(3, 0, 1, 2))
        assert doubling.bias is not None
        self.bias = nn.Parameter(doubling.bias.view(channels, 2, 2).permute(1, 2, 0).reshape(1, 1, 2, 1, 2 * channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to (N, H, 2, W, 2 * outputs): two rows, two pixels beside each other in the channels."""
        return self.view(self.transposed(x)) + self.bias

    def view(self, x: Tensor) -> Tensor:
        """Maps (N, C, 2H, 2W) to (N, H, 2, W, 2C)."""
        n, c, height, width = x.shape
        return x.permute(0, 2, 3, 1).reshape(n, height // 2, 2, width // 2, 2 * c)

    def back(self, x: Tensor) -> Tensor:
        """Maps (N, H, 2, W, 2C) to (N, C, 2H, 2W)."""
        n, height, _, width, c = x.shape
        return x.reshape(n, 2 * height, 2 * width, c // 2).permute(0, 3, 1, 2)
