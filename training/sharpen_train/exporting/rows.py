"""The network in the form that runs fastest where the channels of a pixel lie together in memory."""

import copy

import torch
from torch import Tensor, nn

from sharpen_train.architectures.base import HalfSizeNetwork
from sharpen_train.architectures.doubling import Doubling, RowDoubling


class RowContract(nn.Module):
    """Bytes in, bytes out, like `ByteContract`, without moving the bytes of the picture.

    Two pixels beside each other are six channels of one by a mere change of the shape, and the first convolution takes the two rows of a
    space-to-depth with twice the kernel and stride in height. The residual is brought into rows by splitting it into upper and lower
    rows and putting these behind each other.
    """

    def __init__(self, network: HalfSizeNetwork) -> None:
        super().__init__()
        scaled = network.for_bytes()
        assert isinstance(scaled, HalfSizeNetwork)
        self.head, self.tail = _head(scaled.head), _tail(scaled.tail)
        self.network = scaled
        for name, module in list(scaled.named_modules()):
            if isinstance(module, Doubling):
                _replace(scaled, name, RowDoubling(module))

    def forward(self, image: Tensor, mtf: Tensor | None = None) -> Tensor:
        """Maps (1, H, W, 3) uint8 to the same; a guided network also takes the MTF of the picture, (1, BANDS)."""
        _, height, width, _ = image.shape
        pairs = image.reshape(1, height, width // 2, 6).permute(0, 3, 1, 2).float()
        y = self.tail(self.network.features(self.head(pairs), self.network.hints(mtf))).permute(0, 2, 3, 1)
        y = y.reshape(height // 2, width // 2, 12)
        upper, lower = (half.reshape(height // 2, 1, width * 3) for half in y.split(6, dim=2))
        residual = torch.cat([upper, lower], dim=1).reshape(1, height, width, 3)
        return (image.float() + residual).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def _head(conv: nn.Conv2d) -> nn.Conv2d:
    """Returns the convolution that takes (N, 6, H, W/2) as `conv` takes its space-to-depth, (N, 12, H/2, W/2)."""
    head = nn.Conv2d(6, conv.out_channels, (6, 3), stride=(2, 1), padding=(2, 1))
    weight = conv.weight.view(-1, 3, 2, 2, 3, 3)  # (C, colour, row, column, kernel row, kernel column)
    head.weight.copy_(weight.permute(0, 3, 1, 4, 2, 5).reshape(head.weight.shape))
    assert head.bias is not None
    assert conv.bias is not None
    head.bias.copy_(conv.bias)
    return head


@torch.no_grad()
def _tail(conv: nn.Conv2d) -> nn.Conv2d:
    """Returns `conv` with its channels in the order row, column, colour instead of colour, row, column."""
    tail = copy.deepcopy(conv)
    order = torch.arange(12).view(3, 2, 2).permute(1, 2, 0).flatten()
    tail.weight.copy_(conv.weight[order])
    assert tail.bias is not None
    assert conv.bias is not None
    tail.bias.copy_(conv.bias[order])
    return tail


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)
