"""What the camera's own processor does: it smears noise away, together with fine texture, and sharpens what is left."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.degradations.stages import Picture, Range, span

Plane = NDArray[np.uint8]


def bilateral(plane: Plane, strength: float) -> Plane:
    """Returns a plane, (H, W), averaged over neighbours within 2 px that differ by less than about `strength` (in 1/255)."""
    return np.asarray(cv2.bilateralFilter(plane, 5, strength, 2.0), np.uint8)


def non_local(plane: Plane, strength: float) -> Plane:
    """Returns a plane, (H, W), averaged over similar 3x3 neighbourhoods within 3 px; `strength` in 1/255."""
    return np.asarray(cv2.fastNlMeansDenoising(plane, None, strength, 3, 7), np.uint8)


def guided(plane: Plane, strength: float) -> Plane:
    """Returns a plane, (H, W), after a self-guided filter (He et al., 2013) of 2 px radius; `strength` in 1/255."""
    values = plane.astype(np.float32)
    mean = cv2.blur(values, (5, 5))
    variance = cv2.blur(values * values, (5, 5)) - mean * mean
    slope = variance / (variance + np.float32(strength * strength))
    offset = cv2.blur(mean - slope * mean, (5, 5))
    return np.clip(cv2.blur(slope, (5, 5)) * values + offset + 0.5, 0, 255).astype(np.uint8)


def oversharpen(picture: Picture, amount: float, sigma_px: float, limit: float) -> Picture:
    """Returns the picture with an unsharp mask of its luma, as cameras apply it: halos at edges, clamped.

    Args:
        picture: (H, W, 3) uint8 RGB.
        amount: how often the detail is added.
        sigma_px: what counts as detail.
        limit: most that a value may change, in 1/255.
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), sigma_px)
    halo = np.rint(np.clip(detail * np.float32(amount), -limit, limit)).astype(np.int16)
    return np.clip(picture + halo[:, :, None], 0, 255).astype(np.uint8)


_FILTERS = {"bilateral": bilateral, "guided": guided, "non-local": non_local}
_FILTER_SHARES = (0.5, 0.44, 0.06)  # non-local means cost twenty times what the others do


@dataclass(frozen=True)
class Smear:
    """A noise filter: edge-keeping on luma, plain and wider on chroma.

    Attributes:
        strength: of the luma filter, in 1/255.
        chroma_px: standard deviation of the chroma blur.
    """

    strength: Range
    chroma_px: Range = (0.6, 2.0)

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        name, strength = str(rng.choice(list(_FILTERS), p=_FILTER_SHARES)), rng.uniform(*self.strength)
        chroma_px = rng.uniform(*self.chroma_px)
        trace.append(f"{name} {strength:.0f}")
        planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
        smeared = cv2.GaussianBlur(planes, (0, 0), chroma_px)
        smeared[:, :, 0] = _FILTERS[name](np.ascontiguousarray(planes[:, :, 0], np.uint8), strength)
        return np.asarray(cv2.cvtColor(smeared, cv2.COLOR_YCrCb2RGB), np.uint8)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"noise filter": f"bilateral, guided or non-local of strength {span(self.strength)}/255, chroma {span(self.chroma_px)} px"}


@dataclass(frozen=True)
class Oversharpening:
    """The halo that cameras draw around edges.

    Attributes:
        amount: how often the detail is added.
        sigma_px: what counts as detail.
        limit: most that a value may change, in 1/255.
    """

    amount: Range
    sigma_px: Range = (0.6, 1.5)
    limit: Range = (8, 40)

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        amount, sigma_px, limit = rng.uniform(*self.amount), rng.uniform(*self.sigma_px), rng.uniform(*self.limit)
        trace.append(f"halo {amount:.1f}")
        return oversharpen(picture, amount, sigma_px, limit)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"camera sharpening": f"unsharp mask {span(self.amount)} times, {span(self.sigma_px)} px, at most {span(self.limit)}/255"}
