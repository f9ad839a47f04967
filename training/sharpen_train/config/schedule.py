"""What the settings mean at a step: the phase, its patches and teacher weight, and the learning rate."""

import bisect
import math
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from sharpen_train.config.model import Config, Phase

if TYPE_CHECKING:
    from sharpen_train.data.stream import Draw


@dataclass(frozen=True)
class StepPlan:
    """What happens in one step.

    Attributes:
        phase: number of the phase, from 0.
        patch_px: side of its patches.
        batch: its patches, over all processes.
        preset: name of the degradation.
        alpha: weight of the truth; the teacher has the rest of 1.
        lr: learning rate.
    """

    phase: int
    patch_px: int
    batch: int
    preset: str
    alpha: float
    lr: float


@dataclass(frozen=True)
class Plan:
    """The whole run, step by step: a function of the settings and the step alone, so that a resumed run is the same run.

    It travels to the processes that make the batches, which ask for steps ahead of the loop: a step behind the last is like the last.

    Attributes:
        config: the settings.
        steps: steps of the whole run, at least 1.
    """

    config: Config
    steps: int

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"a run of {self.steps} steps")

    @cached_property
    def ends(self) -> list[int]:
        """The step behind the last of each phase; a phase too short for a step has none."""
        shares = list(accumulate(phase.share for phase in self.config.phase))
        return [round(self.steps * share / shares[-1]) for share in shares]

    def at(self, step: int) -> StepPlan:
        """Returns what happens in `step`, counted from 0."""
        step = min(step, self.steps - 1)
        number = bisect.bisect_right(self.ends, step)
        phase = self.config.phase[number]
        return StepPlan(number, phase.patch_px, phase.batch, phase.preset, self._alpha(number, step), self.lr(step))

    def lr(self, step: int) -> float:
        """Returns the learning rate: a straight warm-up, then the schedule, which falls to the floor."""
        train = self.config.train
        step = min(step, self.steps - 1)
        warmup = min(train.warmup_steps, self.steps // 10)
        if step < warmup:
            return train.lr * ((step + 1) / warmup)
        done = (step - warmup) / (self.steps - warmup)  # in [0, 1): even the last step learns
        match train.schedule:
            case "cosine":
                return train.lr_floor + (train.lr - train.lr_floor) * 0.5 * (1 + math.cos(math.pi * done))
            case "step":
                return max(train.lr_floor, train.lr * train.step_factor ** sum(done >= share for share in train.step_shares))
            case "constant":
                return train.lr

    def draw(self, step: int) -> "Draw":
        """Returns what the batch of `step` is made of.

        Only the outputs of an offline teacher come with the batch, and only in a phase in which the teacher counts: without them every
        soft picture is drawn afresh.
        """
        from sharpen_train.data.stream import Draw  # the settings are read where no batch is made

        now = self.at(step)
        phase, distil = self.config.phase[now.phase], self.config.distil
        teacher = distil.teacher if distil.mode == "offline" and distil.teacher and _teaches(phase) else None
        return Draw(now.patch_px + 2 * phase.surround_px, now.batch, now.preset, teacher, phase.pairs_share)

    def _alpha(self, number: int, step: int) -> float:
        phase = self.config.phase[number]
        if phase.alpha_end is None:
            return phase.alpha
        begin = self.ends[number - 1] if number else 0
        length = self.ends[number] - begin
        along = (step - begin) / (length - 1) if length > 1 else 0.0
        return phase.alpha + (phase.alpha_end - phase.alpha) * along


def _teaches(phase: Phase) -> bool:
    return phase.alpha < 1 or (phase.alpha_end is not None and phase.alpha_end < 1)
