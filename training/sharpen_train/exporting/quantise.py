"""8-bit convolutions by post-training quantisation (NNCF), kept only if pictures do not suffer.

The graph is quantised with its byte input and output, and everything behind the last convolutions stays in floating point: the sum
of input and residual above all. So what the network leaves alone comes out untouched, as in float32. And the bytes that enter the first
convolution keep their 256 steps: calibration would cut the range at the brightest values that pictures have on average (measured on `fast`:
that alone costs 0.06 to 0.08 dB on average, and 1.5 dB on the worst picture). What is added to a doubled map stays in floating
point too, as the map's range may be several times the other's (`fast`: 0.05 dB are lost with both in 8 bits, none so).
"""

import contextlib
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpen_core.engines.openvino import import_openvino, shared_core
from sharpen_core.gauge import Gauge
from sharpen_core.model_store import GRAPHS, Quantisation
from sharpen_train.degradations import Picture
from sharpen_train.errors import ExportError, MissingExtraError
from sharpen_train.exporting.calibration import Examples
from sharpen_train.metrics import psnr

CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
ROWS_RANK = 5
GUIDE = "/guide/"
Inputs = dict[str, NDArray[Any]]
REARRANGING = ("Convert", "Transpose", "Reshape", "SpaceToDepth")


@dataclass(frozen=True)
class Plan:
    """One way to quantise a graph, the fastest first; which of the convolutions at its ends stay in floating point."""

    words: str
    last_in_float: bool = False
    first_in_float: bool = False


PLANS = (
    Plan("all convolutions in 8 bits"),
    Plan("all convolutions but the last in 8 bits", last_in_float=True),
    Plan("all convolutions but the first and the last in 8 bits", last_in_float=True, first_in_float=True),
)


def import_nncf() -> ModuleType:
    """Imports NNCF without its telemetry, which it leaves out where OpenVINO's cannot be imported.

    Raises:
        MissingExtraError: NNCF is not installed.
    """
    import_openvino()
    try:
        import nncf
    except ImportError as error:
        raise MissingExtraError("NNCF is not installed, which --int8 needs", "Install it with: pip install nncf") from error
    nncf.set_log_level(logging.ERROR)
    return nncf


def quantise(folder: Path, examples: Examples, limit_db: float, gauge: Gauge | None = None) -> Quantisation:
    """Writes model-int8.xml and .bin beside the model.xml in `folder`, by the first plan that stays within the limit.

    Args:
        folder: of the model.
        examples: what to calibrate on, and what to measure the loss on.
        limit_db: how far the mean PSNR may fall below that of float32.
        gauge: what reads how soft a picture is, for a model that is told that.

    Raises:
        ExportError: no plan stays within the limit; nothing is written then.
        MissingExtraError: NNCF is not installed.
    """
    openvino = import_openvino()
    core = shared_core()
    source = folder / f"{GRAPHS['f32']}.xml"
    exact = core.read_model(source)
    untouched = [(truth, truth) for _, truth in examples.held_out]
    reference = _qualities(core, exact, examples.held_out, gauge)
    sharp_db_float = _mean(_qualities(core, exact, untouched, gauge))
    tried: list[Quantisation] = []
    for plan in PLANS:
        graph = _quantised(core.read_model(source), [_inputs(picture, gauge) for picture in examples.calibrate], plan)
        losses = np.subtract(reference, _qualities(core, graph, examples.held_out, gauge))
        result = Quantisation(
            method=plan.words,
            psnr_loss_db=round(float(losses.mean()), 4),
            worst_psnr_loss_db=round(float(losses.max()), 4),
            pictures=len(losses),
            sharp_db=_mean(_qualities(core, graph, untouched, gauge)),
            sharp_db_float=sharp_db_float,
        )
        print(f"int8, {plan.words}: PSNR {-result.psnr_loss_db:+.3f} dB on average, {-result.worst_psnr_loss_db:+.3f} dB at worst")
        if result.psnr_loss_db <= limit_db:
            openvino.save_model(graph, folder / f"{GRAPHS['int8']}.xml", compress_to_fp16=False)
            return result
        tried.append(result)
    best = min(result.psnr_loss_db for result in tried)
    raise ExportError(
        f"8 bits cost {best:.3f} dB of PSNR on {len(examples.held_out)} held-out pictures, more than the {limit_db:g} dB allowed",
        "Export without --int8, calibrate on other pictures, or allow more with --accuracy-limit-db; nothing was written.",
    )


def combined(costs: Sequence[Quantisation]) -> Quantisation:
    """Returns what 8 bits cost the specialists of a model together; what becomes of sharp pictures is up to the last."""
    pictures = sum(cost.pictures for cost in costs)
    return Quantisation(
        method="; ".join(dict.fromkeys(cost.method for cost in costs)),
        psnr_loss_db=round(sum(cost.psnr_loss_db * cost.pictures for cost in costs) / pictures, 4),
        worst_psnr_loss_db=max(cost.worst_psnr_loss_db for cost in costs),
        pictures=pictures,
        sharp_db=costs[-1].sharp_db,
        sharp_db_float=costs[-1].sharp_db_float,
    )


