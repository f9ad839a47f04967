"""In which arithmetic a model runs where nobody says: in the engine's own, or in 8 bits where those are clearly faster on this machine.

What 8 bits cost a model's quality was held below a limit when it was exported, and is in its card; what they gain differs from processor to
processor: nothing without instructions for them, two thirds of the time where there is no bfloat16.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sharpen_core.engines.base import Engine
from sharpen_core.engines.select import select_engine
from sharpen_core.errors import EngineError, ModelIncompatible
from sharpen_core.frame import Size
from sharpen_core.model_store import Model
from sharpen_core.tuning import tune
from sharpen_core.tuning_cache import Tuned, TuningCache

WORTH = 0.8
"""8 bits have to take less than this share of the time: a tenth of a decibel is not given away for less."""
_WITH_8_BITS = ("openvino",)


class Way(NamedTuple):
    """What to run a model on.

    Attributes:
        engine: set to a precision.
        tuned: what was measured of it; None if nothing was.
    """

    engine: Engine
    tuned: Tuned | None


class Ways:
    """The engines that a session may run its models on: one, or where nobody chose a precision, one more for 8 bits.

    Args:
        engine: what was chosen.
        threads: of it.
        free: whether its precision was left open.
    """

    def __init__(self, engine: Engine, threads: int, *, free: bool) -> None:
        self.engine = engine
        self._eight_bit = select_engine(engine.name, threads, "int8") if free and engine.name in _WITH_8_BITS else None

    def best(self, model: Model, size: Size, cache: TuningCache, *, measure: bool = True) -> Way:
        """Returns the fastest way to run a model, measured now if need be; see `tune`."""
        own = Way(self.engine, tune(model, self.engine, size, cache, measure=measure))
        if own.tuned is None or self._eight_bit is None or "int8" not in model.precisions:
            return own
        try:
            other = tune(model, self._eight_bit, size, cache, measure=measure, like=own.tuned)
        except (EngineError, ModelIncompatible):
            return own
        return Way(self._eight_bit, other) if other and other.frame_ms < WORTH * own.tuned.frame_ms else own

    def known_ms(self, models: Sequence[Model], size: Size, cache: TuningCache) -> dict[str, float]:
        """Returns milliseconds for a frame, by the model's name, of those that were surely measured here earlier."""
        known = {model.name: self.best(model, size, cache, measure=False).tuned for model in models}
        return {name: tuned.frame_ms for name, tuned in known.items() if tuned and tuned.sure}
