"""The governor at work in one session: what it looks at, and what follows from what it says."""

import logging
import time

from sharpen_core.errors import SharpenError
from sharpen_core.frame import Frame, Size
from sharpen_core.governing.costs import Costs
from sharpen_core.governing.demand import Demand
from sharpen_core.governing.forecast import Forecast, first_rung
from sharpen_core.governing.governor import SPARE, Governor
from sharpen_core.governing.lineup import Lineup, Sharpener
from sharpen_core.governing.load import CpuMeter, Rhythm, Sample
from sharpen_core.governing.rungs import AREAS, Rung, build_ladder
from sharpen_core.governing.workshop import Made, Workshop

log = logging.getLogger(__name__)

_KNOWING_NS = 3_000_000_000
_LOOK_EVERY = 4  # at what a frame asks for: frames are much like those before them
_SETTLED_NS = 3_000_000_000  # within this a network for a part of the picture is loaded; until then the whole one does the part's work
_WHOLE, _PART = 0.99, 0.8
_CPU_FROM_NS = 4_000_000_000  # at the beginning everything is loaded and nothing can be reused yet


class Steering:
    """For frames of one size. Belongs to the sharpening thread; making it loads the first network, which may take seconds.

    Args:
        lineup: what to sharpen with.
        size: of the frames.
        fps: what the camera promises.

    Raises:
        EngineError, ModelError: nothing of the lineup can be loaded.
    """

    def __init__(self, lineup: Lineup, size: Size, fps: float) -> None:
        self.size = size
        self._lineup, self._workshop = lineup, Workshop(lineup, size)
        self._rhythm, self._cpu = Rhythm(fps), CpuMeter(lineup.cores)
        self._samples = 0
        self._was_loading = False
        ladder = build_ladder(list(lineup.makers))
        self._demand = Demand()
        self._costs = Costs(ladder, lineup.kmac_per_px, lineup.whole_ms(size), self._demand)
        forecast = Forecast(ladder, self._costs, lineup.limits, self._rhythm.interval_ns, lineup.cores)
        self._broken: dict[str, SharpenError] = {}
        if len(lineup.makers) > 1:
            self._get_to_know(list(lineup.makers), forecast)
        self._began_ns = self._switched_ns = time.monotonic_ns()
        self._governor = Governor(forecast, *self._first_rung(list(lineup.makers), forecast))
        for model in self._workshop.models:
            self._governor.loaded(model)
        for model in self._broken:
            self._governor.unusable(model)

    @property
    def rung(self) -> Rung:
        """What to do with the next frame."""
        return self._governor.rung

    @property
    def reason(self) -> str:
        """Where it is and why, in one line."""
        return self._governor.reason

    @property
    def loading(self) -> bool:
        """Whether networks are being loaded beside the frames: how long those take meanwhile says nothing about the rung."""
        return self._workshop.loading

    @property
    def period_ns(self) -> int:
        """Between two frames of the output."""
        return self._rhythm.interval_ns * self.rung.every

    def arrived(self, frame: Frame) -> None:
        """A frame has come, whatever is to happen to it."""
        self._rhythm.beat(frame.seq, frame.captured_ns)
        self._cpu.share()
        loading = self.loading
        if self._was_loading and not loading:
            self._cpu.restart()  # loading took the processor for itself
        self._was_loading = loading
        if finished := self._workshop.collect():
            if isinstance(finished, Made):
                self._governor.loaded(finished.model, finished.whole_ms)
            else:
                log.warning("the model %s cannot be loaded: %s", *finished)
                self._governor.unusable(finished[0])
        if model := self._governor.wanted:
            self._workshop.order(model)

    def sharpener(self, rung: Rung) -> Sharpener:
        """What sharpens on a rung that is not raw and whose model was loaded."""
        sharpener = self._workshop.get(rung.model or "")
        if sharpener is None:
            raise ValueError(f"the model of '{rung}' was not loaded")
        sharpener.area = rung.area
        return sharpener

    def probe(self) -> Rung | None:
        """While frames go out as they came: the rung to time this frame on, if it is time to."""
        return self._governor.probe()

    def took(self, took_ns: int, cpu_ns: int, dropped: int = 0, late: int = 0) -> None:
        """A frame was sharpened, or timed; see `Sample`."""
        before, now_ns, share = self.rung, time.monotonic_ns(), self._cpu.share()
        if self.loading:
            return
        if now_ns - self._switched_ns < _SETTLED_NS and self._is_makeshift(before):
            return
        if now_ns - self._began_ns < _CPU_FROM_NS:
            share = None
        self._samples += 1
        if self._samples % _LOOK_EVERY == 0 and before.model:
            asked_for = self.sharpener(before).asked_for
            self._demand.add({area: asked_for(area) for area in AREAS})
        self._governor.took(Sample(took_ns, self._rhythm.interval_ns, share, cpu_ns, dropped, late))
        if self.rung != before:
            self._cpu.restart()
            self._switched_ns = now_ns

    def _is_makeshift(self, rung: Rung) -> bool:
        """Whether all of the last frame was computed where a part would have done, for want of a network for that part."""
        if rung.raw:
            return False
        sharpener = self.sharpener(rung)
        return sharpener.computed_share >= _WHOLE and sharpener.asked_for(rung.area) < _PART

    def failed(self, what: str) -> None:
        """The engine failed on a frame."""
        self._governor.failed(what)

    def close(self) -> None:
        """Lets go of what is being loaded."""
        self._workshop.close()

    def _get_to_know(self, models: list[str], forecast: Forecast) -> None:
        """Loads and times what was never measured here, the lightest first, while frames go out as they come.

        Once, so that it need not be done beside sharpened frames, which would then be late; no longer than some seconds, and nothing that
        is not hoped to hold the camera's rate with the whole picture. When there is room for it later, it is loaded then.
        """
        until_ns = time.monotonic_ns() + _KNOWING_NS
        for model in reversed(models):
            whole = next(index for index, rung in enumerate(forecast.ladder) if rung.model == model)
            hopeless = self._costs.measured_models and self._costs.of(whole) > forecast.budget_ms(whole)
            if hopeless or time.monotonic_ns() > until_ns:
                return
            if model not in self._costs.measured_models:
                self._load(model, trials=True)

    def _first_rung(self, models: list[str], forecast: Forecast) -> tuple[int, str]:
        """Returns the rung to begin with, whose model is loaded, and why.

        Raises:
            EngineError, ModelError: nothing can be loaded.
        """
        while len(self._broken) < len(models):
            index, reason = first_rung(forecast, self._costs.measured_models, SPARE, without=self._broken)
            model = forecast.ladder[index].model or ""
            # A single model is not tried: there is nothing to compare it with, and its first answers are not shown anyway.
            if self._workshop.get(model) or self._load(model, trials=len(models) > 1):
                return index, f"{', '.join(self._broken)} cannot be loaded" if self._broken else reason
        raise self._broken[models[-1]]

    def _load(self, model: str, *, trials: bool) -> bool:
        """Whether a model could be loaded; what it takes is known then, if it was measured or tried."""
        try:
            self._workshop.make(model)
            whole_ms = self._lineup.whole_ms(self.size).get(model)  # perhaps just measured, to choose its tiles
            if whole_ms is None and trials:
                whole_ms = self._workshop.try_out(model)
        except SharpenError as error:
            log.warning("the model %s cannot be loaded: %s", model, error)
            self._broken[model] = error
            return False
        if whole_ms is not None:
            self._costs.measured(model, whole_ms)
        return True
