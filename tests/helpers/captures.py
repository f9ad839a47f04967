"""A camera as OpenCV shows it, without the camera."""

from typing import Any

import cv2
import numpy as np


class FakeCapture:
    """A `cv2.VideoCapture` that plays a script.

    Each step is a picture, None for a failed read, or an exception; the last step repeats.
    """

    def __init__(self, *script: Any, opens: bool = True) -> None:
        self.script = list(script) or [np.full((720, 1280, 3), (10, 20, 30), np.uint8)]
        self.opens = opens
        self.asked: list[tuple[int, float]] = []
        self.made_with: tuple[int, int] | None = None
        self.releases = 0

    def __call__(self, index: int, backend: int) -> "FakeCapture":
        self.made_with = (index, backend)
        return self

    def isOpened(self) -> bool:
        return self.opens

    def read(self) -> tuple[bool, Any]:
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        return step is not None, step

    def set(self, prop: int, value: float) -> bool:
        self.asked.append((prop, value))
        return True

    def get(self, prop: int) -> float:
        return {cv2.CAP_PROP_FPS: 24.0, cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"MJPG"))}.get(prop, 0.0)

    def release(self) -> None:
        self.releases += 1
