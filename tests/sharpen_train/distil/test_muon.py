import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from sharpen_train.config import Config, Plan
from sharpen_train.data.stream import BatchStream
from sharpen_train.distil.learner import Learner
from sharpen_train.distil.muon import Muon, is_matrix, orthogonal
from sharpen_train.distil.parallel import Ranks


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 64, 24), (1, 16, 144)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    inner = u.transpose(1, 2) @ orthogonal(matrices) @ v.transpose(1, 2)
    values = inner.diagonal(dim1=1, dim2=2)
    assert (inner - torch.diag_embed(values)).abs().max() < 1e-3
    assert values.min() > 0.3  # the smallest of a random square matrix is nearly zero and takes more rounds
    assert values.max() < 1.25


def test_which_weights_are_matrices() -> None:
    assert is_matrix(nn.Conv2d(32, 64, 1).weight)
    assert is_matrix(nn.Conv2d(12, 16, 3).weight)
    assert not is_matrix(nn.Conv2d(64, 64, 3, groups=64).weight)
    assert not is_matrix(nn.Conv2d(16, 12, 3).weight)
    assert not is_matrix(nn.BatchNorm2d(64).weight)


def test_a_step_is_as_long_as_one_of_adam() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(64, 96)
    before = layer.weight.detach().clone()
    optimiser = Muon(layer.parameters(), 0.01, (0.9, 0.99), 0.0)
    layer(torch.randn(256, 64)).square().mean().backward()
    optimiser.step()
    moved = (layer.weight - before).detach()
    assert float(moved.square().mean().sqrt()) == pytest.approx(0.2 * 0.01, rel=0.25)


def test_others_move_as_adam_moves_them() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(torch.arange(6.0)) for _ in range(2))
    pair = (Muon([ours], 0.1, (0.9, 0.99), 0.01), torch.optim.AdamW([theirs], 0.1, (0.9, 0.99), 1e-8, 0.01))
    for _ in range(5):
        for weight, optimiser in zip((ours, theirs), pair, strict=True):
            optimiser.zero_grad()
            (weight.sin() * weight).sum().backward()
            optimiser.step()
    torch.testing.assert_close(ours, theirs)


def test_a_run_goes_on_from_the_saved_state(settings: Callable[..., Config]) -> None:
    config = settings("train.optimiser=muon", "model.arch=plain-16x4")
    batches = BatchStream(Path(config.data.path), Plan(config, 4).draw, seed=1, workers=0).batches(0)
    learner, plan = Learner(config, Ranks(0, 1, torch.device("cpu"))), Plan(config, 4)
    some = [next(batches) for _ in range(4)]
    for step in range(2):
        learner.learn(some[step], plan.at(step), freeze_norm=False)
    other = Learner(config, Ranks(0, 1, torch.device("cpu")))
    other.network.load_state_dict(learner.network.state_dict())
    other._optimiser.load_state_dict(copy.deepcopy(learner.state()["optimiser"]))
    for step in range(2, 4):
        for each in (learner, other):
            each.learn(some[step], plan.at(step), freeze_norm=False)
    for name, tensor in learner.network.state_dict().items():
        assert torch.equal(tensor, other.network.state_dict()[name]), name


def test_no_closure_is_taken() -> None:
    with pytest.raises(ValueError, match="closure"):
        Muon([nn.Parameter(torch.zeros(2))], 0.1, (0.9, 0.99), 0.0).step(lambda: 0.0)
