"""Choosing an engine, automatically or by name, and the threads it may use."""

from collections.abc import Callable

from sharpen_core.engines.base import Engine, Precision
from sharpen_core.engines.identity import IdentityEngine
from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.errors import EngineUnavailable
from sharpen_core.machine import usable_cores

ENGINES: dict[str, Callable[[int, Precision | None, bool], Engine]] = {
    "openvino": lambda threads, precision, light: OpenVINOEngine(threads, precision, light=light),
    "onnxruntime": lambda threads, precision, light: OnnxRuntimeEngine(threads, precision),  # noqa: ARG005  (it has no 8 bits)
    "identity": lambda threads, precision, light: IdentityEngine(),  # noqa: ARG005  (it computes nothing)
}
AUTOMATIC = ("openvino", "onnxruntime")


def default_threads(cpu: float = 0.5) -> int:
    """Threads for inference: half the cores that this process may use, so that the call keeps the others; at least two if there are two.

    Args:
        cpu: another share of the cores, 0 to 1. A limit that even two threads exceed is kept by doing less: two that rest half of the
            time answer sooner than one that never does.
    """
    usable = usable_cores()
    return max(min(2, usable), int(cpu * usable))


def select_engine(name: str = "auto", threads: int | None = None, precision: Precision | None = None, *, light: bool = False) -> Engine:
    """Returns the engine called `name`; for "auto" the first of OpenVINO and ONNX Runtime that works here.

    Args:
        name: "auto" or one of `ENGINES`.
        threads: CPU threads for one inference; None takes `default_threads`.
        precision: what to compute in; None leaves it to the engine.
        light: where it is left to the engine, spare the processor wherever that costs the picture next to nothing.

    Raises:
        EngineUnavailable: there is no such engine, it is not installed, or it does not compute in that precision.
    """
    count = threads or default_threads()
    if name != "auto":
        if name not in ENGINES:
            raise EngineUnavailable(f"there is no engine '{name}'", f"Choose one of: auto, {', '.join(ENGINES)}.")
        return ENGINES[name](count, precision, light)
    reasons: list[str] = []
    for candidate in AUTOMATIC:
        try:
            return ENGINES[candidate](count, precision, light)
        except EngineUnavailable as error:
            reasons.append(error.message)
    hint = f"Leave out --precision {precision}, or install an engine with: pip install openvino" if precision else ""
    raise EngineUnavailable("no inference engine works here: " + "; ".join(reasons), hint or "Install one with: pip install openvino")
