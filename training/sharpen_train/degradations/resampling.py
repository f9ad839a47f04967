"""What changing the size does: a camera's sensor, its stream and a call each have a size of their own."""

from dataclasses import dataclass

import cv2
import numpy as np

from sharpen_train.degradations.stages import Picture, Range, Stage, describe_all, run_all, span

# OpenCV's: "area" averages, so it alone has antialiasing when it shrinks; the others alias there as cheap scalers do.
KERNELS = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
_SHRINKING, _SHRINKING_SHARES = ("area", "bilinear", "bicubic", "lanczos"), (0.45, 0.25, 0.2, 0.1)
_ENLARGING, _ENLARGING_SHARES = ("bilinear", "bicubic", "lanczos"), (0.5, 0.4, 0.1)


def resize(picture: Picture, height_px: int, width_px: int, kernel: str) -> Picture:
    """Returns the picture at another size, (height_px, width_px, 3) uint8; `kernel` is one of `KERNELS`."""
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=KERNELS[kernel]), np.uint8)


@dataclass(frozen=True)
class Resized:
    """Brings the picture to another size, lets things happen to it there, and brings it back.

    Attributes:
        scale: of the other size to the picture's, lowest and highest.
        inside: what happens at that size.
    """

    scale: Range
    inside: tuple[Stage, ...] = ()

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        scale = rng.uniform(*self.scale)
        shrinking, enlarging = rng.choice(_SHRINKING, p=_SHRINKING_SHARES), rng.choice(_ENLARGING, p=_ENLARGING_SHARES)
        there, back = (shrinking, enlarging) if scale < 1 else (enlarging, shrinking)
        height_px, width_px = picture.shape[:2]
        trace.append(f"size {scale:.2f} {there}/{back}")
        other = resize(picture, max(2, round(height_px * scale)), max(2, round(width_px * scale)), there)
        return resize(run_all(self.inside, other, rng, trace), height_px, width_px, back)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"size": f"{span(self.scale)} times as wide and back, by area, bilinear, bicubic or Lanczos", **describe_all(self.inside)}
