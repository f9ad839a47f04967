"""How much of a frame has to be computed: what stands still keeps what was added to it, so most frames of a call need a part only."""

from collections import deque
from collections.abc import Mapping
from statistics import median_low

_REMEMBERED = 40  # frames that were looked at: over five seconds, as not every frame is
_BUSY = 0.9


class Demand:
    """Shares of the frame that the last frames asked for, by the area that is sharpened. Used by one thread.

    While nothing is known, an area asks for all of itself.
    """

    def __init__(self) -> None:
        self._shares: dict[float, deque[float]] = {}

    def add(self, shares: Mapping[float, float]) -> None:
        """Takes in what one frame asked for.

        Args:
            shares: for each area, 0 to 1, the share of the whole frame's work that it took or would have taken, 0 to 1.
        """
        for area, share in shares.items():
            self._shares.setdefault(area, deque(maxlen=_REMEMBERED)).append(share)

    def usual(self, area: float) -> float:
        """What the middle one of the last frames asked for, 0 to 1."""
        shares = self._shares.get(area)
        return median_low(shares) if shares else area

    def busy(self, area: float) -> float:
        """What one frame in ten exceeded, 0 to 1: when people move, they move for several frames, and those must be in time too."""
        shares = sorted(self._shares.get(area, ()))
        return shares[int(_BUSY * (len(shares) - 1))] if shares else area
