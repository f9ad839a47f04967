"""The steps of a frame's way, each timed alone."""

import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from sharpen_core.capture.clip import ClipCamera
from sharpen_core.crispness import USUAL_CRISPNESS, Crispener
from sharpen_core.engines.base import Engine, Network, Precision
from sharpen_core.engines.select import select_engine
from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import Floats
from sharpen_core.machine import one_thread_for_opencv
from sharpen_core.model_store import Model
from sharpen_core.output.i420 import rgb_to_i420
from sharpen_core.restorer import Restorer
from sharpen_core.timing import Timing, race
from sharpened_camera.bench.clips import MOVING, make_scene
from sharpened_camera.bench.networks import chart, unsharp
from sharpened_camera.bench.options import BenchOptions, Progress
from sharpened_camera.bench.results import UNSHARP, StageRow

_WEBCAM_JPEG_QUALITY = 85


def measure_stages(options: BenchOptions, progress: Progress) -> Iterator[StageRow]:
    """Yields the steps in the order of a frame's way, for the first model in the precision that `run` would take."""
    size, model = options.size, options.models[0]
    progress(f"stages at {size}")
    one_thread_for_opencv()  # as in a session
    picture = chart(size)
    clip = ClipCamera(make_scene(options.scratch, MOVING, size), paced=False)
    clip.open()
    try:
        around = race(_steps_around(picture, clip, options.threads), most_rounds=4 * options.rounds, most_s=options.most_s, least_rounds=3)
    finally:
        clip.close()
    network_ms, assemble_ms, label = _inside(model, picture, options)
    times = {
        "decode a webcam's JPEG": around["jpeg"],
        "BGR to RGB": around["rgb"],
        f"network: {label}": network_ms,
        "around the network: cut, blend, copy": assemble_ms,
        "crispen all of it": around["crispen"],
        "RGB to I420, for a virtual camera": around["i420"],
        "(read an uncompressed clip and to RGB, in place of a camera)": around["clip"],
        f"({UNSHARP})": around["unsharp"],
    }
    for stage, took_ms in times.items():
        timing = Timing.of(took_ms)
        yield StageRow(stage, str(size), timing.median_ms, timing.p95_ms, timing.runs)


def _steps_around(picture: Pixels, clip: ClipCamera, threads: int) -> dict[str, Callable[[], object]]:
    """The steps before and after the network, as the adapters of cameras and outputs do them."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _WEBCAM_JPEG_QUALITY])[1]
    crispener = Crispener(Size.of(picture), threads)
    crispener.crispness = USUAL_CRISPNESS
    even: Pixels = np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
    return {
        "jpeg": lambda: cv2.imdecode(jpeg, cv2.IMREAD_COLOR),
        "rgb": lambda: cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB),
        "crispen": lambda: crispener.apply(picture),
        "i420": lambda: rgb_to_i420(even),
        "clip": clip.read,
        "unsharp": lambda: unsharp(picture),
    }


def _inside(model: Model, picture: Pixels, options: BenchOptions) -> tuple[list[float], list[float], str]:
    """Times the network and the rest of sharpening, on the same frames.

    Returns:
        Milliseconds of the network, of the rest, and what ran.
    """
    engine = _StoppedEngine(select_engine("auto", options.threads, light=True))
    restorer = Restorer(model, engine, Size.of(picture))
    rest_ms: list[float] = []
    network_ms: list[float] = []

    def sharpen() -> None:
        engine.network_s = 0.0
        began_s = time.perf_counter()
        restorer.sharpen(picture)
        whole_s = time.perf_counter() - began_s
        network_ms.append(engine.network_s * 1000)
        rest_ms.append((whole_s - engine.network_s) * 1000)

    race({"sharpen": sharpen}, most_rounds=options.rounds, most_s=options.most_s, least_rounds=3)
    label = f"{model.name}, {engine.name} {restorer.precision}, tiles: {restorer.plan.count}"
    return network_ms[1:], rest_ms[1:], label


class _StoppedEngine:
    """Another engine with a stopwatch at its networks.

    Attributes:
        network_s: time spent in them since it was last set.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.network_s = 0.0

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return self._engine.name

    @property
    def fingerprint(self) -> str:
        """See `Engine.fingerprint`."""
        return self._engine.fingerprint

    @property
    def threads(self) -> int:
        """See `Engine.threads`."""
        return self._engine.threads

    def compile(self, model: Model, size: Size, *, users: int = 1) -> Network:
        """See `Engine.compile`."""
        return _StoppedNetwork(self._engine.compile(model, size, users=users), self)


class _StoppedNetwork:
    """A network whose time is counted."""

    def __init__(self, network: Network, engine: _StoppedEngine) -> None:
        self._network, self._engine = network, engine
        self.precision: Precision = network.precision

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """See `Network.infer`."""
        began_s = time.perf_counter()
        result = self._network.infer(pixels, mtf)
        self._engine.network_s += time.perf_counter() - began_s
        return result
