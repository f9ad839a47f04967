import pytest

from sharpen_core.governing.costs import FIXED_SHARE, HOPE, LEARNED_FOR_NS, Costs
from sharpen_core.governing.demand import Demand
from sharpen_core.governing.forecast import Forecast, Limits, first_rung
from sharpen_core.governing.rungs import Rung, build_ladder

INTERVAL_NS = 33_000_000
LADDER = build_ladder(["good", "light"])
KMAC = {"good": 20.0, "light": 5.0}
GOOD, LIGHT, RAW = 0, 1, len(LADDER) - 1
GOOD_PART = 4


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def forecast(cpu: float = 0.5, engine: float = 1.0, **whole_ms: float) -> Forecast:
    return Forecast(LADDER, Costs(LADDER, KMAC, whole_ms), Limits(cpu, engine), INTERVAL_NS)


def test_costs_follow_the_area_the_work_and_better_the_measurement() -> None:
    costs = Costs(LADDER, KMAC)
    assert costs.of(GOOD) == 4 * costs.of(LIGHT)
    assert 0.35 < costs.of(GOOD_PART) / costs.of(GOOD) < 0.45
    assert costs.of(RAW) == 0
    costs.measured("light", 10.0)
    assert costs.of(GOOD) == 40.0 * HOPE  # so that it is tried one day
    costs.measured("good", 25.0)
    assert costs.of(GOOD) == 25.0


def test_what_a_try_has_taught_is_forgotten_after_a_while() -> None:
    clock = Clock()
    costs = Costs(LADDER, KMAC, {"good": 20.0}, clock=clock)
    costs.learn(GOOD, 30.0)
    assert costs.of(GOOD) == pytest.approx(30.0)
    costs.learn(GOOD, 1000.0)
    assert costs.of(GOOD) == pytest.approx(100.0)  # five times is the most that is believed
    clock.now += LEARNED_FOR_NS
    assert costs.of(GOOD) == pytest.approx(20.0)


def test_the_network_is_scaled_and_the_rest_of_the_program_is_not() -> None:
    told = forecast(good=20.0, light=10.0)
    told.update(LIGHT, 11.0, 11.0, INTERVAL_NS, 0.5, shown=True)
    assert told.ms(GOOD) == pytest.approx(22.0)
    assert told.share_on(GOOD) == pytest.approx(0.5 - 1 / 3 + 2 / 3)
    assert told.share_on(RAW) == pytest.approx(0.5 - 1 / 3)
    assert told.hindrance(GOOD, 0.2) == "good would use about 83 % of the CPU, 50 % are allowed"


def test_only_what_sharpening_takes_of_the_processor_is_scaled() -> None:
    told = Forecast(LADDER, Costs(LADDER, KMAC, {"good": 20.0, "light": 10.0}), Limits(0.5), INTERVAL_NS, cores=2)
    told.update(LIGHT, 16.5, 13.2, INTERVAL_NS, 0.3, shown=True)  # half the time, of which one of two cores works for four fifths
    assert told.share_on(LIGHT) == pytest.approx(0.3)
    assert told.share_on(GOOD) == pytest.approx(0.3 + 0.2)
    assert told.share_on(RAW) == pytest.approx(0.3 - 0.2)
    told.update(LIGHT, 16.5, 100.0, INTERVAL_NS, 0.3, shown=True)  # other threads were busy beside it
    assert told.share_on(RAW) == 0


def test_what_a_frame_takes_besides_the_network_is_the_same_for_all_models() -> None:
    demand = Demand()
    demand.add({1.0: 0.0})
    costs = Costs(LADDER, KMAC, {"good": 100.0, "light": 10.0}, demand)
    assert costs.of(GOOD) - 100.0 * FIXED_SHARE == pytest.approx(costs.of(LIGHT) - 10.0 * FIXED_SHARE)


def test_while_nothing_is_shown_the_whole_network_comes_on_top() -> None:
    told = forecast(engine=0.5, good=20.0, light=10.0)
    told.update(LIGHT, 11.0, 11.0, INTERVAL_NS, 0.1, shown=False)
    assert told.share_on(LIGHT) == pytest.approx(0.1 + 0.5 / 3)


def test_time_is_said_before_the_processor() -> None:
    told = forecast(good=20.0, light=10.0)
    told.update(LIGHT, 20.0, 13.2, INTERVAL_NS, 0.4, shown=True)
    assert not told.fits(GOOD, 0)
    assert told.hindrance(GOOD, 0.2) == "good would take about 40 ms per frame, 33 ms are there"
    assert told.fits(RAW, 0.2)
    assert told.hindrance(RAW, 0.2) == ""


def test_without_a_measurement_everything_fits() -> None:
    assert all(forecast().fits(index, 0.2) for index in range(len(LADDER)))


def test_the_first_rung_is_what_was_measured_before_else_the_lightest() -> None:
    assert first_rung(forecast(), {}, 0.2)[0] == LIGHT
    assert first_rung(forecast(1.0, good=20.0, light=10.0), {"good", "light"}, 0.2)[0] == GOOD
    assert first_rung(forecast(0.5, good=20.0, light=10.0), {"good", "light"}, 0.2)[0] == LIGHT
    single = build_ladder(["good"])
    assert first_rung(Forecast(single, Costs(single, KMAC), Limits(), INTERVAL_NS), {}, 0.2)[0] == 0
    assert single[0] == Rung("good")
