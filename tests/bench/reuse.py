"""What temporal reuse costs and gains: `.venv/bin/python tests/bench/reuse.py CLIP... --model NAME [--size WxH] [--noise SIGMA]`.

Every frame is sharpened twice, with and without reuse, one after the other in the same process, so that the two times compare on a
busy machine too. The first frames, during which networks are compiled, are run but not counted. With --noise the clip gets a
sensor's noise, stronger in the dark, and a webcam's JPEG compression. With --box the clip stands still outside of it.
"""

import argparse
import json
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_core.capture.clip import ClipCamera
from sharpen_core.engines.select import select_engine
from sharpen_core.frame import Pixels, Size
from sharpen_core.model_store import find_model
from sharpen_core.restorer import Restorer
from sharpen_train.evaluation.flicker import compare

CELL_PX = 16
FLICKER_FRAMES = 24


def read(clip: Path, arguments: argparse.Namespace) -> Iterator[Pixels]:
    """Frames of a clip, over and over, as the options want them."""
    camera = ClipCamera(clip, loop=True, paced=False)
    random = np.random.default_rng(2)
    camera.open()
    first = None
    try:
        while True:
            pixels = camera.read()
            if arguments.size:
                pixels = cv2.resize(pixels, arguments.size[::-1], interpolation=cv2.INTER_CUBIC)
            first = pixels if first is None else first
            if arguments.box:
                pixels = _only_inside(arguments.box, first, pixels)
            yield np.ascontiguousarray(_seen_by_webcam(pixels, arguments.noise, random) if arguments.noise else pixels)
    finally:
        camera.close()


def _only_inside(box: list[int], still: Pixels, pixels: Pixels) -> Pixels:
    weight = np.zeros(pixels.shape[:2], np.float32)
    weight[box[0] : box[2], box[1] : box[3]] = 1
    weight = cv2.GaussianBlur(weight, (0, 0), 8)
    return cv2.blendLinear(pixels, still, weight, 1 - weight)


def _seen_by_webcam(pixels: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    # A sensor's noise is coloured by demosaicing and, after the gamma curve, stronger in the dark.
    grain = cv2.GaussianBlur(random.standard_normal(pixels.shape, np.float32), (0, 0), 0.6) * 1.9
    noisy = pixels + grain * sigma * (1.7 - 1.2 * pixels.astype(np.float32) / 255) + 0.5
    return cv2.imdecode(cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 88])[1], cv2.IMREAD_COLOR)


def measure(clip: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Runs one clip; optionally saves the frames with the worst cells."""
    engine, model = select_engine(arguments.engine, arguments.threads, light=True), find_model(arguments.model)
    frames = read(clip, arguments)
    size = Size.of(first := next(frames))
    whole, reusing = Restorer(model, engine, size), Restorer(model, engine, size, reuse=True)
    warm_ns = time.monotonic_ns()
    for count, pixels in enumerate(frames):
        if count >= arguments.warm or time.monotonic_ns() - warm_ns > 60e9:
            break
        reusing.sharpen(pixels)
    whole.sharpen(first)
    for restorer in (whole, reusing):  # both are to know the same of how soft the clip is
        restorer.forget()
    rows: list[tuple[float, ...]] = []
    kept: deque[tuple[Pixels, Pixels, Pixels]] = deque(maxlen=FLICKER_FRAMES)
    for count, pixels in enumerate(frames):
        if count >= arguments.frames:
            break
        marks = [_now()]
        full = whole.sharpen(pixels)
        marks.append(_now())
        ours = reusing.sharpen(pixels)
        marks.append(_now())
        error = cv2.absdiff(full, ours).astype(np.float32).mean(axis=2)
        cells = cv2.resize(error, (size.width // CELL_PX, size.height // CELL_PX), interpolation=cv2.INTER_AREA)
        rows.append((float(error.mean()), float(cells.max()), reusing.computed_share, *(marks[1] - marks[0]), *(marks[2] - marks[1])))
        kept.append((pixels, full, ours))
        if arguments.save:
            _save(arguments.save, clip.stem, count, pixels, full, ours)
    figures = np.array(rows)
    source, fulls, mine = ([three[index] for three in kept] for index in range(3))
    without, with_reuse = compare("without", source, fulls), compare("with", source, mine)
    return {
        "clip": clip.stem, "size": str(size), "model": model.name, "noise": arguments.noise, "frames": len(rows),
        "mean_difference": round(float(figures[:, 0].mean()), 3), "worst_cell": round(float(figures[:, 1].max()), 1),
        "worst_cell_median": round(float(np.median(figures[:, 1])), 1),
        "computed_share": round(float(figures[:, 2].mean()), 3), "largest_share": round(float(figures[:, 2].max()), 3),
        "whole_ms": round(float(np.median(figures[:, 3]) * 1e3), 1), "reuse_mean_ms": round(float(figures[:, 5].mean() * 1e3), 1),
        "time_ratio": round(float(figures[:, 5].sum() / figures[:, 3].sum()), 3),
        "whole_cpu_ms": round(float(figures[:, 4].mean() * 1e3), 1), "reuse_cpu_ms": round(float(figures[:, 6].mean() * 1e3), 1),
        "still_flicker_without": _rounded(without.still_ratio), "still_flicker_with": _rounded(with_reuse.still_ratio),
        "moving_flicker_without": _rounded(without.moving_ratio), "moving_flicker_with": _rounded(with_reuse.moving_ratio),
    }  # fmt: skip


def _now() -> NDArray[np.float64]:
    """Seconds by the clock, and CPU seconds of all threads."""
    return np.array([time.perf_counter(), time.process_time()])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _save(folder: Path, name: str, number: int, before: Pixels, full: Pixels, ours: Pixels) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for label, picture in (("before", before), ("full", full), ("reuse", ours)):
        cv2.imwrite(str(folder / f"{name}-{number:03d}-{label}.png"), picture[:, :, ::-1])


def main() -> None:
    """Prints one JSON object for each clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--size", type=Size.parse)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--box", type=int, nargs=4, metavar=("TOP", "LEFT", "BOTTOM", "RIGHT"))
    parser.add_argument("--warm", type=int, default=60)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    for clip in arguments.clips:
        print(json.dumps(measure(clip, arguments)), flush=True)


if __name__ == "__main__":
    main()
