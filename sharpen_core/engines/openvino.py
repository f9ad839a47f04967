"""OpenVINO on the CPU: the fast path."""

import functools
import gzip
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np
import platformdirs

from sharpen_core.engines.base import Precision, graph_inputs
from sharpen_core.errors import EngineCompileFailed, EngineInferenceFailed, EngineUnavailable, ModelIncompatible
from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import Floats
from sharpen_core.model_store import APP_NAME, Model

_EIGHT_BITS_PAY = ("x86_64", "amd64")
"""Machines on which 8 bits were measured to be faster than float32 with every set of instructions from AVX2 on."""


def import_openvino() -> ModuleType:
    """Imports OpenVINO without its telemetry.

    By itself the import forks a process that reports to Google Analytics; it inherits every open camera and pipe, and where the fork
    happens while another thread imports something, it hangs for ever and keeps them. No setting stops
    that; a telemetry package that cannot be imported does, and OpenVINO then uses the stub that it carries for this case.

    Raises:
        EngineUnavailable: OpenVINO is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    try:
        import openvino
    except ImportError as error:
        raise EngineUnavailable("OpenVINO is not installed", "Install it with: pip install openvino") from error
    return openvino


@functools.cache
def shared_core() -> Any:
    """Returns OpenVINO's core: one for the process, kept to its end; threads may share it.

    Each core gives its thread a stack for signal handlers, and puts the one before back when it is freed. Of two that are not freed in
    reverse order the second puts back what the first has freed, and the next Ctrl-C is a segmentation fault (2026.4).

    Raises:
        EngineUnavailable: OpenVINO is not installed.
    """
    return import_openvino().Core()


class OpenVINOEngine:
    """Runs a model's IR on the CPU with a fixed number of threads.

    Args:
        threads: CPU threads for one inference.
        precision: what to compute in; None takes bfloat16 where the CPU computes in it and the model promises it, otherwise float32.
        light: where no precision is named, take 8 bits for models that promise that these are harmless.

    Raises:
        EngineUnavailable: OpenVINO or its CPU plugin is not installed, or the CPU does not compute in bfloat16 although told to.
    """

    name = "openvino"

    def __init__(self, threads: int, precision: Precision | None = None, *, light: bool = False) -> None:
        self._core = shared_core()
        self._version: str = import_openvino().__version__
        if "CPU" not in self._core.available_devices:
            raise EngineUnavailable("OpenVINO has no CPU device here", "Install OpenVINO again: pip install --force-reinstall openvino")
        self._threads = threads
        self._wanted = precision
        self._light = light and platform.machine().lower() in _EIGHT_BITS_PAY
        self._has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and not self._has_bf16:
            raise EngineUnavailable("this CPU does not compute in bf16", "Choose another precision, such as f32.")

    @property
    def fingerprint(self) -> str:
        """See `Engine.fingerprint`."""
        return f"{self.name} {self._version} {self._wanted or ('light' if self._light else 'auto')} {self._threads} threads"

    def _precision_for(self, model: Model) -> Precision:
        """What was asked for; by default bfloat16, which is about 1.6 times as fast and within a step of the same picture, or 8 bits."""
        if self._wanted is None:
            if self._light and "int8" in model.precisions and model.manifest.int8 and model.manifest.int8.harmless:
                return "int8"
            return "bf16" if self._has_bf16 and "bf16" in model.precisions else "f32"
        if self._wanted not in model.precisions:
            raise ModelIncompatible(f"the model '{model.name}' has no {self._wanted}", f"It has: {', '.join(model.precisions)}.")
        return self._wanted

    @property
    def threads(self) -> int:
        """See `Engine.threads`."""
        return self._threads

    def compile(self, model: Model, size: Size, *, users: int = 1) -> "OpenVINONetwork":
        """See `Engine.compile`. Compiled networks are cached in the user's cache folder."""
        precision = self._precision_for(model)
        files = [model.file(name) for name in model.graph_files(precision)]
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": max(self._threads, users),
            "NUM_STREAMS": users,
            # What a graph of 8 bits leaves in floating point takes a sixth less time in bfloat16 than in float32, and is as near the truth:
            # at most 2/255 and on average 0.2/255 apart, where 8 bits alone are 0.5 to 1 from float32.
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" or (precision == "int8" and self._has_bf16) else "f32",
            "CACHE_DIR": str(platformdirs.user_cache_path(APP_NAME) / "openvino"),
        }
        try:
            graph = self._read(*files)
            graph.reshape({"image": [1, size.height, size.width, 3]})
            compiled = self._core.compile_model(graph, "CPU", options)
            requests = [compiled.create_infer_request() for _ in range(users)]
            return OpenVINONetwork(requests, precision, told=model.manifest.told)
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineCompileFailed(
                f"OpenVINO cannot load the model '{model.name}' for {size}: {str(error).strip().splitlines()[-1]}",
                "Try --engine onnxruntime, or install the model again.",
            ) from error

    def _read(self, graph: Path, *weights: Path) -> Any:
        """Reads a graph as OpenVINO does, or a packed one."""
        if graph.suffix != ".gz":
            return self._core.read_model(graph)
        tensor = import_openvino().Tensor(np.fromfile(weights[0], np.uint8))
        return self._core.read_model(gzip.decompress(graph.read_bytes()), tensor)


class OpenVINONetwork:
    """A compiled network for one size.

    Args:
        requests: one for each thread that uses the network at the same time.
        precision: the arithmetic in use.
        told: whether it takes an MTF.
    """

    def __init__(self, requests: Sequence[Any], precision: Precision, *, told: bool) -> None:
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for request in requests:
            self._idle.put(request)
        self._shared = len(requests) > 1  # then a result that lay in a request's memory would soon be overwritten
        self.precision: Precision = precision
        self._told = told

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """See `Network.infer`."""
        inputs = graph_inputs(pixels, mtf, told=self._told)
        request = self._idle.get()
        try:
            results = request.infer(inputs, share_inputs=True, share_outputs=not self._shared)
        except RuntimeError as error:
            raise EngineInferenceFailed(f"OpenVINO failed on a frame: {str(error).strip().splitlines()[-1]}", "") from error
        finally:
            self._idle.put(request)
        return np.asarray(results[0])[0]
