"""What a candidate costs: weights, multiply-accumulates, and milliseconds for a frame of 1280x720 on this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sharpen_core.engines.base import Precision
from sharpen_core.engines.select import default_threads, select_engine
from sharpen_core.errors import EngineUnavailable
from sharpen_core.frame import Size
from sharpen_core.machine import load, this_processor
from sharpen_core.restorer import Restorer
from sharpen_core.timing import race
from sharpen_core.tuning import trial_picture
from sharpen_train.evaluation.candidates import Candidate, ModelCandidate, NetworkCandidate
from sharpen_train.metrics import Picture

if TYPE_CHECKING:
    from sharpen_train.architectures import Network

FRAME = Size(height=720, width=1280)
PROBE = Size(height=256, width=256)
# A frame of a network beyond this takes minutes and many GB on a CPU (Restormer has 2,400): one tile is timed and scaled by its area.
MOST_KMAC_PER_PX = 150
BUSY_LOAD = 1.0
MOST_S, MOST_FRAMES, LEAST_FRAMES = 3.0, 50, 3


@dataclass(frozen=True)
class Timing:
    """Milliseconds for one frame of 1280x720.

    Attributes:
        p50_ms, p95_ms: median and 95th percentile.
        frames: how many were timed.
        scaled: timed on one tile of 256x256 and scaled by the area.
    """

    p50_ms: float
    p95_ms: float
    frames: int
    scaled: bool = False


@dataclass(frozen=True)
class Cost:
    """What a candidate costs.

    Attributes:
        parameters: number of weights.
        kmac_per_px: thousand multiply-accumulates per pixel.
        timings: by engine and precision, such as "openvino/bf16".
    """

    parameters: int
    kmac_per_px: float
    timings: dict[str, Timing] = field(default_factory=dict)


def measure_cost(candidate: Candidate, *, threads: int | None = None) -> Cost:
    """Times a candidate on a busy-looking frame. Nothing else should run meanwhile.

    Args:
        candidate: what to time: an exported model on each engine and precision that it promises, a network in torch.
        threads: CPU threads; by default as many as the program would use.
    """
    count, kmac_per_px = threads or default_threads(), candidate.kmac_per_px
    timings: dict[str, Timing] = {}
    if isinstance(candidate, ModelCandidate):
        timings = _time_model(candidate, count)
    elif isinstance(candidate, NetworkCandidate):
        timings["torch/f32"] = _time_network(candidate.network, kmac_per_px, count)
    return Cost(candidate.parameters, round(kmac_per_px, 2), timings)


def describe_machine(threads: int | None = None) -> str:
    """Returns the processor, the threads that are timed, and, if others keep it busy, so much: call it before the timing."""
    busy_now = load() or 0.0
    busy = f", busy with other work (load {busy_now:.1f}): times are too long" if busy_now > BUSY_LOAD else ""
    return f"{this_processor().name}, {threads or default_threads()} threads{busy}"


def _time_model(candidate: ModelCandidate, threads: int) -> dict[str, Timing]:
    precisions: Sequence[Precision] = (candidate.precision,) if candidate.precision else candidate.model.precisions
    ways: list[tuple[str, Precision]] = [("openvino", precision) for precision in precisions]
    if candidate.precision is None and "onnxruntime/f32" in candidate.model.manifest.parity:
        ways.append(("onnxruntime", "f32"))
    timings: dict[str, Timing] = {}
    for name, precision in ways:
        try:
            engine = select_engine(name, threads, precision)
        except EngineUnavailable:
            continue  # this machine has not got it, or does not compute in it: nothing to time
        timings[f"{name}/{precision}"] = _time(Restorer(candidate.model, engine, FRAME).sharpen, FRAME)
    return timings


def _time_network(network: "Network", kmac_per_px: float, threads: int) -> Timing:
    import torch

    from sharpen_train.distil.restore import restore_tiled

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return _time(lambda frame: restore_tiled(network, frame), PROBE if kmac_per_px > MOST_KMAC_PER_PX else FRAME)
    finally:
        torch.set_num_threads(before)


def _time(sharpen: Callable[[Picture], Picture], size: Size) -> Timing:
    frame = trial_picture(size)
    calls = {"frame": lambda: sharpen(frame)}
    times_ms = race(calls, most_rounds=MOST_FRAMES, most_s=MOST_S, least_rounds=LEAST_FRAMES)["frame"]
    scale = FRAME.height * FRAME.width / (size.height * size.width)
    p50_ms, p95_ms = (round(float(value) * scale, 2) for value in np.percentile(times_ms, [50, 95]))
    return Timing(p50_ms, p95_ms, len(times_ms), scaled=size != FRAME)
