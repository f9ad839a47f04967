"""The engine that changes nothing: for measuring everything around the network, and for tests."""

from sharpen_core.engines.base import Precision
from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import Floats
from sharpen_core.model_store import Model


class IdentityEngine:
    """Returns every picture as it came."""

    name = "identity"
    fingerprint = ""
    threads = 1

    def compile(self, model: Model, size: Size, *, users: int = 1) -> "IdentityNetwork":
        """See `Engine.compile`."""
        del model, size, users  # any will do
        return IdentityNetwork()


class IdentityNetwork:
    """Returns its input."""

    precision: Precision = "f32"

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """See `Network.infer`."""
        del mtf
        return pixels
