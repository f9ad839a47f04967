"""Whether a filter makes a clip crawl: noise of what stands still, and the warping error of what moves.

Still parts: the temporal standard deviation of each pixel, output over input. A pixel counts as still if its range over the whole
clip is no wider than noise makes it. The noise is the median absolute deviation of frame differences in blocks, of which the
lower quartile is taken: whatever moves sits in the other blocks, and a few moving pixels in a block do not shift its median.

Moving parts: each frame is warped onto the next along the input's optical flow (DIS: Kroeger et al., ECCV 2016), and what is left of
the difference is compared, output over input (Lai et al., ECCV 2018). Where the flow there and back disagree something was
covered or uncovered, and nothing is compared (Sundaram et al., ECCV 2010). Both use the same flow and the same parts. A
sharpened picture has more contrast, so that an imperfect flow costs it more: an unsharp mask beside it tells how much.

Everything is measured on luma of the middle of the first frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.capture.base import EndOfClip
from sharpen_core.capture.clip import ClipCamera
from sharpen_train.errors import DataError
from sharpen_train.metrics import Picture

Luma = NDArray[np.float32]  # (H, W) or (T, H, W), 0 to 255
Mask = NDArray[np.bool_]

FRAMES = 24
SIDES_PX = (480, 640)
LEAST_FRAMES = 3
# Gaussian noise of 24 frames spans about 4 standard deviations; twice that also holds the brighter, noisier parts.
STILL_RANGE = 8.0
# Video compression freezes what stands still and refreshes it by a few levels now and then: frame differences then show no noise.
COMPRESSION_NOISE = 0.75  # in 1/255
STILL_AROUND_PX = 9
LEAST_NOISE = 0.3  # in 1/255, about that of rounding; with less there is nothing to compare with
LEAST_MOTION_PX = 0.5
LEAST_SHARE = 0.01  # of the picture, that must stand still or move for a ratio to mean anything
NOISE_BLOCK_PX = 16


@dataclass(frozen=True)
class FlickerScore:
    """A filter on one clip, or on several pooled.

    Attributes:
        clip: the file's name.
        frames: frames that were measured.
        still_px, moving_px: how many pixels the two figures rest on, over all frames.
        still_input, still_output: temporal standard deviation of still parts, in 1/255.
        moving_input, moving_output: root mean square warping error of moving parts, in 1/255.
        change: mean absolute difference between input and output, in 1/255: a filter that does nothing never flickers.
    """

    clip: str
    frames: int
    still_px: int
    still_input: float
    still_output: float
    moving_px: int
    moving_input: float
    moving_output: float
    change: float

    @property
    def still_ratio(self) -> float | None:
        """Output over input of still parts; None if nothing stands still, or the input is free of noise."""
        return self.still_output / self.still_input if self.still_px and self.still_input >= LEAST_NOISE else None

    @property
    def moving_ratio(self) -> float | None:
        """Output over input of moving parts; None if nothing moves."""
        return self.moving_output / self.moving_input if self.moving_px and self.moving_input >= LEAST_NOISE else None


def measure(
    restore: Callable[[Sequence[Picture]], Sequence[Picture]],
    clips: Sequence[Path],
    *,
    frames: int = FRAMES,
    sides_px: tuple[int, int] = SIDES_PX,
    progress: Callable[[str], None] = lambda _: None,
) -> list[FlickerScore]:
    """Measures a filter on each clip.

    Args:
        restore: maps the frames of a clip, (H, W, 3) uint8 RGB of one size, to the same.
        clips: files that FFmpeg reads.
        frames: how many of each clip are used, from its start.
        sides_px: height and width of the middle that is used, at most.
        progress: told each clip's name when it is done.

    Raises:
        DataError: a clip has fewer than three frames.
        MediaError, CameraDisconnected: a clip cannot be read.
    """
    scores: list[FlickerScore] = []
    for clip in clips:
        pictures = read_frames(clip, frames, sides_px)
        scores.append(compare(clip.name, pictures, restore(pictures)))
        progress(clip.name)
    return scores


def pool(scores: Sequence[FlickerScore], name: str = "all") -> FlickerScore:
    """Returns the score of all clips as if they were one, each weighing by its pixels that stand still or move."""
    still, moving = sum(score.still_px for score in scores), sum(score.moving_px for score in scores)

    def rms(values: Sequence[float], weights: Sequence[int], total: int) -> float:
        return float(np.sqrt(sum(w * v * v for v, w in zip(values, weights, strict=True)) / total)) if total else 0.0

    still_px, moving_px = [score.still_px for score in scores], [score.moving_px for score in scores]
    return FlickerScore(
        name,
        sum(score.frames for score in scores),
        still,
        rms([score.still_input for score in scores], still_px, still),
        rms([score.still_output for score in scores], still_px, still),
        moving,
        rms([score.moving_input for score in scores], moving_px, moving),
        rms([score.moving_output for score in scores], moving_px, moving),
        float(np.average([score.change for score in scores], weights=[score.frames for score in scores])),
    )


def read_frames(clip: Path, frames: int = FRAMES, sides_px: tuple[int, int] = SIDES_PX) -> list[Picture]:
    """Returns the middle of the first frames, each (H, W, 3) uint8 RGB of at most `sides_px`.

    Raises:
        DataError: there are fewer than three.
        MediaError, CameraDisconnected: the clip cannot be read.
    """
    camera = ClipCamera(clip, loop=False, paced=False)
    pictures: list[Picture] = []
    try:
        camera.open()
        while len(pictures) < frames:
            pictures.append(_middle(camera.read(), sides_px))
    except EndOfClip:
        pass
    finally:
        camera.close()
    if len(pictures) < LEAST_FRAMES:
        raise DataError(f"the clip '{clip.name}' has {len(pictures)} frames", f"Flicker needs at least {LEAST_FRAMES}")
    return pictures


def compare(name: str, before: Sequence[Picture], after: Sequence[Picture]) -> FlickerScore:
    """Measures the flicker of `after`, restored from `before`; at least three pictures each, all of one shape (H, W, 3) uint8."""
    source, result = np.stack([_luma(picture) for picture in before]), np.stack([_luma(picture) for picture in after])
    still = still_mask(source)
    if still.mean() < LEAST_SHARE:
        still[:] = False
    still_input, still_output = (_rms(np.std(luma, axis=0)[still]) for luma in (source, result))
    moving_px, moving_input, moving_output = _warping_errors(source, result)
    still_px = int(still.sum()) * len(before)
    change = float(np.abs(result - source).mean())
    return FlickerScore(name, len(before), still_px, still_input, still_output, moving_px, moving_input, moving_output, change)


def still_mask(luma: Luma) -> Mask:
    """Returns which pixels, (H, W), stand still in (T, H, W): their range stays within the noise, and so does that of those around."""
    limit = STILL_RANGE * max(noise_sigma(luma), COMPRESSION_NOISE)
    within = (luma.max(axis=0) - luma.min(axis=0) <= limit).astype(np.uint8)
    # A lone pixel that noise threw far out is no motion; the edge of something that moves is.
    within = cv2.medianBlur(within, 5)
    return np.asarray(cv2.erode(within, np.ones((STILL_AROUND_PX, STILL_AROUND_PX), np.uint8)), np.bool_)


def noise_sigma(luma: Luma) -> float:
    """Returns the standard deviation of the noise of (T, H, W) in its quieter blocks, from frame differences."""
    difference = np.diff(luma, axis=0)
    steps, height, width = difference.shape
    side = min(NOISE_BLOCK_PX, height, width)
    rows, columns = height // side, width // side
    cut = difference[:, : rows * side, : columns * side].reshape(steps, rows, side, columns, side)
    blocks = cut.transpose(1, 3, 0, 2, 4).reshape(rows * columns, -1)
    spread = np.median(np.abs(blocks - np.median(blocks, axis=1, keepdims=True)), axis=1)
    return float(1.4826 * np.quantile(spread, 0.25) / np.sqrt(2))


def _warping_errors(source: Luma, result: Luma) -> tuple[int, float, float]:
    """How many pixels move, and the root mean square warping error of input and output there."""
    count, squares = 0, np.zeros(2)
    for now in range(1, len(source)):
        to_before, moving = _flow(source[now - 1], source[now])
        count += int(moving.sum())
        for which, luma in enumerate((source, result)):
            difference = (luma[now] - _warp(luma[now - 1], to_before))[moving]
            squares[which] += float(np.square(difference, dtype=np.float64).sum())
    if count < LEAST_SHARE * source[1:].size:
        return 0, 0.0, 0.0
    errors = np.sqrt(squares / count)
    return count, float(errors[0]), float(errors[1])


def _flow(before: Luma, now: Luma) -> tuple[NDArray[np.float32], Mask]:
    """Where each pixel of `now` was in `before`, (H, W, 2) in px (x, y), and which pixels move and were seen in both."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    pair = [np.round(luma).astype(np.uint8) for luma in (before, now)]
    nothing: Any = None  # OpenCV's stubs know no absent flow
    forth = np.asarray(finder.calc(pair[0], pair[1], nothing), np.float32)
    back = np.asarray(finder.calc(pair[1], pair[0], nothing), np.float32)
    there_and_back = back + _warp(forth, back)
    length = np.square(back).sum(axis=2)
    seen = np.square(there_and_back).sum(axis=2) < 0.01 * (length + np.square(_warp(forth, back)).sum(axis=2)) + 0.5
    inside = _warp(np.ones_like(before), back) > 0.99
    return back, seen & inside & (length >= LEAST_MOTION_PX**2)


def _warp(plane: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fetches each pixel from where `flow` says it was; bicubic, since bilinear would blur what is warped. Zero outside."""
    height, width = plane.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    warped = cv2.remap(plane, columns + flow[:, :, 0], rows + flow[:, :, 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(warped, np.float32)


def _luma(picture: Picture) -> Luma:
    return picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _middle(picture: Picture, sides_px: tuple[int, int]) -> Picture:
    top, left = (max(0, (side - most) // 2) for side, most in zip(picture.shape[:2], sides_px, strict=True))
    return np.ascontiguousarray(picture[top : top + sides_px[0], left : left + sides_px[1]])


def _rms(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0
