"""The networks that can be trained, by name.

Every network maps pictures (N, 3, H, W), float in [0, 1], to pictures of the same shape, declares the exact
reach of its convolutions (`halo_px`) and the divisor of the sizes it takes (`multiple_px`), and predicts a residual that is added to its
input, so that an untrained network is the identity.
"""

from collections.abc import Callable

from sharpen_train.architectures.base import ResidualNetwork
from sharpen_train.architectures.plain import Plain
from sharpen_train.architectures.two_scale import TwoScale
from sharpen_train.errors import ConfigError

ARCHITECTURES: dict[str, Callable[[], ResidualNetwork]] = {
    "plain-16x4": lambda: Plain(channels=16, body_convs=4),
    "plain-32x2": lambda: Plain(channels=32, body_convs=2),
    "plain-32x4": lambda: Plain(channels=32, body_convs=4),
    "two-scale-16-32x6": lambda: TwoScale(fine_channels=16, coarse_channels=32, coarse_convs=6),
}


def build(name: str) -> ResidualNetwork:
    """Returns an untrained network.

    Raises:
        ConfigError: no architecture has this name.
    """
    if name not in ARCHITECTURES:
        raise ConfigError(f"there is no architecture '{name}'", f"Choose one of: {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]()


__all__ = ["ARCHITECTURES", "ResidualNetwork", "build"]
