"""Where networks are loaded beside the frames that go on."""

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from sharpen_core.errors import SharpenError
from sharpen_core.frame import Size
from sharpen_core.governing.lineup import Lineup, Sharpener

log = logging.getLogger(__name__)

_TRIALS = (60, 120, 180)  # grey levels; each differs from the last one everywhere, so that nothing can be reused
_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Made:
    """A network that was loaded and tried.

    Attributes:
        model: its name.
        sharpener: ready for frames of the workshop's size.
        whole_ms: the shortest time that it took for a whole frame.
    """

    model: str
    sharpener: Sharpener
    whole_ms: float


class Workshop:
    """Makes sharpeners, one at a time, and keeps them: going back to a model costs nothing.

    It belongs to one thread; what it makes in another one it hands over by `collect`.

    Args:
        lineup: what can be made.
        size: of the frames.
    """

    def __init__(self, lineup: Lineup, size: Size) -> None:
        self._lineup = lineup
        self.size = size
        self._made: dict[str, Sharpener] = {}
        self._thread: threading.Thread | None = None
        self._finished: tuple[str, Made | SharpenError] | None = None

    @property
    def models(self) -> Collection[str]:
        """What was made."""
        return self._made.keys()

    @property
    def loading(self) -> bool:
        """Whether something is being made beside the frames, by this workshop or what it made."""
        return (self._thread is not None and self._finished is None) or any(sharpener.loading for sharpener in self._made.values())

    def get(self, model: str) -> Sharpener | None:
        """What was made of a model, if it was."""
        return self._made.get(model)

    def make(self, model: str) -> None:
        """Loads a model in this thread.

        Raises:
            EngineError, ModelError: it cannot be loaded.
        """
        self._made[model] = self._lineup.makers[model](self.size)

    def try_out(self, model: str) -> float:
        """Returns the shortest time, in milliseconds, that a model that was made takes for a whole frame.

        Raises:
            EngineError: it fails.
        """
        return self._tried(self._made[model])

    def order(self, model: str) -> None:
        """Loads a model in a thread of its own, if none is being loaded."""
        if self._thread is None and model not in self._made:
            self._thread = threading.Thread(target=self._work, args=(model,), name="load", daemon=True)
            self._thread.start()

    def collect(self) -> Made | tuple[str, SharpenError] | None:
        """Returns what has been finished since the last call, or the model that could not be loaded and why."""
        if self._finished is None:
            return None
        (model, result), self._finished, self._thread = self._finished, None, None
        if isinstance(result, SharpenError):
            return model, result
        self._made[model] = result.sharpener
        return result

    def close(self) -> None:
        """Waits a moment for what is being loaded; then it is left to itself, it touches nothing else."""
        if self._thread:
            self._thread.join(_CLOSE_S)

    def _work(self, model: str) -> None:
        try:
            sharpener = self._lineup.makers[model](self.size)
            self._finished = model, Made(model, sharpener, self._tried(sharpener))
        except SharpenError as error:
            self._finished = model, error
        except Exception as error:
            log.exception("unexpected error while loading the model %s", model)
            self._finished = model, SharpenError(f"internal error while loading the model: {error!r}")

    def _tried(self, sharpener: Sharpener) -> float:
        times_ms: list[float] = []
        for level in _TRIALS:
            picture = np.full((*self.size, 3), level, np.uint8)
            began_ns = time.monotonic_ns()
            sharpener.sharpen(picture, 1.0)
            times_ms.append((time.monotonic_ns() - began_ns) / 1e6)
        sharpener.forget()  # what it learned of grey pictures does not hold for the camera's
        return min(times_ms)
