"""What a rung will cost, before it is tried: from what models are said to need, what they took, and what trying has taught."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from sharpen_core.governing.demand import Demand
from sharpen_core.governing.rungs import Rung

FIXED_SHARE = 0.1
"""Part of a network's cost that does not shrink with what is computed of a frame: halos, and what each call takes."""
AROUND_SHARE = 0.12
"""What a frame takes besides any network, of the lightest model's whole frame: looking for what moves, and putting the parts together."""
LEARNED_FOR_NS = 300_000_000_000  # then what a try has taught is doubted: the machine may have cooled down

MOST_LEARNED = 5.0
HOPE = 0.6  # a model may be that much faster than its work lets expect: only measuring it tells


class Costs:
    """Relative costs of rungs. Only their ratios count: they are scaled by what frames take now. Used by one thread.

    Args:
        ladder: the rungs.
        kmac_per_px: work of each model, which is a poor measure of its time: it holds for those that were not measured.
        whole_ms: what a whole frame takes, for models that were measured on this machine.
        demand: how much of a frame each area asks for.
        clock: monotonic nanoseconds.
    """

    def __init__(
        self,
        ladder: Sequence[Rung],
        kmac_per_px: Mapping[str, float],
        whole_ms: Mapping[str, float] | None = None,
        demand: Demand | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._ladder, self._kmac, self._clock = ladder, kmac_per_px, clock
        self._models = {rung.model for rung in ladder if rung.model}
        self.demand = demand or Demand()
        self._whole_ms = dict(whole_ms or {})
        self._learned: dict[int, tuple[float, int]] = {}  # rung: (factor, until when it is believed)

    @property
    def measured_models(self) -> Collection[str]:
        """Models of which a whole frame was measured."""
        return self._whole_ms.keys()

    def measured(self, model: str, whole_ms: float) -> None:
        """A whole frame takes `whole_ms` with this model."""
        self._whole_ms[model] = whole_ms
        self._learned = {index: learned for index, learned in self._learned.items() if self._ladder[index].model != model}

    def of(self, index: int) -> float:
        """Cost of a usual frame on a rung: in milliseconds of an undisturbed machine if a model was measured, else in its own units."""
        return self._cost(index, self.demand.usual) * self._factor(index)

    def busy(self, index: int) -> float:
        """Cost of a frame on a rung when much moves, in the same units."""
        return self._cost(index, self.demand.busy) * self._factor(index)

    def learn(self, index: int, ratio: float) -> None:
        """On this rung a frame took `ratio` times what rungs cost per unit of `of`."""
        assumed = self._cost(index, self.demand.usual)
        if assumed > 0:
            self._learned[index] = min(MOST_LEARNED, max(1 / MOST_LEARNED, ratio / assumed)), self._clock() + LEARNED_FOR_NS

    def _factor(self, index: int) -> float:
        factor, until_ns = self._learned.get(index, (1.0, 0))
        return factor if self._clock() < until_ns else 1.0

    def _cost(self, index: int, share_of: Callable[[float], float]) -> float:
        rung = self._ladder[index]
        if rung.model is None:
            return 0.0
        whole = self._model(rung.model)
        fixed = FIXED_SHARE * whole + AROUND_SHARE * min(map(self._model, self._models))
        return fixed + (whole - fixed) * share_of(rung.area)

    def _model(self, model: str) -> float:
        if model in self._whole_ms:
            return self._whole_ms[model]
        kmac = self._kmac.get(model, 1.0)
        ratios = [ms / self._kmac.get(name, 1.0) for name, ms in self._whole_ms.items()]
        return kmac * (HOPE * min(ratios) if ratios else 1.0)
