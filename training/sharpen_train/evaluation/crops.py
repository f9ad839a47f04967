"""Which places of which pictures a person should look at, and those places as every candidate gives them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.evaluation.conditions import IDENTITY, REAL
from sharpen_train.evaluation.quality import INPUT, UNSHARP, Restore, Row, Scores
from sharpen_train.evaluation.subjects import Loaded
from sharpen_train.evaluation.unsharp import Setting, unsharp
from sharpen_train.metrics import Picture

SIDE_PX = 128
TRUTH = "truth"
# What the names of pictures and folders tell of their content.
CONTENT = {
    "face": re.compile(r"portrait|people|person|face|team|selfie", re.IGNORECASE),
    "text": re.compile(r"screen|text|code|page|document|slide", re.IGNORECASE),
}
CONTENT_CONDITIONS = ("heavy", "medium+jpeg", REAL)
PICTURES_PER_CONTENT = 2


@dataclass(frozen=True)
class Wish:
    """A place to look at.

    Attributes:
        picture: name of the subject.
        condition: one of the conditions.
        reason: "worst", "median", "best", "face" or "text"; it also decides the place within the picture.
        gain_db: of the first model over the input, on the whole picture.
    """

    picture: str
    condition: str
    reason: str
    gain_db: float


@dataclass(frozen=True)
class Strip:
    """A place in all its versions, by name: input, unsharp mask, models, truth; each (128, 128, 3) uint8 RGB or less."""

    wish: Wish
    crops: dict[str, Picture]


def choose(scores: Scores, focus: str) -> list[Wish]:
    """Returns the places to look at: worst, median and best picture of each condition by the gain of `focus`, then faces and text."""
    wishes: list[Wish] = []
    for condition in scores.conditions:
        rows = sorted(scores.of(focus, condition), key=lambda row: row.psnr_db if condition == IDENTITY else scores.gain_db(row))
        places = {0: "worst"} if condition == IDENTITY else {len(rows) - 1: "best", len(rows) // 2: "median", 0: "worst"}
        wishes.extend(_wish(scores, rows[place], reason) for place, reason in sorted(places.items()))
    for reason, pattern in CONTENT.items():
        for condition in CONTENT_CONDITIONS:
            rows = [row for row in scores.of(focus, condition) if pattern.search(row.picture)]
            spread = rows[:: max(1, -(-len(rows) // PICTURES_PER_CONTENT))]
            wishes.extend(_wish(scores, row, reason) for row in spread)
    return wishes


def _wish(scores: Scores, row: Row, reason: str) -> Wish:
    return Wish(row.picture, row.condition, reason, scores.gain_db(row))


def cut(loaded: Loaded, wish: Wish, mask: Setting | None, candidates: Mapping[str, Restore]) -> Strip:
    """Returns the place that `wish` asks for, chosen by what the first of `candidates` does."""
    soft = loaded.soft(wish.condition)
    versions = {INPUT: soft}
    if mask is not None:
        versions[UNSHARP] = unsharp(soft, *mask)
    versions |= {name: restore(soft) for name, restore in candidates.items()}
    versions[TRUTH] = loaded.truth
    focus = versions[next(iter(candidates))]
    top, left = _peak(_interest(wish.reason, soft, focus, loaded.truth))
    crops = {name: picture[top : top + SIDE_PX, left : left + SIDE_PX].copy() for name, picture in versions.items()}
    return Strip(wish, crops)


def _interest(reason: str, soft: Picture, result: Picture, truth: Picture) -> NDArray[np.float32]:
    """Returns (H, W): where the model does most harm (or leaves most to do), most good, or where there is most to see."""
    detail = np.abs(cv2.Laplacian(cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    if reason == "face":
        # Skin alone finds cheeks and walls, detail alone finds hair: both together mostly find a face.
        return np.asarray(_skin(truth) * (4 + np.minimum(detail, 24)), np.float32)
    if reason in ("median", "text"):
        return np.asarray(np.minimum(detail, 60), np.float32)
    before, after = (np.square(picture.astype(np.float32) - truth).sum(axis=2) for picture in (soft, result))
    if reason == "best":
        return np.asarray(before - after, np.float32)
    harmed = after.sum() > before.sum()
    return np.asarray(after - before if harmed else after, np.float32)


def _skin(picture: Picture) -> NDArray[np.float32]:
    """Returns 1 where a colour may be skin (a box of chroma that holds nearly all people's: Chai and Ngan, 1999) and is not dark."""
    luma, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    return np.asarray((luma >= 60) & (red >= 133) & (red <= 173) & (blue >= 77) & (blue <= 127), np.float32)


def _peak(interest: NDArray[np.float32]) -> tuple[int, int]:
    """Returns top and left of the crop that holds most of it, inside the picture."""
    height, width = (min(SIDE_PX, side) for side in interest.shape)
    sums = cv2.integral(interest)
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(top), int(left)
