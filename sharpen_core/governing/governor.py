"""Which rung to be on: the best one that holds the camera's rate and the processor's limit.

Down quickly: half a second of overload (of the processor's limit a little more) is enough, and then straight to the best rung that is
predicted to fit. Up slowly: only when a better rung has been predicted to fit with a fifth to spare for five seconds. One that did not
hold for a minute makes the next wait twice as long, up to two minutes, so the picture cannot swing however wrong the predictions are.

Nothing here knows threads, engines or pictures. See `loops/sharpen.py` for who asks.
"""

import time
from collections.abc import Callable, Sequence

from sharpen_core.governing.forecast import Forecast
from sharpen_core.governing.load import Sample, Window
from sharpen_core.governing.rungs import Rung

SPARE = 0.2
DOWN_SPARE = 0.05
CLIMB_NS = 5_000_000_000
FIRST_CLIMB_NS = 1_000_000_000  # the first rung is a guess
MOST_WAIT_NS = 120_000_000_000
HELD_NS = 60_000_000_000
PROBE_EVERY_NS = 500_000_000
PROBE_REST = 10  # a machine that is overloaded is not to be asked all the time whether it still is
MOST_LOST = 1 / 3
MOST_LATE = 3
LATE_OVER_NS = 10_000_000_000
CPU_TOLERANCE = 0.02
CPU_JUDGED_NS = 1_500_000_000  # too much for a moment harms nobody, and loading a network is just that


