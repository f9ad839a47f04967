"""8-bit convolutions by post-training quantisation (NNCF), kept only if pictures do not suffer.

The graph is quantised with its byte input and output, and the sum of input and residual stays in floating point. So what the network
leaves alone comes out untouched, as in float32. And the bytes that enter the first convolution keep their 256 steps: calibration would cut
the range at the brightest values that pictures have on average (measured on `fast`: that alone costs 0.06 to 0.08 dB on average, and 1.5 dB
on the worst picture). A map of doubled size is kept in 8 bits as well, but what is added to it is not, nor the sum; see `byte_maps`.
"""

import contextlib
import io
import logging
from collections.abc import Mapping, Sequence
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
from sharpen_train.exporting.byte_maps import Range, keep_doubled, keep_every_byte, measure_doubled, round_residual
from sharpen_train.exporting.calibration import Examples
from sharpen_train.exporting.ops import first_convolution, last_convolutions, names_behind_last_convolutions, names_of_guide, names_on_rows
from sharpen_train.metrics import psnr

Inputs = dict[str, NDArray[Any]]


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
    calibrate = [_inputs(picture, gauge) for picture in examples.calibrate]
    ranges = measure_doubled(core, core.read_model(source), calibrate)
    for plan in PLANS:
        graph = _quantised(core.read_model(source), calibrate, plan, ranges)
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


def _quantised(graph: Any, calibrate: Sequence[Inputs], plan: Plan, ranges: Mapping[str, Range]) -> Any:
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
    keep_doubled(quantised, ranges)
    round_residual(quantised)
    return quantised


def _qualities(core: Any, graph: Any, pairs: Sequence[tuple[Picture, Picture]], gauge: Gauge | None) -> list[float]:
    """Returns the PSNR in dB of what the graph makes of each first picture, against the second."""
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [psnr(np.asarray(compiled(_inputs(soft, gauge))[0])[0], truth) for soft, truth in pairs]


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 1)


def _inputs(picture: Picture, gauge: Gauge | None) -> Inputs:
    """Returns what the graph takes for a picture."""
    return {"image": picture[None]} | ({"mtf": gauge.read_whole(picture)[None]} if gauge else {})
