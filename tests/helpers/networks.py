"""Networks to test."""

import torch

from sharpen_train.architectures import Network, build


def stirred(name: str) -> Network:
    """A network in which every weight does something, in evaluation mode; the same one each time."""
    torch.manual_seed(0)
    network = build(name)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.05 * torch.randn(weight.shape)
    return network.eval()
