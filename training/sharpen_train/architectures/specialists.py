"""Weights of their own for soft and for nearly sharp pictures, chosen by what the network is told: no work is added to a frame."""

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from sharpen_core.gauge import Gauge
from sharpen_core.specialists import in_charge
from sharpen_train.architectures.base import HalfSizeNetwork, Network
from sharpen_train.architectures.guidance import GaugeNetwork, look

HEAVY, MEDIUM = 0.46, 0.65
"""Mean MTF between the published levels heavy, medium and low, which are read at 0.31 to 0.47, 0.48 to 0.59 and 0.6 to 0.94."""
ASTRAY = 0.1
"""Share of the training pictures that go to any specialist: what a gauge misreads, or a camera that just refocused, must not be harmed."""


class Specialists(Network):
    """Guided networks of one shape, each for a range of softness: a mixture of experts (Jacobs et al., 1991) with hard routing by the MTF.

    Args:
        make: makes one of them; it must be guided.
        bounds: mean MTF (see `sharpen_core.gauge`) up to which each but the last is in charge, rising.

    Attributes:
        members: the networks, the one for the softest pictures first.
        bounds: see above.
        gauge: what reads the MTF, for all of them.
    """

    guided = True

    def __init__(self, make: Callable[[], HalfSizeNetwork], bounds: Sequence[float]) -> None:
        super().__init__()
        members = [make() for _ in range(len(bounds) + 1)]
        self.bounds = tuple(bounds)
        self.multiple_px, self.halo_px, self.whole_frame = members[0].multiple_px, members[0].halo_px, members[0].whole_frame
        self.gauge = GaugeNetwork()
        for member in members:
            del member.gauge
        self.members = nn.ModuleList(members)

    @property
    def networks(self) -> list[HalfSizeNetwork]:
        """The members, the one for the softest pictures first."""
        return [member for member in self.members if isinstance(member, HalfSizeNetwork)]

    @property
    def size(self) -> int:
        """See `Network.size`: that of one member, as only one works at a time."""
        return self.networks[0].size

    def running_gauge(self) -> Gauge | None:
        """See `Network.running_gauge`."""
        return self.gauge.gauge()

    def choose(self, mtf: Tensor) -> Tensor:
        """Returns the number of the member in charge of each picture, (N,), by its MTF, (N, BANDS)."""
        numbers = [in_charge(self.bounds, one) for one in mtf.detach().float().cpu().numpy()]
        return torch.tensor(numbers, device=mtf.device)

    def forward(self, x: Tensor, mtf: Tensor | None = None) -> Tensor:
        """Maps (N, 3, H, W) in [0, 1] to the same shape; `mtf` is (N, BANDS), by default what the gauge reads."""
        mtf = look(self.gauge, x) if mtf is None else mtf
        if x.is_meta:  # shapes alone are computed
            return self.networks[0](x, mtf)
        chosen = self.choose(mtf)
        if self.training:
            astray = torch.rand(len(x), device=x.device) < ASTRAY
            chosen = torch.where(astray, torch.randint_like(chosen, len(self.members)), chosen)
        parts: list[Tensor] = []
        rows: list[Tensor] = []
        for number, member in enumerate(self.networks):
            own = (chosen == number).nonzero().flatten()
            if len(own):
                rows.append(own)
                parts.append(member(x[own], mtf[own]))
        return torch.cat(parts)[torch.cat(rows).argsort()]

    def deploy(self) -> "Specialists":
        """See `Network.deploy`."""
        network = copy.deepcopy(self).eval()
        network.members = nn.ModuleList(member.deploy() for member in network.networks)
        return network

    def for_bytes(self) -> "Specialists":
        """See `Network.for_bytes`; the copy has to be told the MTF."""
        network = copy.deepcopy(self)
        network.members = nn.ModuleList(member.for_bytes() for member in network.networks)
        return network

    def adapted(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Network.adapted`: they may all begin as copies of a single network."""
        shared = {name: tensor for name, tensor in weights.items() if name.startswith("gauge.")}
        result = dict(shared)
        for number, member in enumerate(self.networks):
            prefix = f"members.{number}."
            own = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
            own = own or {name: tensor for name, tensor in weights.items() if name not in shared}
            result |= {prefix + name: tensor for name, tensor in member.adapted(own).items()}
        return result
