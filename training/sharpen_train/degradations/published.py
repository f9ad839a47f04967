"""The degradation of the published student projects: three levels of softness, then perhaps noise and JPEG.

A level shrinks the picture by a factor (OpenCV's bicubic, which has no antialiasing), enlarges it back and blurs it
with a Gaussian. Two ranges of JPEG quality are about: 30-60 as published, and the 50-95 that our evaluation uses.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sharpen_train.degradations.stages import Picture, Range, span


@dataclass(frozen=True)
class Level:
    """The ranges that a degradation is drawn from.

    Attributes:
        scale: factor by which the picture is shrunk and enlarged back, lowest and highest.
        sigma_px: standard deviation of the Gaussian blur, lowest and highest.
    """

    scale: Range
    sigma_px: Range


LEVELS = {
    "heavy": Level((1.7, 2.2), (1.2, 1.5)),
    "medium": Level((1.5, 1.5), (0.8, 0.8)),
    "low": Level((1.2, 1.2), (0.4, 0.4)),
}

# Everything between "nearly sharp" and "a little worse than heavy": what lies between the published levels must work too.
ANY = Level((1.0, 2.3), (0.2, 1.7))

EVALUATION_JPEG_QUALITY = (50, 95)
PUBLISHED_JPEG_QUALITY = (30, 60)
NOISE_SIGMA = (0.5, 3.0)  # standard deviation, in 1/255

# What evaluation scores: (level, with JPEG of the evaluation's quality).
CONDITIONS = [(level, jpeg) for level in LEVELS for jpeg in (False, True)]


def soften(truth: Picture, scale: float, sigma_px: float) -> Picture:
    """Returns `truth`, (H, W, 3) uint8, shrunk and enlarged by `scale`, then blurred by `sigma_px`."""
    height, width = truth.shape[:2]
    soft = truth
    if scale > 1:
        small = (max(1, round(width / scale)), max(1, round(height / scale)))
        soft = cv2.resize(soft, small, interpolation=cv2.INTER_CUBIC)
        soft = cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)
    if sigma_px > 0:
        soft = cv2.GaussianBlur(soft, (0, 0), sigma_px)
    return np.asarray(soft, np.uint8)


def jpeg(picture: Picture, quality: int) -> Picture:
    """Returns the picture after JPEG compression with 4:2:0 chroma, (H, W, 3) uint8."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def add_noise(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """Returns the picture with Gaussian noise of standard deviation `sigma` (in 1/255) added."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(sigma)
    return np.clip(picture + noise + 0.5, 0, 255).astype(np.uint8)


def degrade(truth: Picture, level: str, rng: np.random.Generator, quality: tuple[int, int] | None = None) -> Picture:
    """Returns `truth` degraded by a published level, and by JPEG of a quality drawn from `quality` if that is given."""
    ranges = LEVELS[level]
    soft = soften(truth, rng.uniform(*ranges.scale), rng.uniform(*ranges.sigma_px))
    return soft if quality is None else jpeg(soft, int(rng.integers(quality[0], quality[1] + 1)))


@dataclass(frozen=True)
class PublishedBlur:
    """Softness of a published level.

    Attributes:
        name: what cards and sheets call it.
        level: the ranges.
    """

    name: str
    level: Level

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`; draws as `degrade` does."""
        scale, sigma_px = rng.uniform(*self.level.scale), rng.uniform(*self.level.sigma_px)
        trace.append(f"{self.name} 1/{scale:.1f} {sigma_px:.1f} px")
        return soften(picture, scale, sigma_px)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        scale, sigma_px = self.level.scale, self.level.sigma_px
        return {"blur": f"{self.name} (bicubic 1/{span(scale)}, Gaussian {span(sigma_px)} px)"}


@dataclass(frozen=True)
class WhiteNoise:
    """Gaussian noise, the same in every pixel and channel.

    Attributes:
        sigma: lowest and highest standard deviation, in 1/255.
    """

    sigma: Range = NOISE_SIGMA

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        sigma = rng.uniform(*self.sigma)
        trace.append(f"noise {sigma:.1f}")
        return add_noise(picture, sigma, rng)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"noise": f"Gaussian {span(self.sigma)}/255"}


@dataclass(frozen=True)
class Jpeg:
    """JPEG with 4:2:0 chroma.

    Attributes:
        quality: lowest and highest, both drawn.
    """

    quality: tuple[int, int] = EVALUATION_JPEG_QUALITY

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`; draws as `degrade` does."""
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
        trace.append(f"q {quality}")
        return jpeg(picture, quality)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"compression": f"JPEG of quality {span(self.quality)}"}
