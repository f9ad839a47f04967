"""The pictures on the test chart, each drawn for the pixels it gets.

Every function takes the size in pixels and returns (height, width, 3) uint8 RGB. Random ones draw from a generator
that the caller seeded, so that the chart is the same on every machine.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.frame import Pixels, Size

Colour = tuple[int, int, int]
Plane = NDArray[np.float32]
"""(height, width) float32."""

Picture = NDArray[np.float32]
"""(height, width, 3) float32 RGB in 0..255."""

_SPOKES = 36
_LIGHT = np.array([-0.48, -0.58, 0.66])
_SPHERES: tuple[tuple[float, float, float, Colour], ...] = (
    (0.70, 0.36, 0.21, (202, 146, 108)),
    (0.33, 0.40, 0.27, (238, 194, 166)),
    (0.60, 0.72, 0.20, (128, 84, 62)),
)
_PATCHES: tuple[tuple[Colour, ...], ...] = (
    ((115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170)),
    ((214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46)),
)


def plain(size: Size, colour: Colour) -> Pixels:
    """One colour."""
    return np.full((*size, 3), colour, np.uint8)


def gradient(size: Size, top: Colour, bottom: Colour) -> Pixels:
    """A soft slope from `top` to `bottom`, with half a level of order in it against banding."""
    slope = np.linspace(0, 1, size.height, dtype=np.float32)[:, None, None]
    rows = np.asarray(top, np.float32) * (1 - slope) + np.asarray(bottom, np.float32) * slope
    dither = np.array([[[0.125], [0.625]], [[0.875], [0.375]]], np.float32)
    tiles = np.tile(dither, (size.height // 2 + 1, size.width // 2 + 1, 1))[: size.height, : size.width]
    return (rows + tiles).astype(np.uint8)


def siemens_star(size: Size) -> Pixels:
    """Spokes that get finer towards the centre: where they melt into grey is the resolution of the whole chain."""
    x, y = _grid(size)
    x, y = x - size.width / 2, y - size.height / 2
    radius = np.hypot(x, y)
    # The sine divided by its slope is about the distance to the next edge in pixels: antialiased by itself.
    edge_px = np.sin(np.arctan2(y, x) * _SPOKES) * radius / _SPOKES
    spokes = 42 + 196 * np.clip(edge_px + 0.5, 0, 1)
    disc = np.clip(min(size) * 0.46 - radius + 0.5, 0, 1)
    hub = np.clip(min(size) * 0.02 - radius + 0.5, 0, 1)
    grey = 238 * (1 - disc) + spokes * disc
    return cv2.cvtColor((grey * (1 - hub) + 42 * hub).astype(np.uint8), cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)


def skin_spheres(size: Size, random: np.random.Generator) -> Pixels:
    """Three spheres in skin tones under one soft light: what must stay calm while edges get sharper."""
    scene = gradient(size, (86, 112, 118), (44, 60, 68)).astype(np.float32)
    x, y = _grid(size)
    pores = _soft_noise(size, random, 0.006)
    unit_px = min(size)
    for across, down, radius, tone in _SPHERES:
        radius_px = max(1.0, radius * unit_px)
        from_x, from_y = (x - across * size.width) / radius_px, (y - down * size.height) / radius_px
        _shadow(scene, from_x - 0.2, from_y - 0.36)
        # Only the square around the sphere, which is what keeps `open` quick.
        near = np.ix_(np.abs(from_y[:, 0]) < 1.1, np.abs(from_x[0]) < 1.1)
        scene[near] = _sphere(scene[near], from_x[near], from_y[near], radius_px, tone, pores[near])
    return np.clip(scene, 0, 255).astype(np.uint8)


def colour_patches(size: Size) -> Pixels:
    """Two rows of the colours of a colour checker, with thin dark gaps."""
    small = np.array(_PATCHES, np.uint8)
    pixels = cv2.resize(small, (size.width, size.height), interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
    gap_px = max(1, size.width // 120)
    for column in range(1, 6):
        middle = size.width * column // 6
        pixels[:, middle - gap_px // 2 : middle + gap_px - gap_px // 2] = (30, 34, 42)
    pixels[size.height // 2 : size.height // 2 + gap_px] = (30, 34, 42)
    return pixels


def tone_and_sweep(size: Size) -> Pixels:
    """Above: black to white. Below: lines that get finer to the right, from 40 pixels a pair to 2.5."""
    ramp = np.linspace(0, 255, size.width, dtype=np.float32)
    per_pair_px = np.geomspace(40, 2.5, size.width)
    sweep = 138 + 98 * np.cos(2 * math.pi * np.cumsum(1 / per_pair_px))
    grey = np.where(np.arange(size.height)[:, None] < size.height * 0.42, ramp[None], sweep[None])
    return cv2.cvtColor(grey.astype(np.uint8), cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)


def dead_leaves(size: Size, random: np.random.Generator) -> Pixels:
    """Discs of all sizes over one another: texture with the statistics of natural pictures.

    Follows the "dead leaves" target of Cao, Guichard and Hornung, "Measuring texture sharpness" (2009).
    """
    pixels = plain(size, (120, 118, 108))
    count = 900
    radii = np.sqrt(1 / random.uniform(1 / 0.20**2, 1 / 0.012**2, count)) * min(size)
    middles = random.uniform(0, 1, (count, 2)) * (size.width, size.height)
    light = random.normal(116, 26, (count, 1))
    colours = np.clip(light + random.normal((4, 10, -16), 14, (count, 3)), 20, 235)
    for radius, middle, colour in zip((radii * 8).astype(int).tolist(), (middles * 8).astype(int).tolist(), colours.tolist(), strict=True):
        cv2.circle(pixels, middle, max(1, radius), colour, cv2.FILLED, cv2.LINE_AA, 3)
    return pixels


def rounded(size: Size, radius_px: float) -> Plane:
    """A mask of a rectangle with round corners: 1 inside, 0 outside, antialiased."""
    x, y = _grid(size)
    across = np.maximum(np.abs(x - size.width / 2) - size.width / 2 + radius_px, 0)
    down = np.maximum(np.abs(y - size.height / 2) - size.height / 2 + radius_px, 0)
    return np.clip(radius_px - np.hypot(across, down) + 0.5, 0, 1).astype(np.float32)


def _shadow(scene: Picture, x: Plane, y: Plane) -> None:
    """Darkens the wall behind a sphere; x and y are in radii from the shadow's centre."""
    scene *= (1 - 0.55 * np.exp(-((x * x + y * y) ** 2)))[..., None]


