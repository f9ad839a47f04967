"""Clips that the bench makes itself, from the test picture: the same on every machine, and already decoded."""

from pathlib import Path

import cv2
import numpy as np

from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.frame import Pixels, Size
from sharpen_core.letterbox import even_size
from sharpen_core.output.i420 import rgb_to_i420

MOVING, STILL, SOFT = "moving", "still", "soft"
SCENES = (MOVING, STILL)
FPS = 30
FRAMES = 60
NOISE = 2.0
"""Standard deviation of the sensor's noise in the still scene, of 255: without any, the scene would be easier than a camera makes it."""
BLUR_PX = 1.3
_NOISES = 8


def make_scene(folder: Path, scene: str, size: Size, frames: int = FRAMES) -> Path:
    """Returns an uncompressed clip (YUV4MPEG2, 4:2:0) of the test picture, made if it is not there yet.

    Args:
        folder: where clips lie.
        scene: "moving" is the test picture as it is; in "still" nothing moves but the sensor's noise; "soft" moves, and is blurred, because
            networks are spared what is sharp, as the test picture is where it is small.
        size: of the frames; an odd last row or column is cut off.
        frames: how many; at 30 per second.

    Raises:
        CameraFormatUnsupported: the test picture cannot have this size.
    """
    path = folder / f"{scene}-{size}-{frames}.y4m"
    if path.exists():
        return path
    camera = TestChartCamera(size, paced=False)
    camera.open()
    try:
        draw = _Noisy(camera.read()).read if scene == STILL else camera.read
        with path.open("wb") as file:
            height, width = even_size(size)
            file.write(f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420\n".encode())
            for _ in range(frames):
                picture = blurred(draw()) if scene == SOFT else draw()
                file.write(b"FRAME\n" + rgb_to_i420(picture[:height, :width]).tobytes())
    finally:
        camera.close()
    return path


def blurred(picture: Pixels) -> Pixels:
    """Returns a picture as soft as the published level heavy."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), BLUR_PX), np.uint8)


class _Noisy:
    """One picture with ever new noise."""

    def __init__(self, picture: Pixels) -> None:
        random = np.random.default_rng(0)
        self._pictures = [np.clip(picture + random.normal(0, NOISE, picture.shape), 0, 255).astype(np.uint8) for _ in range(_NOISES)]
        self._number = 0

    def read(self) -> Pixels:
        """The next of a few noisy pictures."""
        self._number += 1
        return self._pictures[self._number % _NOISES]
