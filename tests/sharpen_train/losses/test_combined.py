"""Weighted sums of losses, and what a teacher adds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sharpen_train.errors import ConfigError
from sharpen_train.losses import LOSSES, build_loss, distilled

SHAPE = (4, 3, 8, 8)


def picture(seed: int) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


RESULT, TRUTH = picture(1), picture(2)
TEACHER = TRUTH + 0.05 * picture(3)
SOFT = TRUTH + 0.2 * picture(4)
L1 = build_loss({"l1": 1.0})


def mean_l1(a: Tensor, b: Tensor) -> list[float]:
    return [float((a[n] - b[n]).abs().sum()) / a[n].numel() for n in range(len(a))]


def test_a_loss_is_the_weighted_sum_of_its_terms() -> None:
    loss = build_loss({"l1": 0.5, "mse": 2.0, "fft": 0.0})
    expected = 0.5 * LOSSES["l1"](RESULT, TRUTH) + 2 * LOSSES["mse"](RESULT, TRUTH)
    assert torch.allclose(loss(RESULT, TRUTH), expected)
    parts = loss.parts(RESULT, TRUTH)
    assert list(parts) == ["l1", "mse"], "what has no weight is not computed"
    assert torch.equal(parts["mse"], LOSSES["mse"](RESULT, TRUTH))


def test_names_without_a_loss_and_losses_without_weight_are_refused() -> None:
    with pytest.raises(ConfigError, match="no loss 'l3'"):
        build_loss({"l3": 1.0})
    with pytest.raises(ConfigError, match="above 0"):
        build_loss({"l1": 0.0})
    with pytest.raises(ConfigError, match="'vgg16' has no weights"):
        build_loss({"vgg16": 1.0})


def test_truth_and_teacher_share_by_alpha() -> None:
    value = distilled(L1, RESULT, TRUTH, TEACHER, torch.ones(4, dtype=torch.bool), SOFT, 0.7)
    expected = [0.7 * truth + 0.3 * teacher for truth, teacher in zip(mean_l1(RESULT, TRUTH), mean_l1(RESULT, TEACHER), strict=True)]
    assert value.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("teacher", "alpha"), [(None, 0.3), (TEACHER, 1.0)])
def test_the_truth_is_all_where_the_teacher_does_not_count(teacher: Tensor | None, alpha: float) -> None:
    value = distilled(L1, RESULT, TRUTH, teacher, None, SOFT, alpha)
    assert value.tolist() == pytest.approx(mean_l1(RESULT, TRUTH))


def test_at_alpha_zero_the_truth_is_not_seen() -> None:
    assert distilled(L1, RESULT, TRUTH, TEACHER, None, SOFT, 0.0).tolist() == pytest.approx(mean_l1(RESULT, TEACHER))


def test_examples_without_a_teacher_count_their_truth_alone() -> None:
    teacher = TEACHER.clone()
    teacher[1] = float("nan")
    has_teacher = torch.tensor([True, False, True, False])
    result = RESULT.clone().requires_grad_()
    value = distilled(L1, result, TRUTH, teacher, has_teacher, SOFT, 0.6)
    to_truth, to_teacher = mean_l1(RESULT, TRUTH), mean_l1(RESULT, TEACHER)
    expected = [0.6 * t + 0.4 * s if has else t for t, s, has in zip(to_truth, to_teacher, has_teacher.tolist(), strict=True)]
    assert value.tolist() == pytest.approx(expected)
    value.sum().backward()
    assert result.grad is not None
    assert torch.isfinite(result.grad).all(), "what lies in a row without a teacher reaches no gradient"
    assert torch.allclose(result.grad[1], (RESULT - TRUTH)[1].sign() / RESULT[1].numel())


def test_a_teacher_that_harms_is_masked_where_it_does() -> None:
    soft = SOFT.clone()
    soft[0] = TRUTH[0]  # a sharp picture: no teacher is better
    soft[1] = TEACHER[1]  # exactly as good is not better
    masked = distilled(L1, RESULT, TRUTH, TEACHER, None, soft, 0.5)
    unmasked = distilled(L1, RESULT, TRUTH, TEACHER, None, soft, 0.5, mask_harm=False)
    to_truth = L1(RESULT, TRUTH)
    assert torch.equal(masked[:2], to_truth[:2])
    assert torch.equal(masked[2:], unmasked[2:])
    assert not torch.isclose(unmasked, to_truth).any()


@given(st.floats(0, 1), st.lists(st.booleans(), min_size=4, max_size=4), st.lists(st.floats(0, 0.5), min_size=4, max_size=4))
def test_no_example_is_outside_what_truth_and_teacher_say(alpha: float, has: list[bool], blur: list[float]) -> None:
    soft = TRUTH + torch.tensor(blur, dtype=torch.float64)[:, None, None, None]
    value = distilled(L1, RESULT, TRUTH, TEACHER, torch.tensor(has), soft, alpha)
    to_truth, to_teacher = L1(RESULT, TRUTH), L1(RESULT, TEACHER)
    assert (value >= torch.minimum(to_truth, to_teacher) - 1e-12).all()
    assert (value <= torch.maximum(to_truth, to_teacher) + 1e-12).all()
    assert torch.equal(value[~torch.tensor(has)], to_truth[~torch.tensor(has)])
