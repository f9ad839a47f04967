from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpen_train.architectures import ARCHITECTURES, Network, build
from sharpen_train.architectures.guidance import GaugeNetwork
from sharpen_train.config import Config, Plan
from sharpen_train.data.stream import Batch, BatchStream
from sharpen_train.distil import checkpoint, transfer
from sharpen_train.distil.learner import Average, Learner, random_state, seed_everything, set_random_state
from sharpen_train.distil.parallel import Ranks
from sharpen_train.losses import build_loss, distilled

ALONE = Ranks(0, 1, torch.device("cpu"))


def first_batch(config: Config) -> Batch:
    stream = BatchStream(Path(config.data.path), Plan(config, 8).draw, seed=1, workers=0)
    return next(stream.batches(0))


def floats(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures).float() / 255


def test_parts_of_a_batch_add_up_to_the_whole(settings: Callable[..., Config]) -> None:
    results: list[dict[str, Tensor]] = []
    for parts in (1, 3):
        config = settings(f"train.accumulate={parts}")
        learner = Learner(config, ALONE)
        learner.learn(first_batch(config), Plan(config, 8).at(0), freeze_norm=False)
        results.append(learner.network.state_dict())
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, rtol=0, atol=1e-6)


def test_a_teacher_is_asked_about_the_soft_pictures(settings: Callable[..., Config]) -> None:
    config = settings("distil.teacher=x", "distil.mode=online", "phase.alpha=0.25", "phase.preset=heavy", "loss.terms={ssim=1.0}")
    teacher, batch = build("sharpener").eval(), first_batch(settings("phase.preset=heavy"))
    learner = Learner(config, ALONE, teacher)
    loss = learner.learn(batch, Plan(config, 8).at(0), freeze_norm=False)
    soft, truth = floats(batch.soft), floats(batch.truth)
    untrained, distance = Learner(config, ALONE).network, build_loss(config.loss.terms)
    with torch.no_grad():
        result, answer = untrained(soft), teacher(soft).clamp(0, 1)
        expected = distilled(distance, result, truth, answer, None, soft, 0.25, mask_harm=True).mean()
        truth_alone = distance(result, truth).mean()
    assert float(loss) == pytest.approx(float(expected), abs=1e-5)
    assert float(loss) != pytest.approx(float(truth_alone), abs=1e-4)


def test_a_guided_teacher_is_told_the_truth(settings: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings("distil.teacher=x", "distil.mode=online", "phase.alpha=0.5", "phase.preset=heavy")
    teacher, batch = build("guided-lean-16-32x4").eval(), first_batch(config)
    told: list[Tensor] = []
    answer = teacher.forward

    def forward(soft: Tensor, mtf: Tensor) -> Tensor:
        told.append(mtf)
        return answer(soft, mtf)

    monkeypatch.setattr(teacher, "forward", forward)
    Learner(config, ALONE, teacher).learn(batch, Plan(config, 8).at(0), freeze_norm=False)
    torch.testing.assert_close(torch.cat(told), transfer.measure(floats(batch.soft), floats(batch.truth)))


def test_frozen_norms_keep_their_statistics_and_still_learn(settings: Callable[..., Config]) -> None:
    config = settings("model.arch=with-norm")
    learner = Learner(config, ALONE)
    moved: list[bool] = []
    for freeze in (False, True, False):
        before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
        learner.learn(first_batch(config), Plan(config, 8).at(1), freeze_norm=freeze)
        after = learner.network.state_dict()
        moved.append(not torch.equal(before["norm.running_mean"], after["norm.running_mean"]))
        assert not torch.equal(before["last.bias"], after["last.bias"])
    assert moved == [True, False, True]


def test_the_average_follows_weights_and_statistics_alike() -> None:
    network = build("with-norm").train()
    average = Average(network, 0.5)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.add_(2)
    before = {name: tensor.clone() for name, tensor in average.network.state_dict().items()}
    average.update(network, step=100)
    for name, tensor in average.network.state_dict().items():
        target = network.state_dict()[name]
        expected = (before[name] + target) / 2 if tensor.is_floating_point() else target
        torch.testing.assert_close(tensor, expected)
    assert not average.network.training


def test_a_gradient_that_is_not_finite_changes_nothing(settings: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Network):
        multiple_px, halo_px = 1, 0

        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(0.0))

        def forward(self, x: Tensor) -> Tensor:
            return x + torch.sqrt(self.scale)  # finite, with a gradient that is not

    monkeypatch.setitem(ARCHITECTURES, "broken", Broken)
    config = settings("model.arch=broken")
    learner = Learner(config, ALONE)
    loss = learner.learn(first_batch(config), Plan(config, 8).at(0), freeze_norm=False)
    assert not torch.isfinite(loss)
    assert learner.network.scale.item() == 0


def test_random_states_come_back() -> None:
    seed_everything(3)
    state = random_state()
    drawn = (torch.rand(2).tolist(), np.random.rand(2).tolist())
    set_random_state(state)
    assert (torch.rand(2).tolist(), np.random.rand(2).tolist()) == drawn


def test_network_and_gauge_learn_together(settings: Callable[..., Config]) -> None:
    config = settings("model.arch=guided-16-32x6", "phase.patch_px=16", "phase.surround_px=8", "train.lr=1e-3", "train.warmup_steps=0")
    plan = Plan(config, 8)
    batch = first_batch(config)
    assert batch.soft.shape[-1] == 32
    learner = Learner(config, ALONE)
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    losses = [float(learner.learn(batch, plan.at(0), freeze_norm=True)) for _ in range(12)]
    assert losses[-1] < losses[0]
    moved = {name for name, tensor in learner.network.state_dict().items() if not torch.equal(tensor, before[name])}
    for part in ("gauge.layers.0.weight", "gauge.norm.running_mean", "guide.layers.4.weight", "tail.weight"):
        assert part in moved


def test_a_gauge_that_was_given_stays_as_it_is(settings: Callable[..., Config], tmp_path: Path) -> None:
    torch.manual_seed(5)
    given = {f"gauge.{name}": tensor for name, tensor in GaugeNetwork().state_dict().items()}
    path = tmp_path / "gauge.safetensors"
    path.write_bytes(checkpoint.weights_to_bytes(given))
    config = settings("model.arch=guided-16-32x6", f"model.gauge={path}", "phase.patch_px=16", "train.warmup_steps=0")
    learner, batch = Learner(config, ALONE), first_batch(config)
    for _ in range(2):
        learner.learn(batch, Plan(config, 8).at(0), freeze_norm=False)
        learner.average.update(learner.network, 1)
    for network in (learner.network, learner.average.network):
        own = network.state_dict()
        assert all(torch.equal(own[name], tensor) for name, tensor in given.items())
    assert not torch.equal(learner.network.state_dict()["tail.weight"], learner.average.network.state_dict()["tail.weight"])
