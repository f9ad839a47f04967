"""How good a network is while it trains: fixed crops of the dataset's test split, degraded in fixed conditions.

Small and quick, for choosing the best step and for curves. What a model is worth on whole pictures says `sharpen-train evaluate`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sharpen_train.architectures import Network
from sharpen_train.data import Dataset
from sharpen_train.degradations import find_preset
from sharpen_train.degradations.published import CONDITIONS, EVALUATION_JPEG_QUALITY, degrade
from sharpen_train.distil.restore import restore_batch
from sharpen_train.errors import DataError
from sharpen_train.metrics import Picture, psnr, ssim

SIDE_PX = 128  # validation looks at about as many pixels whatever the patches are
PATCHES = 24
BATCH_PX = 8 * SIDE_PX**2
MOST_DB = 60.0
REAL = "real"
IDENTITY = "identity"


@dataclass(frozen=True)
class Condition:
    """Crops in one condition.

    Attributes:
        name: "heavy", "heavy+jpeg" and so on, "identity", "real" or a preset.
        soft: (N, P, P, 3) uint8, what the network is given.
        truth: (N, P, P, 3) uint8.
        psnr_db: (N,) of the soft crops, at most `MOST_DB`.
        ssim: (N,) of the soft crops.
    """

    name: str
    soft: Picture
    truth: Picture
    psnr_db: list[float]
    ssim: list[float]


@dataclass(frozen=True)
class Gain:
    """What a network does in one condition: means over its crops. No PSNR counts as more than `MOST_DB`.

    Attributes:
        psnr_db: PSNR of its results.
        ssim: SSIM of its results.
        input_psnr_db: PSNR of what it was given.
        input_ssim: SSIM of what it was given.
        worst_db: smallest gain in PSNR of any crop.
    """

    psnr_db: float
    ssim: float
    input_psnr_db: float
    input_ssim: float
    worst_db: float

    @property
    def gain_db(self) -> float:
        """Gain in PSNR over the input."""
        return self.psnr_db - self.input_psnr_db

    @property
    def gain_ssim(self) -> float:
        """Gain in SSIM over the input."""
        return self.ssim - self.input_ssim


def condition_names(dataset: Dataset, presets: Sequence[str]) -> list[str]:
    """Returns the names of the conditions that `make_conditions` makes, in order."""
    published = [f"{level}+jpeg" if with_jpeg else level for level, with_jpeg in CONDITIONS]
    known = [*published, IDENTITY]
    others = [name for name in dict.fromkeys(presets) if name.replace("-jpeg", "+jpeg") not in known]
    return [*known, *others, *([REAL] if dataset.info.soft_counts["test"] else [])]


def make_conditions(dataset: Dataset, presets: Sequence[str] = ()) -> list[Condition]:
    """Returns the crops of the test split in every condition, the same each time.

    The conditions are the published levels with and without JPEG, the untouched picture, `presets`, and real blurred partners where the
    dataset has them.

    Raises:
        DataError: the test split is empty or damaged.
    """
    truths = dataset.truths("test")
    if not len(truths):
        raise DataError(f"the test split of {dataset.folder} is empty", "Prepare it from more pictures.")
    count = max(4, round(PATCHES * min(1.0, (SIDE_PX / dataset.info.patch_px) ** 2)))
    chosen = _spread(len(truths), count)
    conditions: list[Condition] = []
    for name in condition_names(dataset, presets):
        if name == REAL:
            softs, index = dataset.softs("test")
            rows = _spread(len(softs), count)
            pairs = [(np.array(softs[row]), np.array(truths[index[row]])) for row in rows]
        else:
            soften = _softener(name)
            pairs = [(soften(np.array(truths[row]), np.random.default_rng([7, int(row)])), np.array(truths[row])) for row in chosen]
        conditions.append(_condition(name, pairs, dataset.info.context_px))
    return conditions


def _spread(total: int, count: int) -> list[int]:
    """Returns up to `count` rows, evenly spread: neighbouring rows are of one picture."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int)).tolist()


def _softener(name: str) -> Callable[[Picture, np.random.Generator], Picture]:
    level, _, jpeg = name.partition("+")
    if (level, bool(jpeg)) in CONDITIONS:
        return lambda truth, rng: degrade(truth, level, rng, EVALUATION_JPEG_QUALITY if jpeg else None)
    return find_preset(name).apply


def _condition(name: str, pairs: Sequence[tuple[Picture, Picture]], context_px: int) -> Condition:
    inner = slice(context_px, -context_px or None)
    soft = np.stack([soft[inner, inner] for soft, _ in pairs])
    truth = np.stack([truth[inner, inner] for _, truth in pairs])
    both = list(zip(soft, truth, strict=True))
    return Condition(name, soft, truth, [_psnr(*pair) for pair in both], [ssim(*pair) for pair in both])


def measure(network: Network, conditions: Sequence[Condition]) -> dict[str, Gain]:
    """Returns what `network`, in evaluation mode, does in every condition."""
    return {condition.name: _gain(condition, sharpen(network, condition.soft)) for condition in conditions}


def sharpen(network: Network, soft: Picture) -> Picture:
    """Returns (N, P, P, 3) uint8 crops after the network, a few at a time."""
    step = max(1, BATCH_PX // (soft.shape[1] * soft.shape[2]))
    return np.concatenate([restore_batch(network, soft[first : first + step]) for first in range(0, len(soft), step)])


def _gain(condition: Condition, results: Picture) -> Gain:
    pairs = list(zip(results, condition.truth, strict=True))
    psnrs = [_psnr(*pair) for pair in pairs]
    return Gain(
        psnr_db=float(np.mean(psnrs)),
        ssim=float(np.mean([ssim(*pair) for pair in pairs])),
        input_psnr_db=float(np.mean(condition.psnr_db)),
        input_ssim=float(np.mean(condition.ssim)),
        worst_db=float(np.min(np.subtract(psnrs, condition.psnr_db))),
    )


def _psnr(result: Picture, truth: Picture) -> float:
    """Returns the PSNR in dB up to where nobody sees a difference any more: an untouched picture has a finite one, too."""
    return min(psnr(result, truth), MOST_DB)


def mean_ssim(gains: Mapping[str, Gain]) -> float:
    """Returns what `best` is chosen by: the mean SSIM over the conditions."""
    return float(np.mean([gain.ssim for gain in gains.values()]))


def mean_gain_db(gains: Mapping[str, Gain]) -> float:
    """Returns the mean gain in PSNR over the conditions in which something can be gained."""
    return float(np.mean([gain.gain_db for name, gain in gains.items() if name != IDENTITY]))
