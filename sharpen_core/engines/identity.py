"""The engine that changes nothing: for measuring everything around the network, and for tests."""

from sharpen_core.engines.base import Precision
from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import Floats
from sharpen_core.model_store import Model


class IdentityEngine:
    """Returns every picture as it came."""

    name = "identity"
    fingerprint = ""

    def compile(self, model: Model, size: Size) -> "IdentityNetwork":
        """See `Engine.compile`."""
        del model, size  # any will do
        return IdentityNetwork()


class IdentityNetwork:
    """Returns its input."""

    precision: Precision = "f32"

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """See `Network.infer`."""
        del mtf
        return pixels
