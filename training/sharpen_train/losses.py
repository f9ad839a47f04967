"""What training minimises. Every loss maps (N, 3, H, W) in [0, 1] to one value for each example, (N,)."""

import math

import torch
from torch import Tensor

DONE_DB = 40.0
"""An example that is restored to this PSNR has nothing left to teach."""


def charbonnier(result: Tensor, truth: Tensor, epsilon: float = 1e-3) -> Tensor:
    """A smooth L1 distance (Lai et al., CVPR 2017)."""
    return torch.sqrt((result - truth).square() + epsilon**2).mean(dim=(1, 2, 3))


def psnr_loss(result: Tensor, truth: Tensor) -> Tensor:
    """The negative PSNR in units of 10 dB, bounded by `DONE_DB` (the loss of NAFNet: Chen et al., ECCV 2022).

    A logarithm counts relative errors. With a plain distance the heavily blurred examples own the gradient and nearly sharp
    pictures are harmed; here a decibel is a decibel at every level.
    """
    mse = (result - truth).square().mean(dim=(1, 2, 3))
    return torch.log(mse + 10 ** (-DONE_DB / 10)) / math.log(10)


LOSSES = {"charbonnier": charbonnier, "psnr": psnr_loss}
