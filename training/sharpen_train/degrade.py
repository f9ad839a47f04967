"""How a sharp picture is made soft: the published levels, and how they are mixed for training.

A level shrinks the picture by a factor (OpenCV's bicubic, which has no antialiasing), enlarges it back and blurs it
with a Gaussian; JPEG and sensor noise may follow. Everything is drawn from the generator that is passed in.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Level:
    """The ranges that a degradation is drawn from.

    Attributes:
        scale: factor by which the picture is shrunk and enlarged back, lowest and highest.
        sigma_px: standard deviation of the Gaussian blur, lowest and highest.
    """

    scale: tuple[float, float]
    sigma_px: tuple[float, float]


LEVELS = {
    "heavy": Level((1.7, 2.2), (1.2, 1.5)),
    "medium": Level((1.5, 1.5), (0.8, 0.8)),
    "low": Level((1.2, 1.2), (0.4, 0.4)),
}

# Everything between "nearly sharp" and "a little worse than heavy": what lies between the published levels must work too.
ANY = Level((1.0, 2.3), (0.2, 1.7))


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
class Mixture:
    """How training examples are drawn.

    Attributes:
        weights: share of each published level; the rest of 1 is shared by `any_share` and pictures left sharp.
        any_share: share drawn from the continuous range `ANY`.
        jpeg_share: share of all examples that are JPEG-compressed afterwards.
        jpeg_quality: lowest and highest JPEG quality.
        noise_share: share of all examples that get sensor noise before JPEG.
        noise_sigma: lowest and highest standard deviation of that noise, in 1/255.
    """

    weights: tuple[tuple[str, float], ...] = (("heavy", 0.24), ("medium", 0.24), ("low", 0.26))
    any_share: float = 0.22
    jpeg_share: float = 0.5
    jpeg_quality: tuple[int, int] = (40, 95)
    noise_share: float = 0.15
    noise_sigma: tuple[float, float] = (0.5, 3.0)

    def draw(self, truth: Picture, rng: np.random.Generator) -> Picture:
        """Returns one degraded version of `truth`, (H, W, 3) uint8."""
        choice = rng.random()
        soft = truth
        for level, weight in self.weights:
            if 0 <= choice < weight:
                soft = degrade(truth, level, rng)
            choice -= weight
        if 0 <= choice < self.any_share:
            soft = soften(truth, rng.uniform(*ANY.scale), rng.uniform(*ANY.sigma_px))
        if rng.random() < self.noise_share:
            soft = add_noise(soft, rng.uniform(*self.noise_sigma), rng)
        if rng.random() < self.jpeg_share:
            soft = jpeg(soft, int(rng.integers(self.jpeg_quality[0], self.jpeg_quality[1] + 1)))
        return soft
