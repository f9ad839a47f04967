"""Pictures that tests make for themselves."""

import cv2
import numpy as np

from sharpen_core.frame import Pixels, Size


def scene(size: Size, seed: int = 0) -> Pixels:
    """A soft picture with edges, curves, texture and colour; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    rings = 127 + 110 * np.sin(np.hypot(x - size.width / 3, y - size.height / 2) ** 2 / 400)
    edges = 40.0 + 170 * ((x // 23 + y // 31) % 2)
    ramp = x * 255 / max(1, size.width - 1)
    picture = np.stack([rings, edges, ramp], axis=2) + rng.normal(0, 5, (*size, 3))
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.GaussianBlur(picture, (0, 0), 1.2))


def sharp_picture(size: Size, seed: int) -> Pixels:
    """Overlapping discs and bars with hard edges; (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    picture = np.full((*size, 3), 128, np.uint8)
    for _ in range(120):
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        x, y = int(rng.integers(size.width)), int(rng.integers(size.height))
        cv2.circle(picture, (x, y), int(rng.integers(4, 40)), colour, -1)
        cv2.line(picture, (x, y), (int(rng.integers(size.width)), int(rng.integers(size.height))), colour, 2)
    return picture
