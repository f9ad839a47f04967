"""The networks that can be trained, by name.

Every network maps pictures (N, 3, H, W), float in [0, 1], to pictures of the same shape and declares the exact reach of its convolutions
(`halo_px`), the divisor of the sizes that it takes (`multiple_px`) and whether it looks at the whole picture at once (`whole_frame`). All
but some of the published students add what they predict to their input, so that an untrained network is the identity.
"""

from collections.abc import Callable
from functools import partial

from sharpen_train.architectures.base import Network, ResidualNetwork
from sharpen_train.architectures.cnn3 import Cnn3
from sharpen_train.architectures.encoder_decoder import EncoderDecoder
from sharpen_train.architectures.mini_unet import MiniUNet
from sharpen_train.architectures.nafnet import NAFNet
from sharpen_train.architectures.nafnet_tiny import nafnet_tiny
from sharpen_train.architectures.nafnet_unet import nafnet_unet
from sharpen_train.architectures.plain import Plain
from sharpen_train.architectures.restormer import Restormer
from sharpen_train.architectures.simple_nafnet import SimpleNAFNet
from sharpen_train.architectures.specialists import HEAVY, MEDIUM, Specialists
from sharpen_train.architectures.two_scale import TwoScale
from sharpen_train.errors import ConfigError, did_you_mean

_THIN = partial(TwoScale, fine_channels=16, coarse_channels=32, guided=True)
_LEAN_3, _LEAN_4 = (partial(_THIN, coarse_convs=count, lean=True) for count in (3, 4))
_THIN_4, _THIN_6 = (partial(_THIN, coarse_convs=count) for count in (4, 6))

ARCHITECTURES: dict[str, Callable[[], Network]] = {
    # students made to run on a CPU
    "nafnet-tiny": nafnet_tiny,
    "nafnet-tiny-trio": partial(Specialists, nafnet_tiny, (HEAVY, MEDIUM)),
    "nafnet-unet": nafnet_unet,
    "nafnet-unet-blind": partial(nafnet_unet, guided=False),
    "plain-16x4": partial(Plain, channels=16, body_convs=4),
    "plain-32x2": partial(Plain, channels=32, body_convs=2),
    "plain-32x4": partial(Plain, channels=32, body_convs=4),
    "two-scale-16-32x6": partial(TwoScale, fine_channels=16, coarse_channels=32, coarse_convs=6),
    "guided-lean-16-32x3": _LEAN_3,
    "guided-lean-16-32x3-trio": partial(Specialists, _LEAN_3, (HEAVY, MEDIUM)),
    "guided-lean-16-32x4": _LEAN_4,
    "guided-lean-16-32x4-trio": partial(Specialists, _LEAN_4, (HEAVY, MEDIUM)),
    "guided-16-32x4": _THIN_4,
    "guided-16-32x4-trio": partial(Specialists, _THIN_4, (HEAVY, MEDIUM)),
    "guided-16-32x6": _THIN_6,
    "guided-16-32x6-trio": partial(Specialists, _THIN_6, (HEAVY, MEDIUM)),
    "guided-24-64x6": partial(TwoScale, fine_channels=24, coarse_channels=64, coarse_convs=6, guided=True),
    "guided-32-96x8": partial(TwoScale, fine_channels=32, coarse_channels=96, coarse_convs=8, guided=True),
    # teachers; all but the compact one take official checkpoints
    "restormer": Restormer,
    "restormer-biasfree": partial(Restormer, norm="bias-free"),
    "restormer-dual-pixel": partial(Restormer, dual_pixel=True),
    "restormer-compact": partial(Restormer, dim=16, blocks=(1, 2, 2, 4), refinement=0),
    "nafnet-32": partial(NAFNet, width=32, encoder=(1, 1, 1, 28), middle=1, decoder=(1, 1, 1, 1)),
    "nafnet-64": partial(NAFNet, width=64, encoder=(1, 1, 1, 28), middle=1, decoder=(1, 1, 1, 1)),
    # students of published projects, to compare with
    "published-nafnet26": partial(NAFNet, width=16, encoder=(2, 2, 4, 8), middle=2, decoder=(2, 2, 2, 2)),
    "published-mini-unet": MiniUNet,
    "published-cnn3": Cnn3,
    "published-encoder-decoder": EncoderDecoder,
    "published-simple-nafnet": SimpleNAFNet,
}


def build(name: str) -> Network:
    """Returns an untrained network.

    Raises:
        ConfigError: no architecture has this name.
    """
    if name not in ARCHITECTURES:
        raise ConfigError(f"there is no architecture '{name}'", did_you_mean(name, ARCHITECTURES))
    return ARCHITECTURES[name]()


__all__ = ["ARCHITECTURES", "Network", "ResidualNetwork", "build"]
