"""How good a model is: every level of degradation, against the input and against the best-tuned unsharp mask."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from sharpen_core.model_store import Score
from sharpen_train.data import find_sources, load_truth
from sharpen_train.degrade import LEVELS, Picture, degrade
from sharpen_train.metrics import psnr, ssim

JPEG_QUALITY = (50, 95)
CONDITIONS = [(level, jpeg) for level in LEVELS for jpeg in (False, True)]
UNSHARP_SIGMAS_PX = (0.6, 0.8, 1.0, 1.2, 1.5, 1.8, 2.2)
UNSHARP_AMOUNTS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0)
TUNING_CROP_PX = 512


@dataclass(frozen=True)
class Result:
    """A picture's quality in one condition, as (PSNR in dB, SSIM): the input, the unsharp mask, the model."""

    picture: str
    condition: str
    soft: tuple[float, float]
    unsharp: tuple[float, float]
    model: tuple[float, float]


def evaluate(restore: Callable[[Picture], Picture], folder: Path, progress: Callable[[str], None] = print) -> list[Result]:
    """Scores `restore` on every picture under `folder`, whole, in every condition.

    The unsharp mask is tuned on these very pictures and told the condition, which is more than it would know in life.

    Args:
        restore: maps (H, W, 3) uint8 RGB to the same.
        folder: sharp pictures.
        progress: told a line after each picture.

    Raises:
        DataError: the folder holds no usable picture.
    """
    truths = {source.path.name: load_truth(source) for source in find_sources(folder)}
    masks = {condition: tune_unsharp(list(truths.values()), *condition) for condition in CONDITIONS}
    results: list[Result] = []
    for number, (name, truth) in enumerate(truths.items()):
        for (level, jpeg), (sigma_px, amount) in masks.items():
            soft = _soften(truth, level, jpeg, number)
            results.append(
                Result(
                    name,
                    condition_name(level, jpeg),
                    _score(soft, truth),
                    _score(unsharp(soft, sigma_px, amount), truth),
                    _score(restore(soft), truth),
                )
            )
        progress(f"{number + 1}/{len(truths)} {name}")
    return results


def condition_name(level: str, jpeg: bool) -> str:
    """Returns "heavy" or "heavy+jpeg"."""
    return f"{level}+jpeg" if jpeg else level


def summarise(results: list[Result]) -> dict[str, Score]:
    """Returns mean scores by condition."""
    scores: dict[str, Score] = {}
    for condition in dict.fromkeys(result.condition for result in results):
        rows = [(*r.soft, *r.unsharp, *r.model) for r in results if r.condition == condition]
        means = [round(float(value), 4) for value in np.mean(rows, axis=0)]
        scores[condition] = Score(
            input_psnr_db=means[0], input_ssim=means[1], unsharp_psnr_db=means[2], unsharp_ssim=means[3], psnr_db=means[4], ssim=means[5]
        )
    return scores


def worst_gain_db(results: list[Result]) -> tuple[float, Result]:
    """Returns the smallest gain over the input of any picture, and where it was."""
    worst = min(results, key=lambda r: r.model[0] - r.soft[0])
    return worst.model[0] - worst.soft[0], worst


def unsharp(picture: Picture, sigma_px: float, amount: float) -> Picture:
    """Returns the picture with `amount` times its difference from a Gaussian blur added."""
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma_px)
    return np.asarray(cv2.addWeighted(picture, 1 + amount, blurred, -amount, 0), np.uint8)


def tune_unsharp(truths: list[Picture], level: str, jpeg: bool) -> tuple[float, float]:
    """Returns the (sigma in px, amount) with the best mean PSNR on the middles of `truths` in one condition."""
    middles = [_middle(truth) for truth in truths]
    softs = [_soften(truth, level, jpeg, number) for number, truth in enumerate(middles)]

    def mean_psnr(setting: tuple[float, float]) -> float:
        return float(np.mean([psnr(unsharp(soft, *setting), truth) for soft, truth in zip(softs, middles, strict=True)]))

    return max(product(UNSHARP_SIGMAS_PX, UNSHARP_AMOUNTS), key=mean_psnr)


def _middle(picture: Picture) -> Picture:
    top, left = (max(0, (side - TUNING_CROP_PX) // 2) for side in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + TUNING_CROP_PX, left : left + TUNING_CROP_PX])


def _soften(truth: Picture, level: str, jpeg: bool, number: int) -> Picture:
    """Degrades picture `number`, the same way each time."""
    rng = np.random.default_rng([number, list(LEVELS).index(level), int(jpeg)])
    return degrade(truth, level, rng, JPEG_QUALITY if jpeg else None)


def _score(picture: Picture, truth: Picture) -> tuple[float, float]:
    return psnr(picture, truth), ssim(picture, truth)
