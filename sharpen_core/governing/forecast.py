"""What a rung would take of the time and of the processor, from what the present one takes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sharpen_core.governing.costs import Costs
from sharpen_core.governing.rungs import Rung

LEAST_FPS = 14.0  # half of a camera's 30 frames a second is still smooth, half of 24 is not


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use.

    Attributes:
        cpu: share of the machine, 0 to 1.
        engine: share of the machine that the network keeps busy while it computes: its threads, of all cores.
    """

    cpu: float = 0.5
    engine: float = 1.0


class Forecast:
    """Predicts. Rungs are named by their index in the ladder. Used by one thread.

    Args:
        ladder: best first; the last one is raw.
        costs: of the ladder.
        limits: what may be used.
        interval_ns: between two frames of the camera, until `update` tells.
        cores: how many make the machine.
    """

    def __init__(self, ladder: Sequence[Rung], costs: Costs, limits: Limits, interval_ns: int, cores: int = 1) -> None:
        self.ladder, self.costs, self.limits, self._cores = tuple(ladder), costs, limits, cores
        self.interval_ns = interval_ns
        self.share: float | None = None
        """Share of the machine that this process uses; None while it is not known."""
        self.scale: float | None = None
        """Milliseconds that a unit of cost takes now; None until a frame was measured."""
        self._busy_now = self._own_share = 0.0

    def update(self, index: int, ms: float, cpu_ms: float, interval_ns: int, share: float | None, *, shown: bool) -> None:
        """A frame takes `ms`, and `cpu_ms` of the processor, on a rung; not `shown` are those that are only timed, now and then."""
        cost = self.costs.of(index)
        self.scale = ms / cost if cost else None
        self.interval_ns, self.share = interval_ns, share
        self._busy_now = self._busy(index, ms) if shown else 0.0
        self._own_share = cpu_ms / self.budget_ms(index) / self._cores

    def ms(self, index: int) -> float | None:
        """What a frame would take when much moves; None while nothing is known."""
        return None if self.scale is None else self.scale * self.costs.busy(index)

    def budget_ms(self, index: int) -> float:
        """What a frame may take."""
        return self.interval_ns * self.ladder[index].every / 1e6

    def share_on(self, index: int) -> float | None:
        """What share of the machine this process would use; None while nothing is known."""
        if self.share is None or self.scale is None:
            return None
        then = 0.0 if self.ladder[index].raw else self._busy(index, self.scale * self.costs.of(index))
        if self._busy_now == 0:
            return self.share + then * self.limits.engine
        own = min(self.share, self._own_share)
        return self.share - own + own * then / self._busy_now

    def fits(self, index: int, spare: float) -> bool:
        """Whether a rung would hold the camera's rate and the limit, with a share to spare; so does one of which nothing is known."""
        ms, share = self.ms(index), self.share_on(index)
        if self.ladder[index].raw:
            return True
        in_time = ms is None or ms * (1 + spare) <= self.budget_ms(index)
        return in_time and (share is None or self.limits.cpu >= 1 or share * (1 + spare) <= self.limits.cpu)

    def smooth(self, index: int) -> bool:
        """Whether a rung's output has enough frames a second; the camera's own rate always is enough."""
        every = self.ladder[index].every
        return every == 1 or 1e9 / (self.interval_ns * every) >= LEAST_FPS

    def hindrance(self, index: int, spare: float) -> str:
        """Why a rung does not fit, in one line; empty if it does."""
        ms, share, budget_ms, cpu = self.ms(index), self.share_on(index), self.budget_ms(index), self.limits.cpu
        if self.fits(index, spare):
            return ""
        if ms is not None and ms * (1 + spare) > budget_ms:
            return f"{self.ladder[index]} would take about {ms:.0f} ms per frame, {budget_ms:.0f} ms are there"
        return f"{self.ladder[index]} would use about {100 * (share or 0):.0f} % of the CPU, {100 * cpu:.0f} % are allowed"

    def _busy(self, index: int, ms: float) -> float:
        """For which part of the time the network computes."""
        return min(1.0, ms / self.budget_ms(index))


def first_rung(forecast: Forecast, measured: Collection[str], spare: float, *, without: Collection[str] = ()) -> tuple[int, str]:
    """Returns the rung to begin with, by index, and why.

    Args:
        forecast: of the ladder, before the first frame.
        measured: models of which a whole frame was measured on this machine before, in the milliseconds of `Costs`.
        spare: share of the time that must be left over.
        without: models that cannot be used.
    """
    whole = {rung.model: index for index, rung in enumerate(forecast.ladder) if rung.model and rung.area >= 1}
    if len(whole) == 1:
        return 0, "as chosen"
    usable = [model for model in whole if model not in without]
    for index, rung in enumerate(forecast.ladder):
        ms, budget_ms = forecast.costs.busy(index), forecast.budget_ms(index)
        fits = ms * (1 + spare) <= budget_ms and ms / budget_ms * forecast.limits.engine <= forecast.limits.cpu
        if rung.model in measured and rung.model in usable and fits and forecast.smooth(index):
            return index, f"{ms:.0f} ms per frame when it was last measured, {budget_ms:.0f} ms are there"
    return whole[usable[-1]], "the lightest first, to see what this machine can do"
