"""Restormer: a transformer over channels, the teacher of the published student projects.

Zamir et al., "Restormer: Efficient Transformer for High-Resolution Image Restoration", CVPR 2022. The names of the parameters are those of
the official checkpoints, so that these load; the weights themselves are for non-commercial use and come from the user.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_train.architectures.base import Network
from sharpen_train.architectures.layer_norm import BiasFreeLayerNorm2d, LayerNorm2d
from sharpen_train.architectures.reach import unet_halo_px

NormKind = Literal["with-bias", "bias-free"]
_EPS = 1e-5


class Restormer(Network):
    """A U-Net of four levels made of transformer blocks; the defaults are the published size.

    Args:
        dim: channels of the first level; each further level has twice as many.
        blocks: transformer blocks of the levels 1 to 4; the decoder repeats the levels 1 to 3.
        refinement: blocks after the decoder, at full resolution with 2 * dim channels.
        heads: attention heads of the levels 1 to 4.
        expansion: width of the feed-forward part relative to its input.
        norm: "with-bias" (deblurring checkpoints) or "bias-free" (denoising checkpoints).
        dual_pixel: the input is a pair of views (N, 6, H, W); the output is (N, 3, H, W) and the input is not added to it.
    """

    multiple_px = 8
    whole_frame = True

    def __init__(
        self,
        dim: int = 48,
        blocks: Sequence[int] = (4, 6, 6, 8),
        refinement: int = 4,
        heads: Sequence[int] = (1, 2, 4, 8),
        expansion: float = 2.66,
        norm: NormKind = "with-bias",
        dual_pixel: bool = False,
    ) -> None:
        super().__init__()
        self.halo_px = _reach_px(blocks, refinement)
        self.dual_pixel = dual_pixel

        def stage(count: int, channels: int, level_heads: int) -> nn.Sequential:
            return nn.Sequential(*(_Block(channels, level_heads, expansion, norm) for _ in range(count)))

        self.patch_embed = _PatchEmbed(6 if dual_pixel else 3, dim)
        self.encoder_level1 = stage(blocks[0], dim, heads[0])
        self.down1_2 = _Downsample(dim)
        self.encoder_level2 = stage(blocks[1], 2 * dim, heads[1])
        self.down2_3 = _Downsample(2 * dim)
        self.encoder_level3 = stage(blocks[2], 4 * dim, heads[2])
        self.down3_4 = _Downsample(4 * dim)
        self.latent = stage(blocks[3], 8 * dim, heads[3])
        self.up4_3 = _Upsample(8 * dim)
        self.reduce_chan_level3 = nn.Conv2d(8 * dim, 4 * dim, 1, bias=False)
        self.decoder_level3 = stage(blocks[2], 4 * dim, heads[2])
        self.up3_2 = _Upsample(4 * dim)
        self.reduce_chan_level2 = nn.Conv2d(4 * dim, 2 * dim, 1, bias=False)
        self.decoder_level2 = stage(blocks[1], 2 * dim, heads[1])
        self.up2_1 = _Upsample(2 * dim)
        self.decoder_level1 = stage(blocks[0], 2 * dim, heads[0])
        self.refinement = stage(refinement, 2 * dim, heads[0])
        if dual_pixel:
            self.skip_conv = nn.Conv2d(dim, 2 * dim, 1, bias=False)
        self.output = nn.Conv2d(2 * dim, 3, 3, padding=1, bias=False)
        if not dual_pixel:
            nn.init.zeros_(self.output.weight)  # untrained, it is the identity

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, 3, H, W) in [0, 1] to the same shape, or (N, 6, H, W) to (N, 3, H, W); the result is not clamped."""
        embedded = self.patch_embed(x)  # (N, D, H, W)
        level1 = self.encoder_level1(embedded)
        level2 = self.encoder_level2(self.down1_2(level1))  # (N, 2D, H/2, W/2)
        level3 = self.encoder_level3(self.down2_3(level2))  # (N, 4D, H/4, W/4)
        y = self.latent(self.down3_4(level3))  # (N, 8D, H/8, W/8)
        y = torch.cat([self.up4_3(y), level3], dim=1)  # (N, 8D, H/4, W/4)
        y = self.decoder_level3(self.reduce_chan_level3(y))  # (N, 4D, H/4, W/4)
        y = torch.cat([self.up3_2(y), level2], dim=1)  # (N, 4D, H/2, W/2)
        y = self.decoder_level2(self.reduce_chan_level2(y))  # (N, 2D, H/2, W/2)
        y = torch.cat([self.up2_1(y), level1], dim=1)  # (N, 2D, H, W): not reduced at this level
        y = self.refinement(self.decoder_level1(y))
        if self.dual_pixel:
            return self.output(y + self.skip_conv(embedded))
        return self.output(y) + x


class _PatchEmbed(nn.Module):
    """The first convolution, (N, inputs, H, W) to (N, D, H, W)."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, dim, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class _Downsample(nn.Module):
    """(N, C, H, W) to (N, 2C, H/2, W/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False), nn.PixelUnshuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class _Upsample(nn.Module):
    """(N, C, H, W) to (N, C/2, 2H, 2W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class _Norm(nn.Module):
    """Holds a layer norm under the name that the checkpoints give it."""

    def __init__(self, channels: int, kind: NormKind) -> None:
        super().__init__()
        self.body = LayerNorm2d(channels, _EPS) if kind == "with-bias" else BiasFreeLayerNorm2d(channels, _EPS)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class _Block(nn.Module):
    """Attention over channels, then a gated feed-forward part, each normalised before and added to its input."""

    def __init__(self, channels: int, heads: int, expansion: float, norm: NormKind) -> None:
        super().__init__()
        self.norm1 = _Norm(channels, norm)
        self.attn = _Attention(channels, heads)
        self.norm2 = _Norm(channels, norm)
        self.ffn = _FeedForward(channels, int(channels * expansion))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class _Attention(nn.Module):
    """Attention between channels ("MDTA"): each head compares C/heads maps of H*W values, so the cost is linear in the pixels."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.qkv_dwconv = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        q, k, v = self.qkv_dwconv(self.qkv(x)).reshape(n, 3, self.heads, c // self.heads, h * w).unbind(1)  # (N, heads, C/heads, HW)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        weights = (q @ k.transpose(-2, -1) * self.temperature).softmax(dim=-1)  # (N, heads, C/heads, C/heads)
        return self.project_out((weights @ v).reshape(n, c, h, w))


class _FeedForward(nn.Module):
    """Two depthwise-filtered branches, one gating the other ("GDFN")."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)  # (N, hidden, H, W) each
        return self.project_out(F.gelu(gate) * value)


def _reach_px(blocks: Sequence[int], refinement: int) -> int:
    """Returns the halo of the convolutions; a block holds two depthwise 3x3, attention has no end."""
    down = [2 * count + 1 for count in blocks[:3]]  # and the convolution that halves
    up = [2 * count + 1 for count in blocks[:3]]  # and the one that doubles towards the level above, or the last one
    down[0] += 1  # the first convolution
    up[0] += 2 * refinement
    return unet_halo_px(down, 2 * blocks[3] + 1, up)
