"""The governor at work in one session: what it looks at, and what follows from what it says."""

import logging
import time

from sharpen_core.errors import SharpenError
from sharpen_core.frame import Frame, Size
from sharpen_core.governing.costs import Costs
from sharpen_core.governing.forecast import Forecast, first_rung
from sharpen_core.governing.governor import SPARE, Governor
from sharpen_core.governing.lineup import Lineup, Sharpener
from sharpen_core.governing.load import CpuMeter, Rhythm, Sample
from sharpen_core.governing.rungs import Rung, build_ladder
from sharpen_core.governing.workshop import Made, Workshop

log = logging.getLogger(__name__)

_SETTLED_NS = 3_000_000_000  # within this a network for a part of the picture is loaded; until then the whole one does the part's work
_WHOLE = 0.99
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
        self._workshop = Workshop(lineup, size)
        self._rhythm, self._cpu = Rhythm(fps), CpuMeter(lineup.cores)
        self._began_ns = self._switched_ns = time.monotonic_ns()
        ladder = build_ladder(list(lineup.makers))
        measured = lineup.whole_ms(size)
        forecast = Forecast(ladder, Costs(ladder, lineup.kmac_per_px, measured), lineup.limits, self._rhythm.interval_ns)
        start, reason = first_rung(forecast, measured, SPARE)
        wanted = [ladder[start].model, *reversed(list(lineup.makers))]
        made, broken = self._load_one_of([model for model in dict.fromkeys(wanted) if model])
        if broken:
            start, reason = ladder.index(Rung(made.model)), f"{', '.join(broken)} cannot be loaded"
        self._governor = Governor(forecast, start, reason)
        self._governor.loaded(made.model, made.whole_ms or None)
        for model in broken:
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
    def period_ns(self) -> int:
        """Between two frames of the output."""
        return self._rhythm.interval_ns * self.rung.every

    def arrived(self, frame: Frame) -> None:
        """A frame has come, whatever is to happen to it."""
        self._rhythm.beat(frame.seq, frame.captured_ns)
        self._cpu.share()
        if finished := self._workshop.collect():
            self._cpu.restart()  # loading took the processor for itself
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

    def took(self, took_ns: int, dropped: int = 0, late: int = 0) -> None:
        """A frame was sharpened, or timed; see `Sample`."""
        before, now_ns, share = self.rung, time.monotonic_ns(), self._cpu.share()
        if before.area < 1 and now_ns - self._switched_ns < _SETTLED_NS and self.sharpener(before).computed_share >= _WHOLE:
            return
        if now_ns - self._began_ns < _CPU_FROM_NS:
            share = None
        self._governor.took(Sample(took_ns, self._rhythm.interval_ns, share, dropped, late))
        if self.rung != before:
            self._cpu.restart()
            self._switched_ns = now_ns

    def failed(self, what: str) -> None:
        """The engine failed on a frame."""
        self._governor.failed(what)

    def close(self) -> None:
        """Lets go of what is being loaded."""
        self._workshop.close()

    def _load_one_of(self, models: list[str]) -> tuple[Made, list[str]]:
        """Returns the first that can be loaded, and those that cannot."""
        broken: list[str] = []
        while True:
            model = models[len(broken)]
            try:
                # A single model is not tried: there is nothing to compare it with, and its first answers are not shown anyway.
                return (self._workshop.make(model, trials=0) if len(models) == 1 else self._workshop.make(model)), broken
            except SharpenError as error:
                broken.append(model)
                if len(broken) == len(models):
                    raise
                log.warning("the model %s cannot be loaded: %s", model, error)
