"""Whether every engine and precision gives the picture of the trained network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

from sharpen_core.engines.base import Engine
from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.engines.select import default_threads
from sharpen_core.errors import EngineUnavailable
from sharpen_core.frame import Size
from sharpen_core.model_store import Model, Parity, Precision
from sharpen_train.degradations import Picture
from sharpen_train.errors import ExportError

# float32 may differ by one step where a value lies on the edge of rounding; half-size weights and bfloat16 must be invisible on average.
# What 8 bits may cost is decided on real pictures (`quantise`); on the golden ones, which are harder, it is only kept from nonsense.
LIMITS: dict[str, Parity] = {
    "onnxruntime/f32": Parity(max_abs=1, mean_abs=0.01),
    "openvino/f32": Parity(max_abs=1, mean_abs=0.01),
    "openvino/bf16": Parity(max_abs=12, mean_abs=0.5),
    "openvino/f16": Parity(max_abs=3, mean_abs=0.1),
    "openvino/int8": Parity(max_abs=64, mean_abs=2.0),
}
# The engines take it by themselves, so it is promised only where it holds; a model without it is computed in float32.
OPTIONAL = "openvino/bf16"


@dataclass(frozen=True)
class Row:
    """One way to run the model: how far it was, and how far it may be; `found` is None where this CPU cannot tell."""

    way: str
    found: Parity | None
    limit: Parity

    @property
    def holds(self) -> bool:
        """Whether it is close enough."""
        return self.found is not None and self.found.max_abs <= self.limit.max_abs and self.found.mean_abs <= self.limit.mean_abs


def check_parity(
    model: Model, pictures: Sequence[Picture], expected: Sequence[Sequence[Picture]], low: Sequence[Precision]
) -> dict[str, Parity]:
    """Compares every way to run a model with the trained network, and prints the table.

    Args:
        model: the exported one; what its manifest promises is not looked at.
        pictures: (H, W, 3) uint8, of sizes that the network divides.
        expected: what the trained network makes of them, with each of its sets of weights.
        low: "f16", "int8": the precisions that have a file of their own.

    Returns:
        By engine and precision, what can be promised.

    Raises:
        ExportError: one differs by more than its limit.
    """
    ways = ["onnxruntime/f32", "openvino/f32", OPTIONAL, *(f"openvino/{precision}" for precision in low)]
    # An engine refuses a precision that a model does not promise; here is where the promise is checked.
    trusting = Model(model.folder, model.manifest.model_copy(update={"parity": LIMITS}))
    rows = [Row(way, _measure(trusting, way, pictures, expected), LIMITS[way]) for way in ways]
    _print(rows)
    for row in rows:
        if not row.holds and row.way != OPTIONAL:
            assert row.found is not None
            measured = f"{row.found.max_abs:.0f}/255 at most and {row.found.mean_abs:.3f} on average"
            allowed = f"At most {row.limit.max_abs:.0f} and {row.limit.mean_abs:g} are allowed; the model was not written."
            raise ExportError(f"{row.way} differs from the trained network by {measured}", allowed)
    return {row.way: row.found for row in rows if row.holds and row.found is not None}


def _measure(model: Model, way: str, pictures: Sequence[Picture], expected: Sequence[Sequence[Picture]]) -> Parity | None:
    try:
        engine = _engine(way)
    except EngineUnavailable:
        if way != OPTIONAL:
            raise
        return None
    most, means, gauge = 0.0, list[float](), model.gauge()
    for number, wanted in enumerate(expected):
        chosen = replace(model, number=number)
        for picture, own in zip(pictures, wanted, strict=True):
            result = engine.compile(chosen, Size.of(picture)).infer(picture, gauge.read_whole(picture) if gauge else None)
            difference = np.abs(result.astype(np.int16) - own)
            most = max(most, float(difference.max()))
            means.append(float(difference.mean()))
    return Parity(max_abs=most, mean_abs=round(float(np.mean(means)), 4))


def _engine(way: str) -> Engine:
    name, _, precision = way.partition("/")
    threads = default_threads()
    if name == "onnxruntime":
        return OnnxRuntimeEngine(threads)
    known: dict[str, Precision] = {"f32": "f32", "bf16": "bf16", "f16": "f16", "int8": "int8"}
    return OpenVINOEngine(threads, known[precision])


def _print(rows: Sequence[Row]) -> None:
    table = Table(
        "way to run", "at most", "on average", "allowed", "", box=None, title="from the trained network, in 1/255", title_justify="left"
    )
    for row in rows:
        allowed = f"{row.limit.max_abs:.0f} and {row.limit.mean_abs:g}"
        if row.found is None:
            table.add_row(row.way, "-", "-", allowed, "not promised: this CPU does not compute in it")
            continue
        verdict = "ok" if row.holds else "not promised" if row.way == OPTIONAL else "too far"
        table.add_row(row.way, f"{row.found.max_abs:.0f}", f"{row.found.mean_abs:.4f}", allowed, verdict)
    Console(highlight=False).print(table)