def _sphere(scene: Picture, x: Plane, y: Plane, radius_px: float, tone: Colour, pores: Plane) -> Picture:
    """Paints a lit sphere; x and y are in radii from its centre."""
    squared = x * x + y * y
    z = np.sqrt(np.clip(1 - squared, 0, 1))
    light = _LIGHT / np.linalg.norm(_LIGHT)
    lambert = np.clip(x * light[0] + y * light[1] + z * light[2], 0, 1)
    half = light + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    gloss = 34 * np.clip(x * half[0] + y * half[1] + z * half[2], 0, 1) ** 22
    # Blood under the skin: shadows lose blue and green before red.
    depth = np.stack([lambert**0.72, lambert**0.92, lambert**1.0], -1)
    colour = np.asarray(tone, np.float32) * (0.20 + 0.84 * depth) * (1 + pores)[..., None] + gloss[..., None]
    cover = np.clip((1 - np.sqrt(squared)) * radius_px + 0.5, 0, 1)[..., None]
    return (scene * (1 - cover) + colour * cover).astype(np.float32)


def _soft_noise(size: Size, random: np.random.Generator, grain: float) -> Plane:
    """Mottle of about 1 percent with blobs of `grain` of the picture's height."""
    noise = random.standard_normal(size, np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), max(0.6, grain * size.height))
    return (soft / (float(soft.std()) + 1e-6) * 0.011).astype(np.float32)


def _grid(size: Size) -> tuple[Plane, Plane]:
    """Pixel centres: x and y, each (height, width)."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32) + np.float32(0.5)
    return x, y
