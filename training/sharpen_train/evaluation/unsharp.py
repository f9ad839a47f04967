"""The unsharp mask that every model must beat, tuned to the pictures and told the condition: more than it would know in life."""

from collections.abc import Iterable
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.metrics import Picture, psnr

SIGMAS_PX = (0.6, 0.8, 1.0, 1.2, 1.5, 1.8, 2.2)
AMOUNTS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0)
SETTINGS = tuple(product(SIGMAS_PX, AMOUNTS))
TUNING_CROP_PX = 512

Setting = tuple[float, float]
"""(sigma in px, amount)."""


def unsharp(picture: Picture, sigma_px: float, amount: float) -> Picture:
    """Returns the picture with `amount` times its difference from a Gaussian blur added; (H, W, 3) uint8 both."""
    return _add_detail(picture, cv2.GaussianBlur(picture, (0, 0), sigma_px), amount)


def _add_detail(picture: Picture, blurred: cv2.typing.MatLike, amount: float) -> Picture:
    return np.asarray(cv2.addWeighted(picture, 1 + amount, blurred, -amount, 0), np.uint8)


def middle(picture: Picture) -> Picture:
    """Returns the middle of a picture, at most `TUNING_CROP_PX` a side: what the mask is tuned on."""
    top, left = (max(0, (side - TUNING_CROP_PX) // 2) for side in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + TUNING_CROP_PX, left : left + TUNING_CROP_PX])


def score_settings(soft: Picture, truth: Picture) -> NDArray[np.float64]:
    """Returns the PSNR in dB of every one of `SETTINGS` on one picture, (len(SETTINGS),)."""
    scores: list[float] = []
    for sigma_px in SIGMAS_PX:
        blurred = cv2.GaussianBlur(soft, (0, 0), sigma_px)
        scores.extend(psnr(_add_detail(soft, blurred, amount), truth) for amount in AMOUNTS)
    return np.array(scores)


def best_setting(scores: Iterable[NDArray[np.float64]]) -> Setting:
    """Returns the setting with the best mean PSNR, given what `score_settings` said of each picture."""
    return SETTINGS[int(np.argmax(np.mean(list(scores), axis=0)))]
