"""The MTF that made a soft picture of a sharp one: what a gauge learns to read, and what a student is told while it trains."""

from functools import cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from sharpen_core.gauge import BAND_EDGES, BANDS
from sharpen_core.traces import LUMA

_LEAST_POWER = (0.1 / 255) ** 2  # of a picture without detail, whose MTF is then taken to be 0.5
_RANGE = (-0.2, 1.3)
_UNSURE = 0.08


@torch.no_grad()
def measure(soft: Tensor, truth: Tensor) -> Tensor:
    """Returns the MTF, (N, BANDS), from the cross spectrum of luma, which noise does not bias.

    Args:
        soft: (N, 3, H, W) in [0, 1].
        truth: the same pictures before they were made soft.
    """
    rows, columns = soft.shape[2:]
    window, bands = _window(rows, columns, soft.device), _bands(rows, columns, soft.device)
    weights = torch.tensor(LUMA, device=soft.device).view(1, 3, 1, 1)
    luma = [(picture.float() * weights).sum(1) for picture in (soft, truth)]
    after, before = (torch.fft.rfft2((picture - picture.mean((1, 2), keepdim=True)) * window) for picture in luma)
    shared, power = (after * before.conj()).real.flatten(1) @ bands, before.abs().square().flatten(1) @ bands
    floor = _LEAST_POWER * rows * columns * bands.sum(0) * window.square().mean()
    return ((shared + 0.5 * floor) / (power + floor)).clamp(*_RANGE)


def told(mtf: Tensor, reading: Tensor, truth: float) -> Tensor:
    """Returns what a student is told, (N, BANDS): of a share of the pictures the truth, a little off, of the others what the gauge read.

    The truth alone would teach a small network to trust what no gauge can know. One that sees much of a patch learns from readings to
    know better than the gauge, which of a whole frame it does not.

    Args:
        mtf: the truth, (N, BANDS).
        reading: what the gauge read, (N, BANDS).
        truth: that share, 0 to 1.
    """
    honest = torch.rand(len(mtf), 1, device=mtf.device) < truth
    return torch.where(honest, _in_doubt(mtf), reading.float())


def _in_doubt(mtf: Tensor) -> Tensor:
    """Returns MTFs as a good gauge may misread them: level, tilt and single bands each off by up to some hundredths."""
    count, device = len(mtf), mtf.device
    doubt = _UNSURE * torch.rand(count, 1, device=device)
    tilt = torch.linspace(-1, 1, BANDS, device=device)
    level, slope = torch.randn(2, count, 1, device=device)
    return mtf + doubt * (level + slope * tilt + 0.5 * torch.randn(count, BANDS, device=device))


def misreading(mtf: Tensor, log_variance: Tensor, true_mtf: Tensor) -> Tensor:
    """Returns the loss of readings, (N,): their likelihood, and their distance, which does not let the hard ones go.

    Args:
        mtf: what the gauge read, (N, BANDS).
        log_variance: how far off it expects to be, as the logarithm of the square, (N, BANDS).
        true_mtf: what it should have read, (N, BANDS).
    """
    mtf, log_variance = mtf.float(), log_variance.float()
    likelihood = 0.5 * (log_variance + (mtf - true_mtf).square() * torch.exp(-log_variance))
    return (likelihood + 5 * F.huber_loss(mtf, true_mtf, reduction="none", delta=0.1)).mean(1)


@cache
def _window(rows: int, columns: int, device: torch.device) -> Tensor:
    return torch.outer(torch.hann_window(rows, periodic=False), torch.hann_window(columns, periodic=False)).to(device)


@cache
def _bands(rows: int, columns: int, device: torch.device) -> Tensor:
    """Returns (frequencies, BANDS): 1 where a frequency belongs to a band."""
    fineness = torch.hypot(torch.fft.fftfreq(rows)[:, None], torch.fft.rfftfreq(columns)[None]).flatten()
    edges = pairwise(BAND_EDGES)
    return torch.stack([((fineness >= low) & (fineness < high)).float() for low, high in edges], 1).to(device)
