"""The built-in test picture: a camera that every machine has."""

import math
import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.pace import Clock, Pace, Sleep
from sharpen_core.capture.testscene import ACCENT, INK, MUTED, NOISY, PAPER, Stage, draw_scene
from sharpen_core.errors import CameraDisconnected, CameraFormatUnsupported
from sharpen_core.frame import Pixels, Size

USUAL_SIZE = Size(720, 1280)
SMALLEST_PX = 64
LARGEST_PX = 3840

Corners = Sequence[tuple[float, float]] | NDArray[np.float64]
"""Points of a shape, (x, y) in pixels."""

_SWING_S = 5.0
_TURN_S = 6.0
_SEED = 42


class TestChartCamera:
    """Delivers a test chart with moving parts, slightly soft, as a cheap webcam would.

    Frame n shows the same on every machine, every time: all motion follows the frame's number, not the clock.
    A frame of 1280x720 takes about 0.5 ms, most of it for copying the still part.
    """

    __test__ = False  # pytest would take the name for a test's

    def __init__(
        self,
        size: Size = USUAL_SIZE,
        fps: float = 30.0,
        paced: bool = True,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Only remembers; `open` draws the chart.

        Args:
            size: of the frames, 64 to 3840 pixels each way.
            fps: frames per second; also what the chart's own clock counts with.
            paced: whether `read` waits until the next frame is due.
            clock: monotonic seconds; for tests.
            sleep: waits for seconds; for tests.

        Raises:
            ValueError: `fps` is not positive.
        """
        if not fps > 0:
            raise ValueError(f"fps must be positive, not {fps}")
        self._size = size
        self._fps = fps
        self._paced = paced
        self._pace = Pace(clock, sleep)
        self._actors: _Actors | None = None
        self._number = 0

    @property
    def name(self) -> str:
        """What a person calls this camera."""
        return "Test chart"

    def open(self) -> CameraFormat:
        """Draws the still part of the chart; the first frame is number 0.

        Raises:
            CameraFormatUnsupported: the size is too small or too large for the chart.
        """
        if min(self._size) < SMALLEST_PX or max(self._size) > LARGEST_PX:
            hint = f"Choose {SMALLEST_PX} to {LARGEST_PX} pixels each way"
            raise CameraFormatUnsupported(f"the test chart cannot be {self._size}", hint)
        self._actors = _Actors(Stage(self._size))
        self._number = 0
        self._pace.restart()
        return CameraFormat(self._size, self._fps, "RGB")

    def read(self) -> Pixels:
        """Returns the next frame, when it is due: (H, W, 3) uint8 RGB, C-contiguous, owned by the caller.

        Raises:
            CameraDisconnected: the chart is not open.
        """
        if self._actors is None:
            raise CameraDisconnected("the test chart is not open")
        if self._paced:
            self._pace.wait(1 / self._fps)
        pixels = self._actors.draw(self._number, self._number / self._fps)
        self._number += 1
        return pixels

    def close(self) -> None:
        """Frees the chart's memory."""
        self._actors = None


class _Actors:
    """The still chart and the parts that move on it. Only their own small regions are redrawn and softened."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._still = draw_scene(stage)
        self._counter = stage.box(960, 30, 284, 44)
        self._edges = stage.box(50, 496, 352, 152)
        self._noise = stage.box(828, 494, 112, 156)
        self._dial = stage.box(1118, 514, 116, 116)
        spread = np.random.default_rng(_SEED).normal(0, 16, (2 * self._noise.height, 2 * self._noise.width, 3))
        self._grain: NDArray[np.uint8] = np.clip(spread + NOISY, 0, 255).astype(np.uint8)

    def draw(self, number: int, second: float) -> Pixels:
        """Draws frame `number`, which is taken `second` seconds after the first: a new (H, W, 3) uint8 RGB array."""
        pixels = self._still.copy()
        self._draw_counter(pixels, number, second)
        self._draw_edges(self._edges.of(pixels), second)
        self._draw_dial(self._dial.of(pixels), second)
        for box in (self._counter, self._edges, self._dial):
            part = box.of(pixels)
            part[:] = self._stage.soften(part)
        # Noise arises in the sensor, behind the lens: it is not softened.
        self._draw_noise(self._noise.of(pixels), number)
        return pixels

    def _draw_counter(self, pixels: Pixels, number: int, second: float) -> None:
        minutes, rest = divmod(int(second * 100 + 1e-6), 6000)
        text = f"{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
        self._stage.write(pixels, text, (974, 60), 26, PAPER, 500)
        self._stage.write(pixels, f"frame {number:06d}", (1102, 60), 18, MUTED)

    def _draw_edges(self, part: Pixels, second: float) -> None:
        """A slanted bar and a turned square that swing against each other."""
        height, width = part.shape[:2]
        swing = math.sin(2 * math.pi * second / _SWING_S)
        slant = math.tan(math.radians(5)) * height / 2
        middle = width * (0.30 + 0.14 * swing)
        half = width * 0.11
        bar = [(middle - half + slant, 0), (middle + half + slant, 0), (middle + half - slant, height), (middle - half - slant, height)]
        _fill(part, bar, (58, 62, 70))
        centre, radius = width * (0.76 - 0.10 * swing), height * 0.36
        turns = [math.radians(10 + 90 * corner) for corner in range(4)]
        _fill(part, [(centre + radius * math.cos(turn), height / 2 + radius * math.sin(turn)) for turn in turns], ACCENT)

    def _draw_dial(self, part: Pixels, second: float) -> None:
        """A hand that sweeps over twelve marks: edges of every angle, one after the other."""
        centre, radius = part.shape[1] / 2, min(part.shape[:2]) / 2 - 1
        for mark in range(12):
            _fill(part, _needle(centre, radius * 0.78, radius * 0.94, radius * 0.022, math.tau * mark / 12), MUTED)
        turn = math.tau * second / _TURN_S
        _fill(part, _needle(centre, -radius * 0.18, radius * 0.82, radius * 0.045, turn), ACCENT)
        corners = np.linspace(0, math.tau, 24)
        _fill(part, np.column_stack([np.cos(corners), np.sin(corners)]) * radius * 0.10 + centre, INK)

    def _draw_noise(self, part: Pixels, number: int) -> None:
        """Another cut-out of the same grain for every frame: looks like fresh noise and costs a copy."""
        height, width = part.shape[:2]
        top, left = number * 71 % (height + 1), number * 113 % (width + 1)
        part[:] = self._grain[top : top + height, left : left + width]


def _needle(centre: float, start: float, end: float, half: float, turn: float) -> Corners:
    """The corners of a straight needle from `start` to `end` away from the centre; turn 0 points up."""
    along, across = (math.sin(turn), -math.cos(turn)), (math.cos(turn), math.sin(turn))
    return [
        (centre + along[0] * far + across[0] * side, centre + along[1] * far + across[1] * side)
        for far, side in ((start, -half), (start, half), (end, half), (end, -half))
    ]


def _fill(part: Pixels, corners: Corners, colour: tuple[int, int, int]) -> None:
    """Fills a convex shape, placed to a 256th of a pixel so that slow motion stays smooth."""
    points = np.round((np.array(corners) - 0.5) * 256).astype(np.int32)
    cv2.fillConvexPoly(part, points, colour, cv2.LINE_AA, 8)
