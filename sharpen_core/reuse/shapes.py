"""Networks for several sizes of picture, each compiled in the background once it has been missed a few times."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from sharpen_core.engines.base import Network
from sharpen_core.errors import EngineError
from sharpen_core.frame import Pixels, Size

log = logging.getLogger(__name__)

MISSED_OFTEN = 3


class Networks:
    """Has a network for a size, or has it compiled meanwhile. Used by one thread at a time; compiling is done by another.

    Small pictures do not keep several threads busy: on two, one of 240x240 takes two thirds of the time that it takes on one, and a
    third more work. So they are computed side by side, on one thread each.

    Args:
        compile_for: compiles the model for a size and a number of users; called in the background while other sizes are in use.
        background: where it is called; by default a thread of its own.
        threads: how many small pictures are computed at a time.
        small_px: pixels of the largest picture that is small.
    """

    def __init__(
        self, compile_for: Callable[[Size, int], Network], background: Executor | None = None, *, threads: int = 1, small_px: int = 0
    ) -> None:
        self._compile_for = compile_for
        self._background = background or ThreadPoolExecutor(1, thread_name_prefix="compile")
        self._threads, self._small_px = threads, small_px
        self._crew = ThreadPoolExecutor(threads, thread_name_prefix="part")
        self._networks: dict[Size, Network] = {}
        self._failed: set[Size] = set()
        self._missed: Counter[Size] = Counter()
        self._pending: tuple[Size, Future[Network]] | None = None

    @property
    def sizes(self) -> frozenset[Size]:
        """The sizes that are ready."""
        self._collect()
        return frozenset(self._networks)

    @property
    def loading(self) -> bool:
        """Whether one is being compiled."""
        return self._pending is not None and not self._pending[1].done()

    def infer(self, pictures: Sequence[Pixels]) -> Iterator[tuple[int, Pixels]]:
        """Yields each picture's number and result, which is valid until the next; the small ones come first.

        Args:
            pictures: of `sizes`; see `Network.infer`.

        Raises:
            EngineInferenceFailed: the engine gave up.
        """
        small = [number for number, picture in enumerate(pictures) if self._users(Size.of(picture)) > 1]
        yield from zip(small, self._crew.map(self._infer, [pictures[number] for number in small]), strict=True)
        for number, picture in enumerate(pictures):
            if number not in small:
                yield number, self._infer(picture)

    def _infer(self, pixels: Pixels) -> Pixels:
        return self._networks[Size.of(pixels)].infer(pixels)

    def _users(self, size: Size) -> int:
        return self._threads if math.prod(size) <= self._small_px else 1

    def miss(self, sizes: Iterable[Size]) -> None:
        """Says that these sizes would have been of use."""
        self._missed.update(set(sizes) - self._networks.keys() - self._failed)
        if self._pending is not None or not self._missed:
            return
        size, times = self._missed.most_common(1)[0]
        if times >= MISSED_OFTEN:
            self._pending = size, self._background.submit(self._compile_for, size, self._users(size))

    def _collect(self) -> None:
        if self._pending is None or not self._pending[1].done():
            return
        (size, result), self._pending = self._pending, None
        del self._missed[size]
        try:
            self._networks[size] = result.result()
        except EngineError as error:  # the whole frame works, so this is no reason to end anything
            log.warning("no network for %s: %s", size, error)
            self._failed.add(size)
