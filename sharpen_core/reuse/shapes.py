"""Networks for several sizes of picture, each compiled in the background once it has been missed a few times."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from sharpen_core.engines.base import Network
from sharpen_core.errors import EngineError
from sharpen_core.frame import Pixels, Size

log = logging.getLogger(__name__)

MISSED_OFTEN = 3


class Networks:
    """Has a network for a size, or has it compiled meanwhile. Used by one thread at a time; compiling is done by another.

    Args:
        compile_for: compiles the model for a size; called in the background while other sizes are in use.
        background: where it is called; by default a thread of its own.
    """

    def __init__(self, compile_for: Callable[[Size], Network], background: Executor | None = None) -> None:
        self._compile_for = compile_for
        self._background = background or ThreadPoolExecutor(1, thread_name_prefix="compile")
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

    def infer(self, pixels: Pixels) -> Pixels:
        """See `Network.infer`; for pictures of one of `sizes`."""
        return self._networks[Size.of(pixels)].infer(pixels)

    def miss(self, sizes: Iterable[Size]) -> None:
        """Says that these sizes would have been of use."""
        self._missed.update(set(sizes) - self._networks.keys() - self._failed)
        if self._pending is not None or not self._missed:
            return
        size, times = self._missed.most_common(1)[0]
        if times >= MISSED_OFTEN:
            self._pending = size, self._background.submit(self._compile_for, size)

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
