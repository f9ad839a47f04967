"""The pictures that an exported model is compared on, the same on every machine."""

import math

import numpy as np

from sharpen_core.frame import Size
from sharpen_train.degradations import Picture
from sharpen_train.degradations.published import degrade

# Two sizes: a graph that froze the size it was exported with fails on the second.
SIZES = (Size(height=160, width=224), Size(height=96, width=128))


def golden_pictures(multiple_px: int) -> list[Picture]:
    """Returns soft pictures with edges, rings, ramps, noise and all colours, (H, W, 3) uint8.

    The first is what a model's golden numbers are made from. Sizes are multiples of `multiple_px`.
    """
    return [
        _golden_picture(Size(*(math.ceil(side / multiple_px) * multiple_px for side in size)), seed) for seed, size in enumerate(SIZES, 7)
    ]


def _golden_picture(size: Size, seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    rings = 127 + 120 * np.sin(np.hypot(x - 80, y - 80) ** 2 / 260)
    edge = np.where(x + y / 8 > 150, 235.0, 20.0)
    ramp = x * 255 / size.width
    picture = np.stack([rings, np.where(y < 80, edge, ramp), 255 - ramp], axis=2) + rng.normal(0, 4, (*size, 3))
    return degrade(np.clip(picture, 0, 255).astype(np.uint8), "medium", rng)
