"""What every inference engine offers."""

from typing import Any, Protocol

from numpy.typing import NDArray

from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import SHARP, Floats
from sharpen_core.model_store import Model, Precision


class Network(Protocol):
    """A model compiled for one size of picture. Used by as many threads at a time as it was compiled for: one, unless said otherwise."""

    @property
    def precision(self) -> Precision:
        """The arithmetic in use."""
        ...

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """Sharpens one picture of exactly the compiled size.

        Args:
            pixels: (H, W, 3) uint8 RGB, C-contiguous; only read.
            mtf: how soft the frame is that the picture is of, (BANDS,) float32 (see `sharpen_core.gauge`), for a model that is told; None
                lets it think that the frame is sharp.

        Returns:
            (H, W, 3) uint8 RGB. Where one thread uses the network it may be the engine's own memory: valid until the next call, never
            written to.

        Raises:
            EngineInferenceFailed: the engine gave up.
        """
        ...


def graph_inputs(pixels: Pixels, mtf: Floats | None, *, told: bool) -> dict[str, NDArray[Any]]:
    """Returns what a model's graph takes, by name; see `Network.infer`.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        mtf: how soft the frame is; None for sharp.
        told: whether the model takes that.
    """
    inputs: dict[str, NDArray[Any]] = {"image": pixels[None]}
    if told:
        inputs["mtf"] = (SHARP if mtf is None else mtf)[None]
    return inputs


class Engine(Protocol):
    """A way to run models."""

    @property
    def name(self) -> str:
        """The name by which it is chosen: "openvino", "onnxruntime" or "identity"."""
        ...

    @property
    def fingerprint(self) -> str:
        """What decides how fast it is: name, version, wanted precision and threads; empty if it computes nothing."""
        ...

    @property
    def threads(self) -> int:
        """CPU threads that may compute at a time."""
        ...

    def compile(self, model: Model, size: Size, *, users: int = 1) -> Network:
        """Prepares `model` for pictures of `size`, both sides multiples of the model's `multiple_px`.

        Args:
            model: what to run.
            size: of the pictures.
            users: threads that will use the network at the same time, and among whom the CPU threads are divided.

        Raises:
            EngineCompileFailed: the engine cannot load the model.
            ModelIncompatible: the model lacks the precision that the engine was made for.
        """
        ...


__all__ = ["Engine", "Network", "Precision", "graph_inputs"]
