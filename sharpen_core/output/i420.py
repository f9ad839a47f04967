"""RGB to the format that every consumer of a virtual camera takes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels

# BT.601, limited range: rows give U and V from R, G, B. The same coefficients as OpenCV's own conversion.
_CHROMA = np.array([[-0.148223, -0.290993, 0.439216, 128.0], [0.439216, -0.367788, -0.071427, 128.0]], np.float32)


def rgb_to_i420(pixels: Pixels) -> NDArray[np.uint8]:
    """Converts to planar 4:2:0: full Y, then quarter-size U and V. BT.601, limited range.

    OpenCV's conversion takes the colour of one pixel in four, which makes fine coloured edges crawl; here the four are
    averaged, as cameras do. For 1280x720 that costs about 1 ms where OpenCV's alone takes 0.2.

    Args:
        pixels: (height, width, 3) uint8 RGB, both sides even.

    Returns:
        (height * 3 / 2, width) uint8, C-contiguous, new.
    """
    height, width = pixels.shape[:2]
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)
    averaged = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    chroma = cv2.transform(averaged, _CHROMA)
    quarters = planes.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
    quarters[0], quarters[1] = chroma[..., 0], chroma[..., 1]
    return planes  # pyright: ignore[reportReturnType]  # OpenCV keeps uint8
