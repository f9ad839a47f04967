"""Telling a network how soft its picture is, see `sharpen_core.gauge`."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sharpen_core.gauge import BANDS, LOG_VARIANCES, Gauge
from sharpen_core.traces import FEATURES, Floats, features

_HIDDEN = 32
_GAUGE_WIDTH = 128
_MIDDLE, _SPREAD = 0.6, 0.5  # of MTF values, roughly
_LEAST_VARIANCE = 0.01  # of a trace: what hardly ever moved must not count for much when it does


class Guide(nn.Module):
    """Turns an MTF into what is added to the channels of some feature maps; at first nothing.

    Args:
        widths: channels of each map.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self._widths = list(widths)
        last = nn.Linear(_HIDDEN, sum(widths))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(BANDS, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU(), last)

    def forward(self, mtf: Tensor) -> list[Tensor]:
        """Maps (N, BANDS) to one (N, C, 1, 1) for each map."""
        return [part[:, :, None, None] for part in self.layers((mtf - _MIDDLE) / _SPREAD).split(self._widths, 1)]


class GaugeNetwork(nn.Module):
    """What learns to read the MTF from the traces of softness; `gauge` is what runs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(FEATURES)
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, _GAUGE_WIDTH),
            nn.SiLU(),
            nn.Linear(_GAUGE_WIDTH, _GAUGE_WIDTH),
            nn.SiLU(),
            nn.Linear(_GAUGE_WIDTH, 2 * BANDS),
        )

    def forward(self, traces: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, FEATURES) to the MTF and the logarithm of its variance, both (N, BANDS)."""
        return self.named(self.layers(self.norm(traces)))

    def named(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Maps what the last layer gives, (N, 2 * BANDS), to what `forward` returns."""
        mtf, log_variance = values.chunk(2, 1)
        return _MIDDLE + _SPREAD * mtf, log_variance.clamp(*LOG_VARIANCES)

    @torch.no_grad()
    def standardise(self, traces: Tensor) -> None:
        """Lets the norm do what brings these traces, (N, FEATURES), to mean 0 and variance 1, and stay so."""
        assert self.norm.running_mean is not None
        assert self.norm.running_var is not None
        self.norm.running_mean.copy_(traces.mean(0))
        self.norm.running_var.copy_(traces.var(0).clamp(min=_LEAST_VARIANCE))
        self.eval()

    @torch.no_grad()
    def arrays(self) -> dict[str, Floats]:
        """Returns the weights that `sharpen_core.gauge.Gauge` takes: the norm and the scales folded into the layers."""
        layers = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        weights, biases = [layer.weight.double() for layer in layers], [layer.bias.double() for layer in layers]
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - scale * norm.running_mean
        biases[0] = biases[0] + weights[0] @ shift.double()
        weights[0] = weights[0] * scale.double()
        outer = torch.cat([torch.full((BANDS,), _SPREAD), torch.ones(BANDS)]).double()
        weights[2], biases[2] = weights[2] * outer[:, None], biases[2] * outer
        biases[2][:BANDS] += _MIDDLE
        named = {f"weight{index}": weight for index, weight in enumerate(weights)} | {
            f"bias{index}": bias for index, bias in enumerate(biases)
        }
        return {name: values.float().cpu().numpy() for name, values in named.items()}

    def gauge(self) -> Gauge:
        """Returns it in the form that runs."""
        return Gauge(self.arrays())


def traces_of(pictures: NDArray[np.uint8]) -> Tensor:
    """Returns what a gauge looks at, (N, FEATURES), of pictures, (N, 3, H, W) uint8."""
    return torch.from_numpy(np.stack([features(np.ascontiguousarray(picture.transpose(1, 2, 0))) for picture in pictures]))


def look(gauge: GaugeNetwork, pictures: Tensor) -> Tensor:
    """Returns the MTF, (N, BANDS), that the gauge reads from whole pictures, (N, 3, H, W) in [0, 1]."""
    if pictures.is_meta:  # shapes alone are computed
        return pictures.new_empty(len(pictures), BANDS)
    running = gauge.gauge()
    pixels = (pictures.detach().float() * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    mtf = np.stack([running.read_whole(np.ascontiguousarray(picture)) for picture in pixels])
    return torch.from_numpy(mtf).to(pictures)
