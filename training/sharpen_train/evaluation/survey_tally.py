"""What the raters of a survey said: mean opinion scores, and which version of a scene each person preferred."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sharpen_train.errors import DataError
from sharpen_train.evaluation.survey import Key

RESAMPLES = 2000
CONFIDENCE = 0.95


class Answers(BaseModel):
    """What the page lets a rater download.

    Attributes:
        survey: number of the survey.
        rater: random number of the person.
        finished: when, ISO 8601.
        ratings: 1 (bad) to 5 (excellent) by the picture's random name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    survey: str
    rater: str
    finished: str
    ratings: dict[str, int] = Field(min_length=1)


@dataclass(frozen=True)
class Opinion:
    """Mean opinion score of one system, 1 to 5, and where the mean lies with 95 % confidence; NaN where nobody rated it."""

    system: str
    mean: float
    low: float
    high: float
    ratings: int


@dataclass(frozen=True)
class Preference:
    """How often a rater gave `system` a better, an equal or a worse rating than `other` on the same scene."""

    system: str
    other: str
    better: int
    equal: int
    worse: int


@dataclass(frozen=True)
class Tally:
    """The outcome of a survey."""

    raters: int
    scenes: int
    opinions: list[Opinion]
    preferences: list[Preference]

    def as_json(self) -> dict[str, Any]:
        """Returns plain types; what is unknown is None."""
        known = [{name: None if value != value else value for name, value in asdict(each).items()} for each in self.opinions]
        return {**asdict(self), "opinions": known}


def read_key(path: Path) -> Key:
    """Reads what the pictures of a survey are.

    Raises:
        DataError: the file is missing or no key.
    """
    try:
        return Key.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise DataError(f"cannot read {path}: {exc.strerror}", "Give the key.json that `sharpen-train survey make` wrote") from exc
    except ValidationError as exc:
        raise DataError(f"{path} is not the key of a survey", "Give the key.json that `sharpen-train survey make` wrote") from exc


def read_answers(path: Path, key: Key) -> Answers:
    """Reads one person's answers.

    Raises:
        DataError: the file is missing, no answers, or those of another survey.
    """
    try:
        answers = Answers.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise DataError(f"cannot read {path}: {exc.strerror}", "Give the files that the survey's page lets people download") from exc
    except ValidationError as exc:
        raise DataError(f"{path} holds no answers of a survey", "Give the files that the survey's page lets people download") from exc
    if answers.survey != key.survey or not answers.ratings.keys() <= key.pictures.keys():
        raise DataError(f"the answers in {path} belong to another survey than the key", "Give the key.json of the same survey")
    if not all(1 <= rating <= 5 for rating in answers.ratings.values()):
        raise DataError(f"{path} has a rating that is not from 1 to 5", "Leave this file out")
    return answers


def tally(paths: Sequence[Path], key_path: Path) -> Tally:
    """Counts the answers of all raters.

    Raises:
        DataError: a file is damaged, belongs to another survey, or is a person's second one.
    """
    key = read_key(key_path)
    everyone = [read_answers(path, key) for path in paths]
    again = [path for path, count in Counter(answers.rater for answers in everyone).items() if count > 1]
    if again:
        twice = [str(path) for path, answers in zip(paths, everyone, strict=True) if answers.rater == again[0]]
        raise DataError(f"{' and '.join(twice)} are by the same person", "Give only the last one")
    ratings = _table(everyone, key)
    low, high = _interval(ratings)
    given = ~np.isnan(ratings)
    means, counts = _means(np.ones((1, len(everyone))), np.ones((1, ratings.shape[1])), ratings)[0], given.sum(axis=(0, 1))
    opinions = [Opinion(system, float(means[i]), float(low[i]), float(high[i]), int(counts[i])) for i, system in enumerate(key.systems)]
    return Tally(len(everyone), ratings.shape[1], opinions, _preferences(ratings, key.systems))


def _table(everyone: Sequence[Answers], key: Key) -> NDArray[np.float64]:
    """All ratings, (raters, scenes, systems); NaN where none was given."""
    scenes = 1 + max(shown.scene for shown in key.pictures.values())
    ratings = np.full((len(everyone), scenes, len(key.systems)), math.nan)
    for rater, answers in enumerate(everyone):
        for name, rating in answers.ratings.items():
            shown = key.pictures[name]
            ratings[rater, shown.scene, key.systems.index(shown.system)] = rating
    return ratings


def _means(raters: NDArray[np.float64], scenes: NDArray[np.float64], ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each system, (N, systems), for N weightings of the raters, (N, raters), and of the scenes, (N, scenes)."""
    given = ~np.isnan(ratings)
    sums = np.einsum("nr,ns,rsk->nk", raters, scenes, np.where(given, ratings, 0))
    weights = np.einsum("nr,ns,rsk->nk", raters, scenes, given.astype(np.float64))
    return np.divide(sums, weights, out=np.full_like(sums, math.nan), where=weights > 0)


def _interval(ratings: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each system's mean lies with 95 % confidence.

    Raters and scenes are both resampled (the pigeonhole bootstrap: Owen, 2007), since neither many ratings of a few scenes nor
    those of a few people are as sure as their number suggests.
    """
    rng = np.random.default_rng(0)
    raters, scenes = (rng.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64) for count in ratings.shape[:2])
    means = _means(raters, scenes, ratings)
    # A system that nobody rated has no interval; and a resample may happen to hold none of a system's few ratings.
    low, high = np.full((2, ratings.shape[2]), math.nan)
    for system in np.flatnonzero(~np.isnan(means).all(axis=0)):
        low[system], high[system] = np.nanquantile(means[:, system], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return low, high


def _preferences(ratings: NDArray[np.float64], systems: Sequence[str]) -> list[Preference]:
    found: list[Preference] = []
    for other, one in combinations(range(len(systems)), 2):
        difference = ratings[:, :, one] - ratings[:, :, other]  # NaN, which is neither, where one of the two is missing
        counts = [int(np.count_nonzero(which)) for which in (difference > 0, difference == 0, difference < 0)]
        found.append(Preference(systems[one], systems[other], *counts))
    return found
