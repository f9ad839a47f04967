"""The practical roof of this machine: the most operations per second that a stack of plain 3x3 convolutions reaches.

No network can be faster, and a well-made one comes near: a figure that says more than milliseconds on an unknown machine.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sharpen_core.engines.base import Precision
from sharpen_core.engines.openvino import import_openvino, shared_core
from sharpen_core.timing import race
from sharpened_camera.bench.options import BenchOptions, Progress
from sharpened_camera.bench.results import RoofRow

LAYERS = 8
SHAPES = ((32, 180, 320), (64, 90, 160), (128, 90, 160), (256, 45, 80))
"""Channels, height, width: what the inner levels of networks for 1280x720 look like, and larger."""


def measure_roof(options: BenchOptions, progress: Progress) -> Iterator[RoofRow]:
    """Yields the roof of each precision that OpenVINO computes in here.

    Raises:
        EngineUnavailable: OpenVINO is not installed.
    """
    core = shared_core()
    able = set(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    precisions: list[Precision] = ["f32", *(["bf16"] if "BF16" in able else []), *(["int8"] if "INT8" in able else [])]
    for precision in precisions:
        progress(f"roof: 3x3 convolutions in {precision}")
        calls = {shape: _stack(core, shape, precision, options.threads) for shape in SHAPES}
        times = race(calls, most_rounds=options.rounds, most_s=options.most_s / 4, least_rounds=3)
        # The fastest run counts, not the median: a roof is what can be reached.
        gflops, (channels, height, width) = max((operations(shape) / min(took_ms) / 1e6, shape) for shape, took_ms in times.items())
        yield RoofRow(precision, round(gflops, 1), f"{LAYERS} layers of {channels} channels at {width}x{height}")


def operations(shape: tuple[int, int, int]) -> int:
    """How many multiplications and additions one run of a stack takes."""
    channels, height, width = shape
    return 2 * LAYERS * 9 * channels * channels * height * width


def _stack(core: Any, shape: tuple[int, int, int], precision: Precision, threads: int) -> Callable[[], object]:
    """Compiles a stack; returns what runs it once."""
    graph = _graph(shape, quantised=precision == "int8")
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    request = core.compile_model(graph, "CPU", options).create_infer_request()
    picture = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    return lambda: request.infer([picture], share_inputs=True, share_outputs=True)


def _graph(shape: tuple[int, int, int], *, quantised: bool) -> Any:
    openvino = import_openvino()
    from openvino import opset13 as ops

    channels, random = shape[0], np.random.default_rng(0)
    picture = ops.parameter([1, *shape], np.float32, "picture")

    def in_8_bits(node: Any, low: float, levels: int) -> Any:
        ends = [ops.constant(np.float32(end)) for end in (low, 1.0)]
        return ops.fake_quantize(node, *ends, *ends, levels)

    node: Any = picture
    for _ in range(LAYERS):
        kernel: Any = ops.constant(random.uniform(-1, 1, (channels, channels, 3, 3)).astype(np.float32) / channels)
        if quantised:
            node, kernel = in_8_bits(node, 0.0, 256), in_8_bits(kernel, -1.0, 255)
        node = ops.relu(ops.convolution(node, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    return openvino.Model([node], [picture], "stack")
