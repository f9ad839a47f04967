from concurrent.futures import Executor, Future

import numpy as np

from sharpen_core.engines.identity import IdentityNetwork
from sharpen_core.errors import EngineCompileFailed
from sharpen_core.frame import Size
from sharpen_core.reuse.shapes import MISSED_OFTEN, Networks


class Later(Executor):
    """Does what it was given when it is told to."""

    def __init__(self) -> None:
        self.jobs: list = []

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        self.jobs.append((future, lambda: fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        for future, job in self.jobs:
            try:
                future.set_result(job())
            except Exception as error:
                future.set_exception(error)
        self.jobs.clear()


SMALL, LARGE = Size(8, 8), Size(16, 16)


def test_what_is_missed_often_is_compiled_one_at_a_time_elsewhere() -> None:
    compiled, later = [], Later()
    networks = Networks(lambda size: compiled.append(size) or IdentityNetwork(), later)
    for _ in range(MISSED_OFTEN - 1):
        networks.miss([SMALL])
    assert not later.jobs
    networks.miss([SMALL, LARGE])
    for _ in range(10):
        networks.miss([SMALL, LARGE])
    assert len(later.jobs) == 1
    assert networks.sizes == frozenset()
    later.work()
    assert networks.sizes == {SMALL}
    networks.miss([SMALL, LARGE])
    later.work()
    assert networks.sizes == {SMALL, LARGE}
    assert compiled == [SMALL, LARGE]
    networks.miss([SMALL, LARGE])
    assert not later.jobs
    picture = np.zeros((8, 8, 3), np.uint8)
    assert networks.infer(picture) is picture


def test_a_size_that_cannot_be_compiled_is_not_tried_again() -> None:
    def fails(size: Size) -> IdentityNetwork:
        raise EngineCompileFailed("no", "")

    later = Later()
    networks = Networks(fails, later)
    for _ in range(2 * MISSED_OFTEN):
        networks.miss([SMALL])
    later.work()
    assert networks.sizes == frozenset()
    for _ in range(2 * MISSED_OFTEN):
        networks.miss([SMALL])
    assert not later.jobs
