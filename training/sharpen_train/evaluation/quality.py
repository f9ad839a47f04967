"""How good candidates are: every picture in every condition, against its input and against the best-tuned unsharp mask."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sharpen_core.model_store import Score
from sharpen_train.evaluation.conditions import CONDITIONS, IDENTITY
from sharpen_train.evaluation.subjects import Loaded
from sharpen_train.evaluation.unsharp import Setting, middle, score_settings, unsharp
from sharpen_train.metrics import Picture, psnr, ssim

INPUT, UNSHARP = "input", "unsharp"
HARM_DB = 0.1
"""A picture that ends this far below its input is harmed."""

Restore = Callable[[Picture], Picture]


@dataclass(frozen=True)
class Row:
    """One picture in one condition, by one candidate.

    Attributes:
        picture: name of the subject.
        condition: one of `CONDITIONS`.
        candidate: "input", "unsharp" or the name of a model.
        psnr_db, ssim: against the truth.
        red, green, blue: mean of the result minus mean of the input, in 1/255: the shift of brightness and colour.
    """

    picture: str
    condition: str
    candidate: str
    psnr_db: float
    ssim: float
    red: float
    green: float
    blue: float

    @property
    def shift(self) -> float:
        """The largest shift of a channel, without its sign."""
        return max(abs(self.red), abs(self.green), abs(self.blue))


@dataclass(frozen=True)
class Summary:
    """A candidate in one condition, over all pictures.

    Attributes:
        psnr_db, ssim: means.
        gain_db, ssim_gain: mean gains over the input.
        over_unsharp_db: mean gain over the best-tuned unsharp mask; None where there is none (`IDENTITY`).
        worst: the row with the smallest gain over the input (in `IDENTITY`: with the smallest PSNR).
        worst_gain_db: that gain.
        shift: the largest shift of a channel on any picture, in 1/255.
    """

    psnr_db: float
    ssim: float
    gain_db: float
    ssim_gain: float
    over_unsharp_db: float | None
    worst: Row
    worst_gain_db: float
    shift: float


def tune(loaded: Loaded) -> dict[str, NDArray[np.float64]]:
    """Returns what `score_settings` says of the picture's middle, by condition."""
    truth = middle(loaded.truth)
    conditions = [condition for condition in loaded.subject.conditions if condition != IDENTITY]
    return {condition: score_settings(loaded.middle_soft(condition, truth), truth) for condition in conditions}


def score(loaded: Loaded, masks: Mapping[str, Setting], candidates: Mapping[str, Restore]) -> list[Row]:
    """Returns the scores of one picture in all its conditions.

    Args:
        loaded: the picture.
        masks: the tuned unsharp mask by condition.
        candidates: what sharpens (H, W, 3) uint8 RGB, by name.
    """
    rows: list[Row] = []
    for condition in loaded.subject.conditions:
        soft = loaded.soft(condition)
        results = {INPUT: soft}
        if condition in masks:
            results[UNSHARP] = unsharp(soft, *masks[condition])
        for name, restore in candidates.items():
            results[name] = restore(soft)
        rows.extend(_row(loaded, condition, name, result, soft) for name, result in results.items())
    return rows


def _row(loaded: Loaded, condition: str, name: str, result: Picture, soft: Picture) -> Row:
    shift = result.mean((0, 1), dtype=np.float64) - soft.mean((0, 1), dtype=np.float64)
    red, green, blue = (round(float(value), 4) for value in shift)
    return Row(loaded.subject.name, condition, name, psnr(result, loaded.truth), ssim(result, loaded.truth), red, green, blue)


class Scores:
    """The rows of an evaluation, and what they come to."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self._by_key = {(row.candidate, row.condition, row.picture): row for row in self.rows}

    @cached_property
    def conditions(self) -> list[str]:
        """The conditions that were scored, in the order of tables."""
        there = {row.condition for row in self.rows}
        return [condition for condition in CONDITIONS if condition in there]

    def of(self, candidate: str, condition: str) -> list[Row]:
        """Returns the rows of a candidate in a condition, in the order of the pictures."""
        return [row for row in self.rows if row.candidate == candidate and row.condition == condition]

    def gain_db(self, row: Row, over: str = INPUT) -> float:
        """Returns how far a row is above another candidate's on the same picture."""
        return row.psnr_db - self._by_key[over, row.condition, row.picture].psnr_db

    def summary(self, candidate: str, condition: str) -> Summary | None:
        """Returns what a candidate's rows in a condition come to; None if there are none."""
        rows = self.of(candidate, condition)
        if not rows:
            return None
        worst = min(rows, key=lambda row: row.psnr_db if condition == IDENTITY else self.gain_db(row))
        over = [self.gain_db(row, UNSHARP) for row in rows if (UNSHARP, condition, row.picture) in self._by_key]
        soft = self.of(INPUT, condition)
        return Summary(
            psnr_db=statistics.fmean(row.psnr_db for row in rows),
            ssim=statistics.fmean(row.ssim for row in rows),
            gain_db=statistics.fmean(self.gain_db(row) for row in rows),
            ssim_gain=statistics.fmean(row.ssim for row in rows) - statistics.fmean(row.ssim for row in soft),
            over_unsharp_db=statistics.fmean(over) if over else None,
            worst=worst,
            worst_gain_db=self.gain_db(worst),
            shift=max(row.shift for row in rows),
        )

    def harmed(self, candidate: str) -> list[tuple[Row, float]]:
        """Returns the rows more than `HARM_DB` below their input with their gain in dB, worst first; `IDENTITY` has its own bar."""
        rows = [(row, self.gain_db(row)) for row in self.rows if row.candidate == candidate and row.condition != IDENTITY]
        return sorted((pair for pair in rows if pair[1] < -HARM_DB), key=lambda pair: pair[1])

    def worst_gain(self, candidate: str) -> tuple[Row, float] | None:
        """Returns the smallest gain over the input in dB of any picture, and where; None without any row but those of `IDENTITY`."""
        rows = [(row, self.gain_db(row)) for row in self.rows if row.candidate == candidate and row.condition != IDENTITY]
        return min(rows, key=lambda pair: pair[1], default=None)

    def for_manifest(self, candidate: str) -> dict[str, Score]:
        """Returns mean scores by condition, as manifests and cards hold them; without `IDENTITY`, whose input is perfect."""
        return {condition: self._score(candidate, condition) for condition in self.conditions if condition != IDENTITY}

    def _score(self, candidate: str, condition: str) -> Score:
        tables = [[(row.psnr_db, row.ssim) for row in self.of(name, condition)] for name in (INPUT, UNSHARP, candidate)]
        means = [round(float(value), 4) for table in tables for value in np.mean(table, axis=0)]
        return Score(
            input_psnr_db=means[0], input_ssim=means[1], unsharp_psnr_db=means[2], unsharp_ssim=means[3], psnr_db=means[4], ssim=means[5]
        )
