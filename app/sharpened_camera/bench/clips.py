"""Clips that the bench records itself, from the test picture: the same on every machine."""

from pathlib import Path

import numpy as np

from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.frame import Frame, Pixels, Size
from sharpen_core.output.file import FileRecorder

MOVING, STILL = "moving", "still"
SCENES = (MOVING, STILL)
FPS = 30
FRAMES = 150
NOISE = 2.0
"""Standard deviation of the sensor's noise in the still scene, of 255: without any, the scene would be easier than a camera makes it."""
_NOISES = 8


def record_scene(folder: Path, scene: str, size: Size, frames: int = FRAMES) -> Path:
    """Returns a clip of the test picture, recorded if it is not there yet.

    Args:
        folder: where clips lie.
        scene: "moving" is the test picture as it is; in "still" nothing moves but the sensor's noise.
        size: of the frames.
        frames: how many; at 30 per second.

    Raises:
        CameraFormatUnsupported: the test picture cannot have this size.
        OutputError: the clip cannot be written.
    """
    path = folder / f"{scene}-{size}-{frames}.mp4"
    if path.exists():
        return path
    camera, recorder = TestChartCamera(size, paced=False), FileRecorder(path)
    camera.open()
    recorder.open(size, FPS)
    try:
        draw = camera.read if scene == MOVING else _Noisy(camera.read()).read
        for number in range(frames):
            recorder.send(Frame(draw(), number, round(number * 1e9 / FPS)))
    finally:
        recorder.close()
        camera.close()
    return path


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
