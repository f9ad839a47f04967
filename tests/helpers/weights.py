"""Weights to make runs of."""

from safetensors.torch import load_file
from torch import Tensor

from sharpen_core.model_store import find_model

ARCH = "guided-lean-16-32x3"
"""Architecture of each of the networks of the model `fast`."""


def weights_of_one() -> dict[str, Tensor]:
    """Returns the weights of the network that the model `fast` has for frames of middling softness, as those of a network of its own."""
    model = find_model("fast")
    weights = load_file(model.file("weights.safetensors"))
    prefix = f"members.{model.number}."
    own = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    return own | {name: tensor for name, tensor in weights.items() if name.startswith("gauge.")}
