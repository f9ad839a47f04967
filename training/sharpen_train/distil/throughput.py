"""How fast training is on this machine, against the loop that one would write first.

The plain loop decodes a picture, crops, degrades and steps in one process, in float32 with the channels first.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sharpen_train.config import Config, Plan
from sharpen_train.data import CONTEXT_PX, Source, read_picture
from sharpen_train.data.stream import Batch, BatchStream
from sharpen_train.degradations import find_preset
from sharpen_train.distil.learner import Learner
from sharpen_train.distil.parallel import Ranks

WARM_STEPS = 6
LEAST_STEPS = 5


@dataclass(frozen=True)
class Throughput:
    """What was measured of one loop.

    Attributes:
        name: of the loop.
        patches_per_s: patches trained on in a second.
        step_ms: median time of a step, data included.
        p95_ms: time that one step in twenty exceeds.
        waiting_share: share of the time spent waiting for data, or making it.
        steps: that were measured.
    """

    name: str
    patches_per_s: float
    step_ms: float
    p95_ms: float
    waiting_share: float
    steps: int


def measure_loops(config: Config, sources: Sequence[Source], device: torch.device, seconds: float) -> list[Throughput]:
    """Returns what the plain loop and ours reach with the same network, patches and degradation.

    Args:
        config: the settings of ours; the plain loop takes the same but for its float32 and its layout.
        sources: pictures that the plain loop decodes; the dataset of `config` was made of them.
        device: where the network learns.
        seconds: how long each loop is measured.
    """
    plain = config.model_copy(
        update={"train": config.train.model_copy(update={"precision": "f32", "channels_last": False, "compile": False})}
    )
    results = [_measure("plain loop", plain, plain_batches(plain, sources), device, seconds)]
    plan = Plan(config, 1_000_000)
    with BatchStream(Path(config.data.path), plan.draw, seed=config.train.seed, workers=config.train.workers) as stream:
        results.append(_measure("sharpen-train", config, stream.batches(0), device, seconds))
    return results


def plain_batches(config: Config, sources: Sequence[Source]) -> Iterator[Batch]:
    """Yields batches made in this process, from the files, when they are asked for."""
    phase, preset = config.phase[0], find_preset(config.phase[0].preset)
    whole = phase.patch_px + 2 * CONTEXT_PX
    inner = slice(CONTEXT_PX, CONTEXT_PX + phase.patch_px)
    rng = np.random.default_rng(config.train.seed)
    step = 0
    while True:
        pairs = []
        for _ in range(phase.batch):
            picture = read_picture(sources[int(rng.integers(len(sources)))].path)
            top, left = (int(rng.integers(side - whole + 1)) for side in picture.shape[:2])
            truth = np.ascontiguousarray(picture[top : top + whole, left : left + whole])
            pairs.append((preset.apply(truth, rng)[inner, inner], truth[inner, inner]))
        soft, truth = (np.ascontiguousarray(np.stack(side).transpose(0, 3, 1, 2)) for side in zip(*pairs, strict=True))
        yield Batch(step, soft, truth, None, np.zeros(phase.batch, np.bool_))
        step += 1


def _measure(name: str, config: Config, batches: Iterator[Batch], device: torch.device, seconds: float) -> Throughput:
    """Returns the pace of one loop after its first steps."""
    learner, plan = Learner(config, Ranks(0, 1, device)), Plan(config, 1_000_000)
    times_s: list[float] = []
    waited_s, began_s = 0.0, time.perf_counter()
    number = 0
    while len(times_s) < LEAST_STEPS or time.perf_counter() - began_s < seconds:
        before_s = time.perf_counter()
        batch = next(batches)
        ready_s = time.perf_counter()
        learner.learn(batch, plan.at(number), freeze_norm=False)
        learner.average.update(learner.network, number)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        number += 1
        if number == WARM_STEPS:
            began_s = time.perf_counter()
        elif number > WARM_STEPS:
            times_s.append(time.perf_counter() - before_s)
            waited_s += ready_s - before_s
    spent_s = sum(times_s)
    return Throughput(
        name=name,
        patches_per_s=len(times_s) * config.phase[0].batch / spent_s,
        step_ms=1000 * statistics.median(times_s),
        p95_ms=1000 * float(np.percentile(times_s, 95)),
        waiting_share=waited_s / spent_s,
        steps=len(times_s),
    )
