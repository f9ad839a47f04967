"""Re-parameterisation: layers that only training needs, folded into their neighbours (RepVGG: Ding et al., CVPR 2021)."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def norm_scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Returns what a batch norm does in evaluation: y = x * scale + shift, two tensors of shape (C,)."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


@torch.no_grad()
def fold_norm_before(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Conv2d:
    """Returns the 1x1 convolution that computes `conv(norm(x))`.

    A wider kernel would not do: its zero padding is not normalised.

    Raises:
        ValueError: the convolution is not 1x1.
    """
    if conv.kernel_size != (1, 1) or conv.groups != 1:
        raise ValueError("a norm folds only into a 1x1 convolution that follows it")
    scale, shift = norm_scale_and_shift(norm)
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, 1, dtype=conv.weight.dtype)
    folded.weight.copy_(conv.weight * scale[None, :, None, None])
    folded.bias.copy_(_bias(conv) + conv.weight[:, :, 0, 0] @ shift)  # pyright: ignore[reportOptionalMemberAccess]
    return folded


@torch.no_grad()
def fold_scale_after(conv: nn.Conv2d, scale: Tensor) -> nn.Conv2d:
    """Returns the 1x1 convolution that computes `conv(x) * scale`; `scale` has shape (1, C, 1, 1)."""
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, 1, dtype=conv.weight.dtype)
    folded.weight.copy_(conv.weight * scale.reshape(-1, 1, 1, 1))
    folded.bias.copy_(_bias(conv) * scale.flatten())  # pyright: ignore[reportOptionalMemberAccess]
    return folded


@torch.no_grad()
def split_outputs(conv: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Returns two convolutions that compute the first and the second half of the channels of `conv`."""
    half, groups = conv.out_channels // 2, max(1, conv.groups // 2)
    inputs = half if conv.groups > 1 else conv.in_channels
    parts: list[nn.Conv2d] = []
    for rows in (slice(0, half), slice(half, 2 * half)):
        part = nn.Conv2d(inputs, half, conv.kernel_size, padding=conv.padding, groups=groups, dtype=conv.weight.dtype)  # pyright: ignore[reportArgumentType]
        part.weight.copy_(conv.weight[rows])
        part.bias.copy_(_bias(conv)[rows])  # pyright: ignore[reportOptionalMemberAccess]
        parts.append(part)
    return parts[0], parts[1]


def _bias(conv: nn.Conv2d) -> Tensor:
    return conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias
