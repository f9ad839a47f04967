import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_core.governing.costs import AROUND_SHARE, FIXED_SHARE, Costs
from sharpen_core.governing.demand import Demand
from sharpen_core.governing.rungs import build_ladder


def test_an_area_asks_for_all_of_itself_while_nothing_is_known() -> None:
    assert Demand().usual(0.6) == Demand().busy(0.6) == 0.6


def test_the_last_frames_tell_what_is_usual_and_what_a_busy_one_asks_for() -> None:
    demand = Demand()
    for number in range(100):
        demand.add({1.0: 0.8 if number % 5 == 0 else 0.2})
    assert demand.usual(1.0) == 0.2
    assert demand.busy(1.0) == 0.8
    assert demand.usual(0.35) == 0.35
    for _ in range(60):
        demand.add({1.0: 0.1})
    assert demand.busy(1.0) == 0.1


@given(st.lists(st.floats(0, 1), min_size=1))
def test_busy_is_never_less_than_usual(shares: list[float]) -> None:
    demand = Demand()
    for share in shares:
        demand.add({1.0: share})
    assert min(shares) <= demand.usual(1.0) <= demand.busy(1.0) <= max(shares)


def test_what_stands_still_costs_nearly_nothing() -> None:
    ladder, demand = build_ladder(["only"]), Demand()
    costs = Costs(ladder, {}, {"only": 50.0}, demand)
    assert costs.of(0) == costs.busy(0) == 50.0
    demand.add({1.0: 0.0, 0.6: 0.0})
    assert costs.of(0) == pytest.approx(50.0 * (FIXED_SHARE + AROUND_SHARE))
    for _ in range(8):
        demand.add({1.0: 0.0})
    demand.add({1.0: 1.0})
    demand.add({1.0: 1.0})
    assert costs.of(0) == pytest.approx(50.0 * (FIXED_SHARE + AROUND_SHARE))
    assert costs.busy(0) == pytest.approx(50.0)
