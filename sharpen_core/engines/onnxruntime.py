"""ONNX Runtime on the CPU: the portable fallback."""

from typing import Any

from sharpen_core.engines.base import Precision, graph_inputs
from sharpen_core.errors import EngineCompileFailed, EngineInferenceFailed, EngineUnavailable
from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import Floats
from sharpen_core.model_store import Model


class OnnxRuntimeEngine:
    """Runs a model's ONNX file on the CPU with a fixed number of threads, in float32.

    Args:
        threads: CPU threads for one inference.
        precision: None or "f32".

    Raises:
        EngineUnavailable: ONNX Runtime is not installed, or another precision is asked for.
    """

    name = "onnxruntime"

    def __init__(self, threads: int, precision: Precision | None = None) -> None:
        if precision not in (None, "f32"):
            raise EngineUnavailable(f"ONNX Runtime computes in f32, not in {precision}", "Use OpenVINO for it: --engine openvino")
        try:
            import onnxruntime
        except ImportError as error:
            raise EngineUnavailable("ONNX Runtime is not installed", "Install it with: pip install onnxruntime") from error
        self._library = onnxruntime
        self._threads = threads

    @property
    def fingerprint(self) -> str:
        """See `Engine.fingerprint`."""
        return f"{self.name} {self._library.__version__} f32 {self._threads} threads"

    @property
    def threads(self) -> int:
        """See `Engine.threads`."""
        return self._threads

    def compile(self, model: Model, size: Size, *, users: int = 1) -> "OnnxRuntimeNetwork":
        """See `Engine.compile`."""
        options = self._library.SessionOptions()
        options.intra_op_num_threads = max(1, self._threads // users)
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # By default its threads spin between frames and burn whole cores while they wait for the camera.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_free_dimension_override_by_name("height", size.height)
        options.add_free_dimension_override_by_name("width", size.width)
        path = model.file(model.onnx_file)
        try:
            session = self._library.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no base class below Exception
            raise EngineCompileFailed(
                f"ONNX Runtime cannot load the model '{model.name}' for {size}: {str(error).strip().splitlines()[-1]}",
                "Install the model again.",
            ) from error
        return OnnxRuntimeNetwork(session, told=model.manifest.told)


class OnnxRuntimeNetwork:
    """A session for one size."""

    precision: Precision = "f32"

    def __init__(self, session: Any, *, told: bool) -> None:
        self._session = session
        self._told = told

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """See `Network.infer`."""
        inputs = graph_inputs(pixels, mtf, told=self._told)
        try:
            (result,) = self._session.run(None, inputs)
        except Exception as error:  # its errors share no base class below Exception
            raise EngineInferenceFailed(f"ONNX Runtime failed on a frame: {str(error).strip().splitlines()[-1]}", "") from error
        return result[0]
