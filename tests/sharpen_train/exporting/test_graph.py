"""Every architecture becomes a graph that engines compute as torch does; here with few channels and random weights."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from torch import nn

from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.frame import Size
from sharpen_core.model_store import read_model
from sharpen_core.restorer import Restorer
from sharpen_train.architectures import Network
from sharpen_train.architectures.cnn3 import Cnn3
from sharpen_train.architectures.encoder_decoder import EncoderDecoder
from sharpen_train.architectures.mini_unet import MiniUNet
from sharpen_train.architectures.nafnet import NAFNet
from sharpen_train.architectures.nafnet_tiny import NafnetTiny
from sharpen_train.architectures.nafnet_unet import NafnetUnet
from sharpen_train.architectures.plain import Plain
from sharpen_train.architectures.restormer import Restormer
from sharpen_train.architectures.simple_nafnet import SimpleNAFNet
from sharpen_train.architectures.two_scale import TwoScale
from sharpen_train.distil.restore import restore
from sharpen_train.errors import ExportError
from sharpen_train.exporting import golden
from sharpen_train.exporting.export import ExportOptions, Trained, export_network
from sharpen_train.exporting.golden import golden_pictures
from sharpen_train.exporting.graph import ByteContract, count_working_bytes, deploy

SMALL: dict[str, Callable[[], Network]] = {
    "plain": lambda: Plain(8, 1),
    "two-scale": lambda: TwoScale(8, 8, 1),
    "nafnet-tiny": lambda: NafnetTiny(8, 8, before=1, after=1, width=8, kernels=(3,), guided=False),
    "nafnet-unet": lambda: NafnetUnet(8, (8, 8), ((3,),), (3,), ((1,),), guided=False),
    "nafnet": lambda: NAFNet(8, (1, 1), 1, (1, 1)),
    "restormer": lambda: Restormer(8, (1, 1, 1, 1), 0, (1, 2, 2, 2)),
    "mini-unet": lambda: MiniUNet(4, 2),
    "cnn3": lambda: Cnn3(8),
    "encoder-decoder": lambda: EncoderDecoder(4),
    "simple-nafnet": lambda: SimpleNAFNet(8, 1, 2),
}


Shaken = Callable[[Network], Network]


@pytest.mark.parametrize("name", SMALL)
def test_every_architecture_runs_in_the_program_as_it_was_trained(
    name: str, tmp_path: Path, shaken: Shaken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden, "SIZES", (Size(48, 64),))
    network = shaken(SMALL[name]())
    export_network(Trained(network, name, name, {}, {}), tmp_path / name, ExportOptions())
    model, size = read_model(tmp_path / name), Size(62, 301)
    assert model.manifest.whole_frame == network.whole_frame
    picture = scene(size)
    expected = restore(network, picture).astype(int)
    restorer = Restorer(model, OpenVINOEngine(1, "f32"), size, most_px=9000)
    assert (restorer.plan.count == 1) == network.whole_frame
    assert np.abs(restorer.sharpen(picture).astype(int) - expected).max() <= 1


def test_a_network_for_two_views_is_refused() -> None:
    network = Restormer(8, (1, 1, 1, 1), 0, (1, 2, 2, 2), dual_pixel=True)
    with pytest.raises(ExportError, match="pair of views"):
        deploy(network, golden_pictures(8))


class Wrong(Plain):
    """Its deploy form forgets a bias."""

    def deploy(self) -> "Wrong":
        other = copy.deepcopy(self)
        nn.init.zeros_(other.head.bias)
        return other


def test_a_deploy_form_that_is_another_network_is_refused(shaken: Shaken) -> None:
    with pytest.raises(ExportError, match="deploy form differs"):
        deploy(shaken(Wrong(8, 1)), golden_pictures(2))


def test_a_network_of_nan_is_refused(shaken: Shaken) -> None:
    network = shaken(Plain(8, 1))
    nn.init.constant_(network.tail.weight, float("nan"))
    with pytest.raises(ExportError, match="deploy form differs"):
        deploy(network, golden_pictures(2))


def test_the_deploy_form_is_proven_and_the_trained_one_left_alone(shaken: Shaken) -> None:
    network = shaken(SMALL["nafnet-tiny"]())
    names = set(network.state_dict())
    deployed, difference = deploy(network, golden_pictures(8))
    assert difference <= 1e-4
    assert set(network.state_dict()) == names
    assert not any(isinstance(module, nn.BatchNorm2d) for module in deployed.modules())


@pytest.mark.parametrize("multiple_px", [1, 8, 32, 64])
def test_golden_pictures_are_the_same_everywhere_and_of_a_size_that_fits(multiple_px: int) -> None:
    first, again = golden_pictures(multiple_px), golden_pictures(multiple_px)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.shape[0] % multiple_px == one.shape[1] % multiple_px == 0
    assert first[0].shape != first[1].shape
    assert first[0].std() > 40


def test_the_widest_convolution_decides_the_working_memory() -> None:
    # 8 channels in and out at half size, and the three kept ones of the input: (8 + 12) / 4 + 3 values of 4 bytes.
    assert count_working_bytes(Plain(8, 1)) == 4 * ((8 + 12) / 4 + 3)


def test_an_untrained_network_is_the_identity_on_bytes() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    np.testing.assert_array_equal(ByteContract(Plain(8, 0).eval()).restore(picture), picture)
