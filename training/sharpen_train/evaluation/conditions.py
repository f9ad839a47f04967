"""The conditions that a model is scored in: the published levels, real blur, and a picture that is sharp already."""

import numpy as np

from sharpen_train.degradations.published import LEVELS, degrade
from sharpen_train.metrics import Picture

JPEG_QUALITY = (50, 95)
LEVEL_CONDITIONS = {name: (level, jpeg) for level in LEVELS for name, jpeg in ((level, False), (f"{level}+jpeg", True))}
"""(level, with JPEG) by the name of the condition, such as "heavy+jpeg"."""
REAL = "real blur"
IDENTITY = "identity"
CONDITIONS = (*LEVEL_CONDITIONS, REAL, IDENTITY)
"""Every condition, in the order of tables. In `IDENTITY` the input is the truth itself, and a good model leaves it alone."""


def soften(truth: Picture, condition: str, number: int) -> Picture:
    """Returns picture `number` degraded as a condition of `LEVEL_CONDITIONS` says, the same way each time; itself for `IDENTITY`."""
    if condition == IDENTITY:
        return truth
    level, jpeg = LEVEL_CONDITIONS[condition]
    rng = np.random.default_rng([number, list(LEVELS).index(level), int(jpeg)])
    return degrade(truth, level, rng, JPEG_QUALITY if jpeg else None)
