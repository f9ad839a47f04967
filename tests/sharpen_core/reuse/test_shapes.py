from concurrent.futures import Executor, Future
from threading import Barrier

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
    networks = Networks(lambda size, _: compiled.append(size) or IdentityNetwork(), later)
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
    assert [(number, result is picture) for number, result in networks.infer([picture])] == [(0, True)]


class Meeting:
    """A network whose users wait for each other."""

    precision = "f32"

    def __init__(self, users: int) -> None:
        self._barrier = Barrier(users)

    def infer(self, pixels: np.ndarray) -> np.ndarray:
        self._barrier.wait(5)
        return pixels + 1


def test_small_pictures_are_computed_side_by_side_and_large_ones_alone() -> None:
    compiled, later = {}, Later()
    networks = Networks(lambda size, users: compiled.setdefault(size, users) and Meeting(users), later, threads=3, small_px=64)
    while networks.sizes != {SMALL, LARGE}:
        networks.miss([SMALL, LARGE])
        later.work()
    assert compiled == {SMALL: 3, LARGE: 1}
    pictures = [np.full((*size, 3), number, np.uint8) for number, size in enumerate([LARGE, SMALL, SMALL, LARGE, SMALL])]
    results = [(number, int(result[0, 0, 0])) for number, result in networks.infer(pictures)]
    assert results == [(1, 2), (2, 3), (4, 5), (0, 1), (3, 4)]


def test_a_size_that_cannot_be_compiled_is_not_tried_again() -> None:
    def fails(size: Size, users: int) -> IdentityNetwork:
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
