"""What every trainable network offers to the loop and to the exporter."""

import copy
from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_core.gauge import Gauge
from sharpen_train.architectures.guidance import GaugeNetwork, Guide, look


class Network(nn.Module):
    """A network that maps pictures (N, 3, H, W), float in [0, 1], to pictures of the same shape.

    Subclasses set these:

    Attributes:
        multiple_px: height and width must be multiples of it.
        halo_px: an output pixel at least this far inside an edge that lies at such a multiple depends on nothing beyond it
            (in a network that pools or attends globally: the reach of its convolutions alone).
        whole_frame: the network pools or attends over the whole picture, so that the tiles of a picture differ from the whole.
        guided: the network is told how soft its picture is, as an MTF (see `sharpen_core.gauge`). Called with the picture alone it reads
            that from it by itself.
    """

    multiple_px: int
    halo_px: int
    whole_frame: bool = False
    guided: bool = False

    def running_gauge(self) -> Gauge | None:
        """Returns what reads how soft a picture is, for a network that is told that."""
        return None

    @property
    def size(self) -> int:
        """Number of weights that work at every pixel: all but those of a gauge."""
        return sum(weight.numel() for name, weight in self.named_parameters() if not name.startswith("gauge."))

    def adapted(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns weights to begin with as this network's own: they may be those of a network that it is built on."""
        return dict(weights)

    def deploy(self) -> "Network":
        """Returns a copy in the form that runs fastest; it computes the same function in evaluation mode."""
        return copy.deepcopy(self).eval()

    def for_bytes(self) -> nn.Module:
        """Returns a copy that works on values 0..255 instead of 0..1."""
        return _Scaled(copy.deepcopy(self))


class _Scaled(nn.Module):
    """A network of values 0..1, given and giving values 0..255."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x / 255.0) * 255.0


class ResidualNetwork(Network):
    """A network that adds a predicted residual to its input, and so is the identity before it is trained.

    Subclasses also set the convolutions at the ends of the residual path, `head` and `tail`.
    """

    head: nn.Conv2d
    tail: nn.Conv2d

    def residual(self, x: Tensor) -> Tensor:
        """Returns what has to be added to `x`, (N, 3, H, W)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, 3, H, W) in [0, 1] to the same shape; the result is not clamped."""
        return x + self.residual(x)

    @torch.no_grad()
    def for_bytes(self) -> "ResidualNetwork":
        """Returns a copy that works on values 0..255 instead of 0..1.

        The scale moves into the first and last convolution. The input then stays a whole number up to 255,
        which bfloat16 represents exactly: the skip connection loses nothing at low precision.
        """
        net = copy.deepcopy(self)
        net.head.weight /= 255.0
        net.tail.weight *= 255.0
        if net.tail.bias is not None:
            net.tail.bias *= 255.0
        return net


class HalfSizeNetwork(ResidualNetwork):
    """A residual network that works at half size at most: four pixels of the picture are the 12 channels of one (space-to-depth).

    The first convolution takes those channels and the last one makes them; both have 3x3 weights. It may be guided.
    """

    guide: Guide
    gauge: GaugeNetwork

    def be_guided(self, *widths: int) -> None:
        """Lets the network be told how soft its picture is, by numbers that `features` adds to maps of these widths."""
        self.guided, self.guide, self.gauge = True, Guide(widths), GaugeNetwork()

    def running_gauge(self) -> Gauge | None:
        """See `Network.running_gauge`."""
        return self.gauge.gauge() if self.guided else None

    def features(self, y: Tensor, hints: Sequence[Tensor]) -> Tensor:
        """Maps what the head gives, (N, C, H/2, W/2), to what the tail takes, of the same shape.

        Args:
            y: what the head gives.
            hints: what to add to some maps, each (N, channels, 1, 1); empty in a network that is not guided.
        """
        raise NotImplementedError

    def hints(self, mtf: Tensor | None) -> list[Tensor]:
        """Returns what `features` takes besides the picture."""
        return [] if mtf is None or not self.guided else self.guide(mtf)

    def residual(self, x: Tensor, mtf: Tensor | None = None) -> Tensor:
        """See `ResidualNetwork.residual`; `mtf` is (N, BANDS)."""
        y = self.features(self.head(F.pixel_unshuffle(x, 2)), self.hints(mtf))  # (N, C, H/2, W/2)
        return F.pixel_shuffle(self.tail(y), 2)  # (N, 3, H, W)

    def forward(self, x: Tensor, mtf: Tensor | None = None) -> Tensor:
        """See `ResidualNetwork.forward`; `mtf` is (N, BANDS), and by default a guided network reads it from the pictures."""
        if self.guided and mtf is None:
            mtf = look(self.gauge, x)
        return x + self.residual(x, mtf)


def rectified(convs: Iterable[nn.Module], y: Tensor) -> Tensor:
    """Returns a map after these convolutions, each with a ReLU behind it."""
    for conv in convs:
        y = F.relu(conv(y))
    return y


def hinted(y: Tensor, hints: Sequence[Tensor], index: int) -> Tensor:
    """Returns a map with the hint of its number added, if there are any."""
    return y + hints[index] if hints else y


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that starts close to the identity where the shapes allow it.

    Adding the Dirac kernel to a small random start is the folded form of a residual branch around the
    convolution: it trains like one and costs nothing.
    """
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)  # pyright: ignore[reportArgumentType]
    if inputs == outputs:
        with torch.no_grad():
            conv.weight *= 0.2
            conv.weight += nn.init.dirac_(torch.empty_like(conv.weight))
    return conv


def head3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution for the start of a network: each filter sums to zero, so that flat areas excite nothing.

    What has to be restored is detail; filters that see mostly brightness at first keep a residual network on its
    starting plateau several times longer (measured: 600 steps took the loss to 0.93 of its start instead of 1.00).
    """
    conv = conv3x3(inputs, outputs)
    with torch.no_grad():
        conv.weight -= conv.weight.mean(dim=(1, 2, 3), keepdim=True)
        conv.weight *= 4
    return conv


def zero_conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that starts at zero, for the end of a residual path."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # pyright: ignore[reportArgumentType]
    return conv
