"""RGB to the format that every consumer of a virtual camera takes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels

# BT.601, limited range: what U and V take of each colour.
_U_OF_BLUE, _U_OF_GREEN, _U_OF_RED = 0.439216, -0.290993, -0.148223
_V_OF_RED, _V_OF_GREEN, _V_OF_BLUE = 0.439216, -0.367788, -0.071427
_NO_COLOUR = 128


def rgb_to_i420(pixels: Pixels) -> NDArray[np.uint8]:
    """Converts to planar 4:2:0: full Y, then quarter-size U and V. BT.601, limited range.

    OpenCV's conversion takes the colour of one pixel in four, which makes fine coloured edges crawl; here the four are
    averaged, as cameras do. Grey stays grey; colours are at most one level from the exact ones.

    Args:
        pixels: (height, width, 3) uint8 RGB, both sides even.

    Returns:
        (height * 3 / 2, width) uint8, C-contiguous, new.
    """
    height, width = pixels.shape[:2]
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)
    red, green, blue = cv2.split(cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    u, v = planes.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
    cv2.addWeighted(cv2.addWeighted(blue, _U_OF_BLUE, green, _U_OF_GREEN, _NO_COLOUR), 1, red, _U_OF_RED, 0, dst=u)
    cv2.addWeighted(cv2.addWeighted(red, _V_OF_RED, green, _V_OF_GREEN, _NO_COLOUR), 1, blue, _V_OF_BLUE, 0, dst=v)
    return planes  # pyright: ignore[reportReturnType]  # OpenCV keeps uint8
