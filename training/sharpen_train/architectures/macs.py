"""Counting what a network costs."""

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


def count_macs(network: nn.Module, height: int, width: int, channels: int = 3) -> int:
    """Returns the multiply-accumulates of one pass over one picture: every convolution and matrix product, those of attention included.

    Shapes alone are computed (on torch's meta device), so that no size is too large; norms, gates and activations count nothing.

    Args:
        network: takes (1, channels, height, width); it may itself be on the meta device.
        height: of the picture in pixels, a multiple of what the network asks for, as is `width`.
        width: of the picture in pixels.
        channels: of the picture.
    """
    tensors = dict(network.named_parameters()) | dict(network.named_buffers())
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    dtype = next((tensor.dtype for tensor in shapes.values() if tensor.is_floating_point()), torch.float32)
    picture = torch.empty(1, channels, height, width, device="meta", dtype=dtype)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        functional_call(network, shapes, (picture,))
    return counter.get_total_flops() // 2
