"""Sample pictures of a run: soft | result | truth (| teacher), to be looked at and compared from step to step."""

from collections.abc import Sequence

import numpy as np

from sharpen_train.architectures import Network
from sharpen_train.distil.restore import restore_batch
from sharpen_train.distil.validation import Condition
from sharpen_train.metrics import Picture

SHOWN = ("heavy", "heavy+jpeg", "low", "identity", "real")
PER_CONDITION = 2


def sample_sheet(network: Network, teacher: Network | None, conditions: Sequence[Condition]) -> Picture:
    """Returns one picture, (H, W, 3) uint8, at 200 %: a row for each of a few crops in a few conditions."""
    rows: list[Picture] = []
    for condition in conditions:
        if condition.name not in SHOWN:
            continue
        number = len(condition.soft)
        chosen = sorted({number // 3, 2 * number // 3})[:PER_CONDITION]
        soft, truth = condition.soft[chosen], condition.truth[chosen]
        columns = [soft, restore_batch(network, soft), truth, *([restore_batch(teacher, soft)] if teacher is not None else [])]
        rows.extend(np.concatenate(list(row), axis=1) for row in zip(*columns, strict=True))
    return np.ascontiguousarray(np.concatenate(rows).repeat(2, axis=0).repeat(2, axis=1))
