"""The still part of the test chart: how its panels lie, and the lens that softens them.

The chart is planned in units of 1280x720 and drawn at any size, centred, so that its edges are as fine as that size
allows before the lens blurs them.
"""

from typing import NamedTuple

import cv2
import numpy as np

from sharpen_core.capture import testpanels
from sharpen_core.frame import Pixels, Size

PLAN = Size(720, 1280)

INK: testpanels.Colour = (38, 42, 50)
PAPER: testpanels.Colour = (238, 236, 229)
GREY: testpanels.Colour = (206, 208, 208)
NOISY: testpanels.Colour = (120, 122, 124)
MUTED: testpanels.Colour = (150, 163, 180)
WHITE: testpanels.Colour = (244, 246, 248)
ACCENT: testpanels.Colour = (202, 92, 52)

_SEED = 720
_LINES = (
    (22, "Can you read this line?"),
    (18, "Pack my box with five dozen liquor jugs"),
    (15, "The quick brown fox jumps over the lazy dog"),
    (13, "Sphinx of black quartz, judge my vow. 0123456789"),
    (11, "How vexingly quick daft zebras jump! 3.14159 26535 89793"),
    (9, "Small print: a good lens, or a good network, makes this easy to read."),
    (8, "Smaller print still: waltz, bad nymph, for quick jigs vex. 27182 81828 45904"),
)
_CAPTIONS = ((40, "edges"), (430, "colour, tone, resolution"), (820, "noise"), (966, "texture"), (1112, "motion"))


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        """Its height and width."""
        return Size(self.height, self.width)

    def of(self, pixels: Pixels) -> Pixels:
        """The part of a picture inside the box: a view, (box height, box width, 3) uint8."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


class Stage:
    """Maps the plan's units to the pixels of one size. `scale` is pixels per unit."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.scale = min(size.width / PLAN.width, size.height / PLAN.height)
        self._left = (size.width - PLAN.width * self.scale) / 2
        self._top = (size.height - PLAN.height * self.scale) / 2
        self._font = cv2.FontFace("sans")

    def box(self, left: float, top: float, width: float, height: float) -> Box:
        """A rectangle of the plan in pixels; at least one pixel large."""
        x, y = int(self._left + left * self.scale), int(self._top + top * self.scale)
        return Box(x, y, max(1, round(width * self.scale)), max(1, round(height * self.scale)))

    def write(
        self, pixels: Pixels, text: str, at: tuple[float, float], height: float, colour: testpanels.Colour, weight: int = 400
    ) -> None:
        """Writes a line of text into a whole picture. Text that would be too small for any reader is left out."""
        size_px = round(height * self.scale)
        if size_px >= 4:
            place = (round(self._left + at[0] * self.scale), round(self._top + at[1] * self.scale))
            cv2.putText(pixels, text, place, colour, self._font, size_px, weight)

    def soften(self, pixels: Pixels) -> Pixels:
        """Blurs as the lens of a cheap webcam does: (H, W, 3) uint8 in, a new one out."""
        return cv2.GaussianBlur(pixels, (0, 0), max(0.5, 1.1 * self.scale)).astype(np.uint8, copy=False)


def draw_scene(stage: Stage) -> Pixels:
    """Draws all that does not move, softened: (H, W, 3) uint8 RGB of the stage's size."""
    random = np.random.default_rng(_SEED)
    pixels = testpanels.gradient(stage.size, (28, 33, 42), (52, 61, 75))
    for box, picture in _panels(stage, random):
        _place(pixels, box, picture, 10 * stage.scale)
    _write_all(pixels, stage)
    return stage.soften(pixels)


def _panels(stage: Stage, random: np.random.Generator) -> list[tuple[Box, Pixels]]:
    star, spheres, text = (stage.box(left, 92, width, 372) for left, width in ((40, 372), (430, 372), (820, 420)))
    edges, patches, tones = stage.box(40, 486, 372, 172), stage.box(430, 486, 372, 80), stage.box(430, 576, 372, 82)
    noise, leaves, dial = (stage.box(left, 486, 128, 172) for left in (820, 966, 1112))
    return [
        (star, testpanels.siemens_star(star.size)),
        (spheres, testpanels.skin_spheres(spheres.size, random)),
        (text, testpanels.plain(text.size, PAPER)),
        (edges, testpanels.plain(edges.size, GREY)),
        (patches, testpanels.colour_patches(patches.size)),
        (tones, testpanels.tone_and_sweep(tones.size)),
        (noise, testpanels.plain(noise.size, NOISY)),
        (leaves, testpanels.dead_leaves(leaves.size, random)),
        (dial, testpanels.plain(dial.size, PAPER)),
    ]


def _place(pixels: Pixels, box: Box, picture: Pixels, radius_px: float) -> None:
    """Puts a picture with round corners into the box."""
    mask = testpanels.rounded(box.size, min(radius_px, min(box.size) / 2))[..., None]
    target = box.of(pixels)
    target[:] = (target * (1 - mask) + picture * mask + 0.5).astype(np.uint8)


def _write_all(pixels: Pixels, stage: Stage) -> None:
    stage.write(pixels, "Sharpened Camera", (40, 60), 30, WHITE, 600)
    stage.write(pixels, "test chart", (342, 60), 22, MUTED)
    baseline = 134.0
    for height, text in _LINES:
        stage.write(pixels, text, (846, baseline), height, INK)
        baseline += height * 1.1 + 20
    stage.write(pixels, "Crisp edges, fine lines, calm skin:", (846, 414), 19, INK, 600)
    stage.write(pixels, "that is what to look for.", (846, 441), 19, ACCENT, 600)
    for left, caption in _CAPTIONS:
        stage.write(pixels, caption, (left + 3, 681), 13, MUTED)
