"""What the sensor does: few electrons, a colour filter over every pixel, and interpolation between them.

Light is linear, from 0 to 1; display values follow it by the sRGB transfer function (IEC 61966-2-1).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.degradations.stages import Picture, Range, span

# Channel of the four pixels of a colour filter cell, row by row, and OpenCV's conversions for it: bilinear and edge-aware.
_PATTERNS = (
    ((0, 1, 1, 2), cv2.COLOR_BayerRGGB2RGB, cv2.COLOR_BayerRGGB2RGB_EA),
    ((1, 0, 2, 1), cv2.COLOR_BayerGRBG2RGB, cv2.COLOR_BayerGRBG2RGB_EA),
    ((1, 2, 0, 1), cv2.COLOR_BayerGBRG2RGB, cv2.COLOR_BayerGBRG2RGB_EA),
    ((2, 1, 1, 0), cv2.COLOR_BayerBGGR2RGB, cv2.COLOR_BayerBGGR2RGB_EA),
)
_CELL = ((0, 0), (0, 1), (1, 0), (1, 1))


def linear_from_display(display: NDArray[np.floating]) -> NDArray[np.floating]:
    """Returns linear light, 0 to 1, of display values, 0 to 1."""
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def display_from_linear(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Returns display values, 0 to 1, of linear light, 0 to 1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


_VALUES = np.arange(256)
_LIGHT = linear_from_display(_VALUES / 255)
# Where a camera's tone curve ends little is left of noise: black is crushed, white is blown out. So clipping changes no mean either.
_MOST_DEVIATION = np.minimum(0.5 * _VALUES + 1.5, 0.5 * (255 - _VALUES) + 1)


def noise_table(white_electrons: float, read_electrons: float) -> NDArray[np.float32]:
    """Returns the standard deviation, in 1/255, that a sensor gives each of the 256 display values; (256,).

    Photons arrive at random (Poisson) and reading adds a Gaussian, both in linear light; from about ten electrons on
    their sum looks Gaussian. Its deviation is carried to display values by the secant of the transfer function, not the
    noise itself by its curve: that would darken whatever is noisy, and soft and sharp must never differ in brightness.

    Args:
        white_electrons: electrons that white brings: few in a dark room, and for a colour that white balance amplifies.
        read_electrons: standard deviation of the reading noise.
    """
    deviation = np.sqrt(_LIGHT / white_electrons + (read_electrons / white_electrons) ** 2)
    above, below = (display_from_linear(np.clip(_LIGHT + side * deviation, 0, None)) for side in (1, -1))
    return np.minimum(127.5 * (above - below), _MOST_DEVIATION).astype(np.float32)


def mosaic(picture: Picture, channels: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Returns what a colour filter lets through, (H, W): each pixel of a 2x2 cell keeps the channel named for it, row by row."""
    kept = np.empty(picture.shape[:2], np.uint8)
    for (row, column), channel in zip(_CELL, channels, strict=True):
        kept[row::2, column::2] = picture[row::2, column::2, channel]
    return kept


@dataclass(frozen=True)
class Sensor:
    """A colour-filter sensor: exposure noise on its mosaic, then interpolation, which makes the noise blotchy.

    Interpolation works on display values, so that it changes no mean.

    Attributes:
        white_electrons: electrons that white brings in green, lowest and highest; drawn evenly over the logarithm.
        read_electrons: standard deviation of the reading noise.
        balance: gain of red and of blue over green.
    """

    white_electrons: Range
    read_electrons: Range = (1.5, 4.0)
    balance: Range = (1.2, 2.2)

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        electrons = float(np.exp(rng.uniform(*np.log(self.white_electrons))))
        read_electrons, (red, blue) = rng.uniform(*self.read_electrons), rng.uniform(*self.balance, 2)
        channels, bilinear, edge_aware = _PATTERNS[int(rng.integers(len(_PATTERNS)))]
        trace.append(f"white {electrons:.0f} e")
        kept = mosaic(picture, channels)
        tables = [noise_table(electrons / gain, read_electrons) for gain in (red, 1.0, blue)]
        deviation = np.empty(kept.shape, np.float32)
        for (row, column), channel in zip(_CELL, channels, strict=True):
            deviation[row::2, column::2] = tables[channel][kept[row::2, column::2]]
        noise = rng.standard_normal(kept.shape, dtype=np.float32) * deviation
        noisy = np.clip(kept + noise + np.float32(0.5), 0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(noisy, edge_aware if rng.random() < 0.5 else bilinear), np.uint8)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {
            "noise": f"Poisson-Gaussian in linear light on a colour-filter mosaic, {span(self.white_electrons)} electrons at white, "
            f"{span(self.read_electrons)} when read"
        }
