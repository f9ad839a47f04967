"""What the settings mean at a step."""

import math
import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_train.config import Config, Distil, Phase, Plan, Train
from sharpen_train.data.stream import Draw

CURRICULUM = (
    Phase(share=0.2, preset="heavy", patch_px=64, batch=32, alpha=0.5),
    Phase(share=0.5, preset="mixed", patch_px=128, batch=16, alpha=0.6, alpha_end=0.8, pairs_share=0.25),
    Phase(share=0.3, preset="webcam", patch_px=192, batch=8, alpha=1.0),
)


def plan(steps: int = 100, *, teacher: str = "", mode: str = "offline", **train: object) -> Plan:
    config = {"train": train, "distil": {"teacher": teacher, "mode": mode}, "phase": [phase.model_dump() for phase in CURRICULUM]}
    return Plan(Config.model_validate(config), steps)


def test_phases_follow_one_another_by_their_shares() -> None:
    presets = [plan().at(step).preset for step in range(100)]
    assert presets == ["heavy"] * 20 + ["mixed"] * 50 + ["webcam"] * 30


def test_patches_grow_and_batches_shrink_with_the_phase() -> None:
    first, last = plan().at(0), plan().at(99)
    assert (first.phase, first.patch_px, first.batch) == (0, 64, 32)
    assert (last.phase, last.patch_px, last.batch) == (2, 192, 8)


def test_alpha_moves_in_a_straight_line_where_it_has_an_end() -> None:
    alphas = [plan().at(step).alpha for step in range(100)]
    assert alphas[:20] == [0.5] * 20
    assert alphas[20] == pytest.approx(0.6)
    assert alphas[69] == pytest.approx(0.8)
    rises = [after - before for before, after in pairwise(alphas[20:70])]
    assert rises == pytest.approx([0.2 / 49] * 49)
    assert alphas[70:] == [1.0] * 30


def test_the_rate_warms_up_and_falls_like_a_cosine() -> None:
    rates = [plan(warmup_steps=10, lr=0.1, lr_floor=0.01).at(step).lr for step in range(100)]
    assert rates[:10] == pytest.approx([0.01 * (step + 1) for step in range(10)])
    expected = [0.01 + 0.09 * (1 + math.cos(math.pi * step / 90)) / 2 for step in range(90)]
    assert rates[10:] == pytest.approx(expected)


def test_the_rate_falls_in_steps_to_the_floor() -> None:
    stepped = plan(1000, warmup_steps=0, lr=0.1, lr_floor=0.004, schedule="step", step_shares=[0.5, 0.75, 0.9], step_factor=0.2)
    assert [stepped.lr(step) for step in (0, 499, 500, 749, 750, 899, 900, 999)] == pytest.approx(
        [0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.004, 0.004]
    )


def test_the_rate_stays_when_it_is_constant() -> None:
    constant = plan(50, warmup_steps=2, lr=0.1, schedule="constant")
    assert [constant.lr(step) for step in (0, 1, 2, 49)] == pytest.approx([0.05, 0.1, 0.1, 0.1])


def test_a_short_run_warms_up_for_a_tenth_of_it() -> None:
    assert [plan(20, warmup_steps=300, lr=0.1, schedule="constant").lr(step) for step in range(4)] == pytest.approx([0.05, 0.1, 0.1, 0.1])
    assert plan(4, warmup_steps=300, lr=0.1).lr(0) == 0.1


def test_a_run_needs_a_step() -> None:
    with pytest.raises(ValueError, match="0 steps"):
        plan(0)


def test_draws_say_what_the_batch_is_made_of() -> None:
    assert plan().draw(0) == Draw(64, 32, "heavy", None, 0.0)
    assert plan(teacher="restormer").draw(30) == Draw(128, 16, "mixed", "restormer", 0.25)


def test_a_teacher_comes_with_the_batch_only_when_it_is_offline_and_counts() -> None:
    assert plan(teacher="restormer").draw(99).teacher is None, "alpha is 1: softs are drawn afresh"
    assert plan(teacher="restormer", mode="online").draw(0).teacher is None


shares = st.lists(st.floats(0.01, 1), min_size=1, max_size=5)


@given(shares, st.integers(1, 2000), st.sampled_from(["cosine", "step", "constant"]), st.integers(0, 500))
def test_any_plan_is_a_function_of_the_step(shares: list[float], steps: int, schedule: str, warmup: int) -> None:
    train = Train.model_validate({"schedule": schedule, "warmup_steps": warmup})
    phases = tuple(Phase(share=share, batch=number + 1, alpha=0.5, alpha_end=0.9) for number, share in enumerate(shares))
    made = Plan(Config(train=train, phase=phases, distil=Distil(teacher="t")), steps)
    copy = pickle.loads(pickle.dumps(made))
    visited = [made.at(step) for step in range(0, steps, max(1, steps // 50))]
    assert visited == [copy.at(step) for step in range(0, steps, max(1, steps // 50))]
    numbers = [now.phase for now in visited]
    assert numbers == sorted(numbers)
    assert made.at(steps - 1).phase == len(phases) - 1 or made.ends[-2] == steps
    assert made.at(steps + 7) == made.at(steps - 1), "the data runs ahead of the loop"
    for now in visited:
        assert 0 < now.lr <= train.lr
        assert 0.5 <= now.alpha <= 0.9
