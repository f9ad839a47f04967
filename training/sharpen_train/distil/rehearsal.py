"""A few steps on a copy that is thrown away: how fast a run will be, and what it will need."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sharpen_train.architectures import Network, build
from sharpen_train.architectures.macs import count_macs
from sharpen_train.config import Config, Plan
from sharpen_train.data import open_dataset
from sharpen_train.data.stream import Batch, BatchStream, Draw
from sharpen_train.distil.learner import DTYPES, Learner
from sharpen_train.distil.parallel import Ranks
from sharpen_train.distil.validation import Condition, measure

STEPS = 40  # of a rehearsal, over all phases
WARM_SHARE = 0.3  # of them are not counted: compilers, caches and queues
LEAST_STEPS = 2
LONGEST_S = 30.0  # for each phase, after which fewer steps must do
LONGEST_SHARE = 0.05  # of the whole time, over all phases; for runs of a few minutes
SPARE_SHARE = 0.03  # of the time is left for saving and for a machine that slows down
SIDE_PX = 256


@dataclass(frozen=True)
class _Excerpt:
    """A few steps of every phase, one after the other; it travels to the processes that make the batches."""

    config: Config
    each: int

    def plan(self) -> Plan:
        """A run long enough that every phase has its place."""
        return Plan(self.config, 1_000_000)

    def original(self, step: int) -> int:
        """Returns the step of the whole run that `step` stands for."""
        plan = self.plan()
        number = min(step // self.each, len(plan.ends) - 1)
        return plan.ends[number] - 1

    def draw(self, step: int) -> Draw:
        return self.plan().draw(self.original(step))


def measure_step_ms(config: Config, ranks: Ranks, teacher: Network | None) -> list[float]:
    """Returns the time of a step in each phase, data included, in ms; every process of the run calls this."""
    excerpt = _Excerpt(config, max(6, STEPS // len(config.phase)))
    longest_s = min(LONGEST_S, 60 * config.train.max_minutes * LONGEST_SHARE / len(config.phase))
    learner = Learner(config, ranks, teacher)
    stream = BatchStream(
        Path(config.data.path),
        excerpt.draw,
        seed=config.train.seed,
        rank=ranks.rank,
        world=ranks.world,
        workers=config.train.workers,
        prefetch=2,  # a longer queue would hide that data is slow
    )
    with stream:
        batches = stream.batches(0)
        times_ms = [_measure_phase(excerpt, learner, ranks, batches, number, longest_s) for number in range(len(config.phase))]
    return ranks.share(times_ms)


def _measure_phase(excerpt: _Excerpt, learner: Learner, ranks: Ranks, batches: Iterator[Batch], number: int, longest_s: float) -> float:
    """Returns the time of a step of phase `number` in ms; takes all of its batches, so that those of the next phase follow."""
    plan = excerpt.plan().at(excerpt.original(number * excerpt.each))
    warm = max(2, round(WARM_SHARE * excerpt.each))
    times_s: list[float] = []
    began_s = before_s = time.monotonic()
    for done in range(excerpt.each):
        batch = next(batches)
        if len(times_s) > LEAST_STEPS and ranks.agree(int(before_s - began_s > longest_s)):
            continue  # slow enough to be known
        learner.learn(batch, plan, freeze_norm=False)
        learner.average.update(learner.network, done)
        _wait_for(ranks)
        now_s = time.monotonic()
        times_s.append(now_s - before_s)
        before_s = now_s
    counted = times_s[warm:] if len(times_s) > warm + LEAST_STEPS else times_s[1:]
    return 1000 * sum(counted) / len(counted)


def _wait_for(ranks: Ranks) -> None:
    if ranks.device.type == "cuda":
        torch.cuda.synchronize(ranks.device)


def mean_step_ms(config: Config, times_ms: Sequence[float]) -> float:
    """Returns the time of a step over the whole run: phases weighted by their share."""
    shares = [phase.share for phase in config.phase]
    return sum(share * ms for share, ms in zip(shares, times_ms, strict=True)) / sum(shares)


def fit_steps(config: Config, ranks: Ranks, teacher: Network | None, conditions: Sequence[Condition], began_s: float) -> int:
    """Returns how many steps fit into what is left of `max_minutes` since `began_s`, validations included."""
    step_ms = mean_step_ms(config, measure_step_ms(config, ranks, teacher))
    validation_ms = 0.0
    if ranks.first:
        network = build(config.model.arch).to(ranks.device).eval()
        before_s = time.monotonic()
        measure(network, conditions[:1])
        validation_ms = 1000 * (time.monotonic() - before_s) * len(conditions)
    (validation_ms, spent_s) = ranks.share([validation_ms, time.monotonic() - began_s])
    left_ms = 1000 * (60 * config.train.max_minutes * (1 - SPARE_SHARE) - spent_s) - validation_ms  # one comes at the end anyway
    return max(1, int(left_ms / (step_ms + validation_ms / config.train.validate_every)))


@dataclass(frozen=True)
class Estimate:
    """What a run will be like.

    Attributes:
        parameters: weights of the network.
        kmac_per_px: thousand multiply-accumulates per pixel, of the form that is trained.
        memory_bytes: of the network, its gradients, its optimiser, its average and what a step keeps for the way back, in the phase that
            needs most.
        patches: to train on.
        data_bytes: of the training split on the disk.
        step_ms: measured time of a step, by phase.
        steps: of the whole run.
        minutes: of the whole run, without validations.
    """

    parameters: int
    kmac_per_px: float
    memory_bytes: int
    patches: int
    data_bytes: int
    step_ms: list[float]
    steps: int
    minutes: float


def estimate(config: Config, ranks: Ranks, teacher: Network | None) -> Estimate:
    """Measures a few steps of every phase and returns what the run will be like; writes nothing."""
    dataset = open_dataset(Path(config.data.path))
    network = build(config.model.arch)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    step_ms = measure_step_ms(config, ranks, teacher)
    mean_ms = mean_step_ms(config, step_ms)
    steps = config.train.steps or max(1, int(60_000 * config.train.max_minutes / mean_ms))
    return Estimate(
        parameters=parameters,
        kmac_per_px=count_macs(network, SIDE_PX, SIDE_PX) / SIDE_PX**2 / 1000,
        memory_bytes=5 * 4 * parameters + max(kept_bytes(config, network, number) for number in range(len(config.phase))) // ranks.world,
        patches=dataset.info.counts["train"],
        data_bytes=dataset.truths("train").nbytes,
        step_ms=step_ms,
        steps=steps,
        minutes=steps * mean_ms / 60_000,
    )


def kept_bytes(config: Config, network: Network, number: int) -> int:
    """Returns what the forward passes of a step of phase `number` keep for the way back, in bytes, counted on one example."""
    phase = config.phase[number]
    sizes: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    precision = config.train.precision
    picture = torch.zeros(1, 3, phase.patch_px, phase.patch_px)
    held: list[Tensor] = [picture]
    with (
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
        torch.autocast("cpu", dtype=DTYPES[precision], enabled=precision != "f32"),
    ):
        held.append(network.train()(picture))
    weights = sum(parameter.untyped_storage().nbytes() for parameter in network.parameters() if parameter.data_ptr() in sizes)
    return (sum(sizes.values()) - weights) * -(-phase.batch // config.train.accumulate)
