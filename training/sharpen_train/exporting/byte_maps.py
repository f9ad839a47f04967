"""What an 8-bit graph writes and reads as bytes: the picture, the residual, and maps of doubled size.

Quantisation looks at what convolutions take. At these three places it is to be told more than the pictures that it sees can tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpen_core.engines.openvino import import_openvino
from sharpen_train.exporting.ops import REARRANGING, ROWS_RANK, insert_behind, source, way_to_result

Floats = NDArray[np.float32]
LEVELS = 256
MARGIN = 1.25
"""How far the range of a doubled map goes beyond what calibration found."""
LEAST_RANGE = 1e-3
Range = tuple[Floats, Floats]
"""Lowest and highest values by channel."""


@dataclass(frozen=True)
class _Doubled:
    """A map of doubled size that something is added to; a ReLU follows, and one came before what is added."""

    map: Any
    added: Any
    bias: Floats  # (C,), the highest of the four pixels


def keep_every_byte(graph: Any) -> int:
    """Gives each quantiser that sees the bytes of the input a step for each of the 256; returns how many quantisers there are."""
    found = 0
    waiting = [(graph.input("image").get_node(), 1.0)]  # a node, and what the bytes were multiplied by on the way to it
    while waiting:
        before, scale = waiting.pop()
        for port in before.output(0).get_target_inputs():
            node = port.get_node()
            if node.get_type_name() == "FakeQuantize":
                found += 1
                for number, value in enumerate((0.0, 255 * scale, 0.0, 255 * scale), 1):  # ranges of its input and of its output
                    shape = node.input_value(number).get_shape()
                    node.input(number).replace_source_output(_constant(np.full(shape, value, np.float32)).output(0))
            elif node.get_type_name() in REARRANGING:
                waiting.append((node, scale))
            elif node.get_type_name() == "Multiply" and (factor := _only_value(node.input_value(1).get_node())):
                waiting.append((node, scale * factor))
    return found


def _only_value(node: Any) -> float | None:
    """The value of a constant that holds one; None for anything else."""
    return float(node.data.item()) if node.get_type_name() == "Constant" and node.data.size == 1 else None


def round_residual(graph: Any) -> int:
    """Rounds the residual before it is brought into rows, a quarter of the memory to move; returns how many residuals there are.

    Whole numbers are what it is added to, and what the sum is rounded to: that stays the same unless the residual is beyond 127 (as one
    value in a million is on heavily soft screens, by up to 5), or ends in exactly one half.
    """
    splits = [node for node in way_to_result(graph) if node.get_type_name() in ("Split", "VariadicSplit")]
    for split in splits:
        _quantise_behind(source(split), (_floats([-128]), _floats([127])))
    return len(splits)


def measure_doubled(core: Any, graph: Any, calibrate: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, Range]:
    """Returns what the maps of doubled size need as a range, by name of the operation that doubles, on the float32 graph.

    What lies below minus the most that is added to it is taken off by the ReLU behind the sum: there the range ends, which
    is a thirtieth of the map's own in some channels.

    Args:
        core: OpenVINO's.
        graph: the float32 one; it is given more outputs.
        calibrate: what to run it on, inputs by name.
    """
    doubled = _doubled(graph)
    if not doubled:
        return {}
    graph.add_outputs([node.output(0) for each in doubled for node in (each.map, each.added)])
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    lowest, highest = ([_floats([0])] * 2 * len(doubled) for _ in range(2))
    for inputs in calibrate:
        results = compiled(dict(inputs)).to_tuple()[-len(lowest) :]
        for number, values in enumerate(results):
            lowest[number] = np.minimum(lowest[number], values.min((0, 2, 3)))
            highest[number] = np.maximum(highest[number], values.max((0, 2, 3)))
    ranges: dict[str, Range] = {}
    for each, low, high, most_added in zip(doubled, lowest[::2], highest[::2], highest[1::2], strict=True):
        needed = np.minimum(0, np.maximum(low, -(most_added + each.bias)))
        ranges[each.map.get_friendly_name()] = _with_zero(MARGIN * needed, MARGIN * high)
    return ranges


def keep_doubled(graph: Any, ranges: Mapping[str, Range]) -> None:
    """Keeps maps of doubled size in 8 bits, with the ranges that `measure_doubled` found; the sums behind them stay in floating point."""
    for each in _doubled(graph):
        _quantise_behind(each.map, ranges[each.map.get_friendly_name()])


def _doubled(graph: Any) -> list[_Doubled]:
    """Finds maps made by `RowDoubling`: a transposed convolution, a bias for each of four pixels, a sum, a ReLU."""
    found: list[_Doubled] = []
    for total in [source(node) for node in graph.get_ordered_ops() if node.get_type_name() == "Relu"]:
        for one, other in ((0, 1), (1, 0)) if _is_sum_of_rows(total) else ():
            biased, added = source(total, one), source(total, other)
            if _is_sum_of_rows(biased) and added.get_type_name() == "Relu" and source(biased).get_type_name() == "ConvolutionBackpropData":
                doubling = source(biased)
                channels = doubling.output(0).get_partial_shape()[1].get_length()
                found.append(_Doubled(doubling, added, source(biased, 1).data.reshape(-1, channels).max(0)))
    return found


def _is_sum_of_rows(node: Any) -> bool:
    return node.get_type_name() == "Add" and node.output(0).get_partial_shape().rank.get_length() == ROWS_RANK


def _with_zero(low: NDArray[Any], high: NDArray[Any]) -> Range:
    """Returns a range around 0 that holds this one, and in which 0 is one of the levels."""
    step = np.maximum(high - low, LEAST_RANGE) / (LEVELS - 2)
    below = np.ceil(-low / step)
    return _floats(-below * step), _floats((LEVELS - 1 - below) * step)


def _quantise_behind(node: Any, values: Range) -> None:
    low, high = (_constant(value.reshape(1, -1, 1, 1)) for value in values)
    insert_behind(node, import_openvino().opset13.fake_quantize(node.output(0), low, high, low, high, LEVELS))


def _floats(values: NDArray[Any] | Sequence[float]) -> Floats:
    return np.asarray(values, np.float32)


def _constant(value: Floats) -> Any:
    return import_openvino().opset13.constant(value)
