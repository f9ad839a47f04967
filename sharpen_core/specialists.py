"""The networks of a model that has weights of their own for soft and for nearly sharp frames: one set of them is in force."""

import logging
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

from sharpen_core.engines.base import Network, Precision
from sharpen_core.errors import EngineError, ModelError
from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import Floats
from sharpen_core.model_store import Model

log = logging.getLogger(__name__)

HYSTERESIS = 0.02  # of the mean MTF, beyond a bound before it counts as crossed

Compile = Callable[[Model, Size, int], Network]
"""Compiles a model, with the weights that it names, for a size and a number of users."""


def in_charge(bounds: Sequence[float], mtf: Floats, now: int | None = None) -> int:
    """Returns the number of the weights for frames of an MTF, (BANDS,); those that are in force, `now`, stay a little beyond their bounds.

    Args:
        bounds: mean MTF up to which each set of weights but the last is used, rising.
        mtf: how soft the frame is.
        now: number of the weights in force, if there are any.
    """
    mean = float(mtf.mean())
    if now is None:
        return bisect_left(bounds, mean)
    return max(bisect_left(bounds, mean - HYSTERESIS), min(now, bisect_left(bounds, mean + HYSTERESIS)))


def fitting(model: Model, mtf: Floats) -> Model:
    """Returns a model with the weights that are in charge of frames of an MTF, (BANDS,)."""
    return replace(model, number=in_charge(model.manifest.bounds, mtf))


class Specialists:
    """Compiles networks with the weights that are in force, and changes those of all of them at once.

    Told by one thread, that of the frames, between two of them; other threads may compile.

    Args:
        model: whose weights.
        compile_for: see `Compile`; where frames must not wait it is also called in the background.
        wait: whether a frame waits for its weights; otherwise those in force go on until the others are ready.
    """

    def __init__(self, model: Model, compile_for: Compile, *, wait: bool) -> None:
        self._model, self._compile_for, self._wait = model, compile_for, wait
        self._now = model.number
        self._is_first = True
        self._lock = Lock()
        self._seats: list[_Seat] = []
        self._failed: set[int] = set()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="weights")
        self._pending: tuple[int, Future[dict[_Seat, Network]]] | None = None

    @property
    def number(self) -> int:
        """Number of the weights in force, 0 for the softest frames."""
        return self._now

    @property
    def loading(self) -> bool:
        """Whether weights are being loaded in the background."""
        return self._pending is not None and not self._pending[1].done()

    def compile(self, size: Size, users: int = 1) -> Network:
        """Returns a network for a size and a number of users, which from now on has the weights in force.

        Raises:
            EngineCompileFailed: the engine cannot load the model.
            ModelCorrupt: a file of the model is damaged.
            ModelIncompatible: the model lacks the precision that the engine was made for.
        """
        number = self._now
        seat = _Seat(size, users, self._compiled(number, size, users))
        with self._lock:
            if number != self._now:  # changed meanwhile, without this one
                seat.network = self._compiled(self._now, size, users)
            self._seats.append(seat)
        return seat

    def tell(self, mtf: Floats) -> bool:
        """Says how soft the next frame is, (BANDS,); returns whether the weights are other ones now.

        Raises:
            EngineCompileFailed: the engine cannot load the weights, and the frame waits for them.
            ModelCorrupt: their file is damaged, and the frame waits for them.
        """
        bounds = self._model.manifest.bounds
        if not bounds:
            return False
        wanted = in_charge(bounds, mtf, None if self._is_first else self._now)
        self._is_first = False
        if self._pending is not None:
            return self._collect()
        if wanted == self._now or wanted in self._failed:
            return False
        if self._wait:
            return self._put(wanted, self._load(wanted, self._seats))
        self._pending = wanted, self._background.submit(self._load, wanted, [*self._seats])
        return False

    def forget(self) -> None:
        """The next frame has nothing to do with those before."""
        self._is_first = True

    def _load(self, number: int, seats: "Sequence[_Seat]") -> "dict[_Seat, Network]":
        return {seat: self._compiled(number, seat.size, seat.users) for seat in seats}

    def _compiled(self, number: int, size: Size, users: int) -> Network:
        return self._compile_for(replace(self._model, number=number), size, users)

    def _collect(self) -> bool:
        assert self._pending is not None
        number, loaded = self._pending
        if not loaded.done():
            return False
        self._pending = None
        try:
            return self._put(number, loaded.result())
        except (EngineError, ModelError) as error:  # those in force go on
            log.warning("no weights for frames as soft as these: %s", error)
            self._failed.add(number)
            return False

    def _put(self, number: int, networks: "dict[_Seat, Network]") -> bool:
        """Puts weights in force; returns False, and has the rest loaded, where a network was compiled after loading began."""
        with self._lock:
            missing = [seat for seat in self._seats if seat not in networks]
            if not missing:
                for seat, network in networks.items():
                    seat.network = network
                self._now = number
                return True
        self._pending = number, self._background.submit(lambda: networks | self._load(number, missing))
        return False


@dataclass(eq=False)
class _Seat:
    """A network whose weights change."""

    size: Size
    users: int
    network: Network

    @property
    def precision(self) -> Precision:
        """See `Network.precision`."""
        return self.network.precision

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """See `Network.infer`."""
        return self.network.infer(pixels, mtf)