def _quantised(graph: Any, calibrate: Sequence[Inputs], plan: Plan) -> Any:
    nncf = import_nncf()
    from nncf.quantization import range_estimator

    kept = names_behind_last_convolutions(graph) | names_on_rows(graph) | names_of_guide(graph)
    kept |= last_convolutions(graph) if plan.last_in_float else set()
    kept |= {first_convolution(graph)} if plan.first_in_float else set()
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        quantised = nncf.quantize(
            graph,
            nncf.Dataset(list(calibrate)),
            subset_size=len(calibrate),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=sorted(kept), validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # Without VNNI 8-bit products overflow 16 bits unless the weights keep to half of their range.
                overflow_fix=nncf.OverflowFix.ENABLE,
                # Measured on `fast`, held-out PSNR: 0.10 dB are lost as NNCF corrects biases, 0.08 dB as it leaves them.
                disable_bias_correction=True,
                # Ranges that hold every value there was. Means over pictures cut off what only text has: on soft screens that were not
                # calibrated on, 0.2 to 2.6 dB are lost with them on average and 27 on one, and 0.1 dB less than this on photographs.
                activations_range_estimator_params=range_estimator.RangeEstimatorParametersSet.MINMAX,
            ),
        )
    keep_every_byte(quantised)
    return quantised


def names_behind_last_convolutions(graph: Any) -> set[str]:
    """Returns the names of all operations between the last convolutions of an OpenVINO graph and its result.

    The way from the input to the final sum is among them.
    """
    return {node.get_friendly_name() for node in _walk_back(graph) if node.get_type_name() not in CONVOLUTIONS}


def names_on_rows(graph: Any) -> set[str]:
    """Returns the names of the sums and products of an OpenVINO graph that are done on maps seen as rows; see `RowDoubling`."""
    return {
        node.get_friendly_name()
        for node in graph.get_ordered_ops()
        if node.get_type_name() in ("Add", "Multiply") and node.output(0).get_partial_shape().rank.get_length() == ROWS_RANK
    }


def names_of_guide(graph: Any) -> set[str]:
    """Returns the names of the matrix products that work on what the network is told: six numbers, for which 8 bits are too coarse."""
    return {node.get_friendly_name() for node in graph.get_ordered_ops() if GUIDE in node.get_friendly_name()}


def first_convolution(graph: Any) -> str:
    """Returns the name of the first convolution of an OpenVINO graph."""
    guide = names_of_guide(graph)
    names = (node.get_friendly_name() for node in graph.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS)
    return next(name for name in names if name not in guide)


def last_convolutions(graph: Any) -> set[str]:
    """Returns the names of the last convolutions of an OpenVINO graph; there are several where branches meet behind them."""
    return {node.get_friendly_name() for node in _walk_back(graph) if node.get_type_name() in CONVOLUTIONS}


def keep_every_byte(graph: Any) -> int:
    """Gives each quantiser that sees the bytes of the input a step for each of the 256; returns how many quantisers there are."""
    constant = import_openvino().opset13.constant
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
                    node.input(number).replace_source_output(constant(np.full(shape, value, np.float32)).output(0))
            elif node.get_type_name() in REARRANGING:
                waiting.append((node, scale))
            elif node.get_type_name() == "Multiply" and (factor := _only_value(node.input_value(1).get_node())):
                waiting.append((node, scale * factor))
    return found


def _only_value(node: Any) -> float | None:
    """The value of a constant that holds one; None for anything else."""
    return float(node.data.item()) if node.get_type_name() == "Constant" and node.data.size == 1 else None


def _walk_back(graph: Any) -> list[Any]:
    """Returns the operations that lead to the result, each convolution included but nothing before it."""
    found: dict[str, Any] = {}
    waiting = [graph.get_results()[0]]
    while waiting:
        for port in waiting.pop().inputs():
            node = port.get_source_output().get_node()
            name = node.get_friendly_name()
            if name in found or node.get_type_name() in ("Constant", "Parameter"):
                continue
            found[name] = node
            if node.get_type_name() not in CONVOLUTIONS:
                waiting.append(node)
    return list(found.values())


def _qualities(core: Any, graph: Any, pairs: Sequence[tuple[Picture, Picture]], gauge: Gauge | None) -> list[float]:
    """Returns the PSNR in dB of what the graph makes of each first picture, against the second."""
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [psnr(np.asarray(compiled(_inputs(soft, gauge))[0])[0], truth) for soft, truth in pairs]


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 1)


def _inputs(picture: Picture, gauge: Gauge | None) -> Inputs:
    """Returns what the graph takes for a picture."""
    return {"image": picture[None]} | ({"mtf": gauge.read_whole(picture)[None]} if gauge else {})
