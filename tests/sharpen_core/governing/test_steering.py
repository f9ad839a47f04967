"""Lineup, workshop and steering with scripted networks."""

import re
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from scripted import SIZE, ScriptedRestorer

from sharpen_core.errors import EngineCompileFailed
from sharpen_core.frame import Frame, Size
from sharpen_core.governing.lineup import Lineup
from sharpen_core.governing.rungs import Rung
from sharpen_core.governing.steering import Steering
from sharpen_core.governing.workshop import Made, Workshop


def broken(size: Size) -> ScriptedRestorer:
    raise EngineCompileFailed("it does not load")


def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.002)


def frame(number: int) -> Frame:
    return Frame(np.zeros((*SIZE, 3), np.uint8), number, number * 33_000_000)


def test_a_network_is_loaded_beside_what_goes_on_and_kept() -> None:
    release = threading.Event()
    made: list[str] = []

    def slow(size: Size) -> ScriptedRestorer:
        release.wait(10)
        made.append(threading.current_thread().name)
        return ScriptedRestorer(size)

    workshop = Workshop(Lineup({"slow": slow}), SIZE)
    workshop.order("slow")
    workshop.order("slow")
    assert workshop.collect() is None
    assert workshop.get("slow") is None
    release.set()
    until(lambda: workshop.get("slow") or isinstance(workshop.collect(), Made))
    assert workshop.get("slow") is not None
    workshop.order("slow")
    workshop.close()
    assert made == ["load"]


def test_what_cannot_be_loaded_is_told() -> None:
    workshop = Workshop(Lineup({"broken": broken, "odd": lambda size: 1 / 0}), SIZE)  # type: ignore[dict-item, arg-type, return-value]
    for model in ("broken", "odd"):
        workshop.order(model)
        finished: list[object] = []
        until(lambda finished=finished: finished.append(workshop.collect()) or finished[-1])
        assert isinstance(finished[-1], tuple)
        assert finished[-1][0] == model
        assert workshop.get(model) is None
    with pytest.raises(EngineCompileFailed):
        workshop.make("broken")
    workshop.close()


def taking(ms: float) -> Callable[[Size], ScriptedRestorer]:
    return lambda size: ScriptedRestorer(size, lambda: time.sleep(ms / 1000))


def test_of_several_that_were_never_measured_all_are_and_the_best_that_fits_begins() -> None:
    steering = Steering(Lineup({"good": taking(100), "medium": taking(5), "light": taking(1)}), SIZE, 30.0)
    assert steering.rung == Rung("medium")
    assert re.fullmatch(r"medium instead of good: \d+ ms per frame when it was last measured, 33 ms are there", steering.reason)
    assert steering.sharpener(Rung("good")).size == SIZE


def test_what_is_heavier_than_what_is_already_too_much_is_not_even_tried() -> None:
    steering = Steering(Lineup({"good": ScriptedRestorer, "light": taking(400)}), SIZE, 30.0)
    assert steering.rung == Rung("light")
    assert steering.reason == "light instead of good: the lightest first, to see what this machine can do"
    with pytest.raises(ValueError, match="was not loaded"):
        steering.sharpener(Rung("good"))


def test_one_that_is_broken_is_passed_over() -> None:
    steering = Steering(Lineup({"good": broken, "medium": ScriptedRestorer, "light": broken}), SIZE, 30.0)
    assert steering.rung == Rung("medium")
    assert steering.reason == "medium instead of good: light, good cannot be loaded"
    with pytest.raises(EngineCompileFailed):
        Steering(Lineup({"good": broken, "light": broken}), SIZE, 30.0)
    with pytest.raises(EngineCompileFailed):
        Steering(Lineup.of(broken), SIZE, 30.0)


def test_a_single_one_is_as_chosen_and_gets_its_area() -> None:
    steering = Steering(Lineup.of(ScriptedRestorer), SIZE, 30.0)
    assert steering.reason == "the network: as chosen"
    assert steering.sharpener(steering.rung).area == 1.0
    assert steering.sharpener(Rung("the network", 0.35)).area == 0.35
    with pytest.raises(ValueError, match="was not loaded"):
        steering.sharpener(Rung("another"))


def test_what_is_measured_before_begins_at_once() -> None:
    lineup = Lineup({"good": ScriptedRestorer, "light": ScriptedRestorer}, whole_ms=lambda size: {"good": 10.0, "light": 5.0})
    steering = Steering(lineup, SIZE, 30.0)
    assert steering.reason == "good: 10 ms per frame when it was last measured, 33 ms are there"
    assert round(steering.period_ns / 1e6) == 33


def test_a_failing_network_gives_way_and_the_next_one_is_loaded_meanwhile() -> None:
    lineup = Lineup({"good": ScriptedRestorer, "light": ScriptedRestorer}, whole_ms=lambda size: {"good": 10.0, "light": 5.0})
    steering = Steering(lineup, SIZE, 30.0)
    steering.failed("out of memory")
    assert steering.rung.raw
    numbers = iter(range(100_000))

    def arrived() -> bool:
        steering.arrived(frame(next(numbers)))
        return steering.rung == Rung("light")

    until(arrived)
    assert steering.reason == "light instead of good: out of memory"
    steering.close()


@pytest.mark.parametrize(("asked_for", "stays"), [(0.2, True), (1.0, False)])
def test_a_part_that_is_computed_with_the_whole_frame_for_now_is_not_judged_by_that(asked_for: float, stays: bool) -> None:
    class Unprepared(ScriptedRestorer):
        def asked_for(self, area: float) -> float:
            return min(asked_for, area)

    steering = Steering(Lineup.of(Unprepared), SIZE, 30.0)
    sharpener = steering.sharpener(steering.rung)
    assert isinstance(sharpener, Unprepared)
    sharpener.computed_share = 1.0
    for _ in range(20):
        steering.took(300_000_000, 0)
        time.sleep(0.02)
    assert (steering.rung == Rung("the network")) == stays


def test_what_was_learned_of_trial_pictures_is_forgotten() -> None:
    workshop = Workshop(Lineup({"tried": ScriptedRestorer}), SIZE)
    workshop.make("tried")
    assert workshop.try_out("tried") > 0
    sharpener = workshop.get("tried")
    assert isinstance(sharpener, ScriptedRestorer)
    assert sharpener.remembered == 0
