"""Choosing an engine, automatically or by name, and the threads it may use."""

import os
from collections.abc import Callable

from sharpen_core.engines.base import Engine
from sharpen_core.engines.identity import IdentityEngine
from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.errors import EngineUnavailable

ENGINES: dict[str, Callable[[int], Engine]] = {
    "openvino": OpenVINOEngine,
    "onnxruntime": OnnxRuntimeEngine,
    "identity": lambda _: IdentityEngine(),
}
AUTOMATIC = ("openvino", "onnxruntime")


def default_threads() -> int:
    """Threads for inference: half the cores that this process may use, so that the call keeps the others; at least two if there are two."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(2, usable), usable // 2)


def select_engine(name: str = "auto", threads: int | None = None) -> Engine:
    """Returns the engine called `name`; for "auto" the first of OpenVINO and ONNX Runtime that works here.

    Raises:
        EngineUnavailable: there is no such engine, or it is not installed.
    """
    count = threads or default_threads()
    if name != "auto":
        if name not in ENGINES:
            raise EngineUnavailable(f"there is no engine '{name}'", f"Choose one of: auto, {', '.join(ENGINES)}.")
        return ENGINES[name](count)
    reasons: list[str] = []
    for candidate in AUTOMATIC:
        try:
            return ENGINES[candidate](count)
        except EngineUnavailable as error:
            reasons.append(error.message)
    raise EngineUnavailable("no inference engine works here: " + "; ".join(reasons), "Install one with: pip install openvino")