class Governor:
    """Chooses the rung. Used by one thread.

    Args:
        forecast: predicts for the ladder, whose last rung is raw.
        start: the first rung, by index.
        reason: why it starts there.
        clock: monotonic nanoseconds.
    """

    def __init__(self, forecast: Forecast, start: int = 0, reason: str = "as chosen", clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._forecast, self._ladder, self._clock = forecast, forecast.ladder, clock
        self._index, self._cause = start, reason
        self._window = Window()
        self._loaded: set[str] = set()
        self._unusable: set[str] = set()
        self._pending: tuple[int, float] | None = None  # the rung to go to as soon as its model is loaded, and what must be to spare
        self._probed = start  # what was last timed while frames went out as they came
        self._probe_ns = 0
        self._late_ns: list[int] = []
        self._over_since_ns: int | None = None
        self._fits_since_ns: int | None = None
        self._candidate = 0  # the worst of the better rungs that were predicted to fit since then
        self._patience_ns = FIRST_CLIMB_NS
        self._wait_ns = CLIMB_NS
        self._climb_after_ns = 0
        self._climbed_ns: int | None = None
        self._scale_before: float | None = None  # what a unit of cost took before a climb, to learn from it

    # ---- for whoever sharpens ----------------------------------------------------------------------------------------

    @property
    def rung(self) -> Rung:
        """What to do with the next frame."""
        return self._ladder[self._index]

    @property
    def reason(self) -> str:
        """Where it is and why, in one line."""
        rung, best = self.rung, self._ladder[0]
        return f"{rung}{'' if rung.model in (best.model, None) else f' instead of {best.model}'}: {self._cause}"

    @property
    def wanted(self) -> str | None:
        """A model that is to be loaded beside what goes on; `loaded` or `unusable` is to be called then."""
        return self._ladder[self._pending[0]].model if self._pending else None

    def loaded(self, model: str, whole_ms: float | None = None) -> None:
        """A model can be used from now on; `whole_ms` is what a whole frame took it just now."""
        self._loaded.add(model)
        if whole_ms is not None:
            self._forecast.costs.measured(model, whole_ms)
        self._window.clear()  # loading takes the processor for itself
        if self._pending is None or self.wanted != model:
            return
        (target, spare), self._pending = self._pending, None
        if not self._forecast.fits(target, spare):
            self._put_off_climbing(failed=True)
        elif spare == SPARE:
            self._climb(target)
        else:
            self._go(target, self._cause)

    def unusable(self, model: str) -> None:
        """A model cannot be loaded: the ladder goes on without it."""
        self._unusable.add(model)
        if self.wanted == model:
            self._pending = None

    def failed(self, what: str) -> None:
        """The engine failed on a frame: another model may do better, else frames go out as they come."""
        self._put_off_climbing(failed=True)
        below = range(self._index + 1, len(self._ladder))
        self._fall([i for i in below if self._usable(i) and self._ladder[i].model != self.rung.model], what)

    def probe(self) -> Rung | None:
        """While frames go out as they come: the rung to time one frame on now, without showing it. None for not now."""
        now_ns = self._clock()
        if not self.rung.raw or now_ns < max(self._probe_ns, self._climb_after_ns - CLIMB_NS):
            return None
        there = [i for i, rung in enumerate(self._ladder) if rung.model in self._loaded]
        if not there:
            return None
        self._probe_ns, self._probed = now_ns + PROBE_EVERY_NS, there[-1]
        return self._ladder[self._probed]

    def took(self, sample: Sample) -> None:
        """A frame was sharpened, or timed; may change `rung` and `wanted`."""
        now_ns = self._clock()
        self._window.add(now_ns, sample)
        self._late_ns = [at_ns for at_ns in self._late_ns if now_ns - at_ns < LATE_OVER_NS] + [now_ns] * sample.late
        if raw := self.rung.raw:
            self._probe_ns = max(self._probe_ns, now_ns + PROBE_REST * sample.took_ns)
        if not self._window.full or self._pending:
            return  # what is measured while a model is being loaded tells nothing
        self._learn()
        ms, cpu_ms = self._window.median_ms, self._window.mean_cpu_ms
        self._forecast.update(self._probed if raw else self._index, ms, cpu_ms, sample.interval_ns, sample.cpu_share, shown=not raw)
        if cause := self._overload(now_ns):
            self._descend(cause)
        else:
            self._look_up(now_ns)

    # ---- down --------------------------------------------------------------------------------------------------------

    def _overload(self, now_ns: int) -> str:
        """Why the rung cannot be held; empty if it can."""
        forecast, over_ns = self._forecast, self._over_cpu_ns(now_ns)
        if self.rung.raw:
            return ""
        ms, budget_ms = self._window.median_ms, forecast.budget_ms(self._index)
        dropped, came = self._window.lost(self.rung.every)
        if ms > budget_ms:
            return f"{ms:.0f} ms per frame, {budget_ms:.0f} ms are there"
        if dropped > MOST_LOST * came:
            return f"{dropped} of {came} frames were not sharpened in time"
        if len(self._late_ns) >= MOST_LATE:
            return f"{len(self._late_ns)} frames were late within ten seconds"
        if over_ns >= CPU_JUDGED_NS:
            return f"using {100 * (forecast.share or 0):.0f} % of the CPU, {100 * forecast.limits.cpu:.0f} % are allowed"
        return "" if forecast.smooth(self._index) else f"the camera delivers only {1e9 / forecast.interval_ns:.0f} frames a second"

    def _over_cpu_ns(self, now_ns: int) -> int:
        """For how long more of the processor has been used than is allowed."""
        share, limit = self._forecast.share, self._forecast.limits.cpu
        if share is None or share <= limit + CPU_TOLERANCE:
            self._over_since_ns = None
            return 0
        self._over_since_ns = self._over_since_ns or now_ns
        return now_ns - self._over_since_ns

    def _descend(self, cause: str) -> None:
        if self._climbed_ns is not None:
            self._put_off_climbing(failed=self._clock() - self._climbed_ns < HELD_NS)
        # At half the rate of a camera that has become slow, the full rate is better, and leaves as much time.
        first = self._index + 1 if self._forecast.smooth(self._index) else self._index - 1
        options = (i for i in range(first, len(self._ladder)) if i != self._index and self._usable(i))
        self._fall([i for i in options if self._forecast.fits(i, DOWN_SPARE)], cause)

    def _fall(self, options: Sequence[int], cause: str) -> None:
        """Goes to the first of the options; while its model is being loaded, to the first that is there."""
        there = [i for i in options if self._ladder[i].raw or self._ladder[i].model in self._loaded]
        now = there[0] if there else len(self._ladder) - 1
        self._go(now, cause)
        if options and options[0] < now:
            self._pending = options[0], DOWN_SPARE

    # ---- up ----------------------------------------------------------------------------------------------------------

    def _look_up(self, now_ns: int) -> None:
        """Tries the best rung that fits with something to spare, when it has done so for long enough."""
        forecast = self._forecast
        better = next((i for i in range(self._index) if self._usable(i) and forecast.fits(i, SPARE)), None)
        if better is None or (forecast.share is None and forecast.limits.cpu < 1):
            self._fits_since_ns = None
            return
        if self._fits_since_ns is None:
            self._fits_since_ns, self._candidate = now_ns, better
        self._candidate = max(self._candidate, better)
        if now_ns - self._fits_since_ns < self._patience_ns or now_ns < self._climb_after_ns:
            return
        if self._ladder[self._candidate].model in self._loaded:
            self._climb(self._candidate)
        else:
            self._pending = self._candidate, SPARE

    def _climb(self, index: int) -> None:
        scale = self._forecast.scale
        best = next((i for i in range(index) if self._usable(i)), None)
        self._go(index, (best is not None and self._forecast.hindrance(best, SPARE)) or "there is room for it")
        self._climbed_ns, self._scale_before = self._clock(), scale

    def _put_off_climbing(self, *, failed: bool) -> None:
        self._wait_ns = min(MOST_WAIT_NS, 2 * self._wait_ns) if failed else CLIMB_NS
        self._climb_after_ns = self._clock() + self._wait_ns
        self._climbed_ns = self._fits_since_ns = None

    def _learn(self) -> None:
        """After a climb, when all was calm before: what the rung really costs."""
        if self._scale_before and not self.rung.raw:
            self._forecast.costs.learn(self._index, self._window.median_ms / self._scale_before)
        self._scale_before = None

    # ---- where it is -------------------------------------------------------------------------------------------------

    def _usable(self, index: int) -> bool:
        return self._ladder[index].model not in self._unusable and self._forecast.smooth(index)

    def _go(self, index: int, cause: str) -> None:
        self._index, self._cause = index, cause
        self._window.clear()
        self._patience_ns = CLIMB_NS
        self._fits_since_ns = self._over_since_ns = self._climbed_ns = self._scale_before = self._pending = None
        self._late_ns.clear()
