"""The networks made of gated blocks: as they are trained, and as they run."""

import importlib
from collections.abc import Callable

import pytest
import torch
from torch import nn

from sharpen_core.gauge import BANDS
from sharpen_train.architectures.gated_block import DeployedBlock, GatedBlock
from sharpen_train.architectures.nafnet_tiny import NafnetTiny, nafnet_tiny
from sharpen_train.architectures.nafnet_unet import NafnetUnet, nafnet_unet

Gated = NafnetTiny | NafnetUnet
MAKERS: dict[str, Callable[[], Gated]] = {"nafnet-tiny": nafnet_tiny, "nafnet-unet": nafnet_unet}


def trained(network: Gated) -> Gated:
    """Moves every weight off its start and fills the norms' statistics, so that nothing hides behind a zero or a one."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.08 * torch.randn(parameter.shape, generator=generator)
        network.train()
        for _ in range(3):
            network(torch.rand(2, 3, 64, 64, generator=generator))
    return network.eval()


@pytest.fixture(scope="module", params=MAKERS)
def network(request: pytest.FixtureRequest) -> Gated:
    torch.manual_seed(0)
    return trained(MAKERS[request.param]())


@pytest.mark.parametrize(("name", "count"), [("nafnet-tiny", 4), ("nafnet-unet", 21)])
def test_size_is_what_the_product_names(name: str, count: int) -> None:
    network = MAKERS[name]()
    deployed = network.deploy()
    blocks = [module for module in network.modules() if isinstance(module, GatedBlock)]
    for each in (network, deployed):  # the gauge does not run at every pixel
        assert 600_000 <= sum(p.numel() for name, p in each.named_parameters() if not name.startswith("gauge.")) <= 750_000
    assert len(blocks) == count


@pytest.mark.parametrize("name", MAKERS)
def test_untrained_network_is_the_identity(name: str) -> None:
    picture = torch.rand(1, 3, 32, 48)
    assert torch.equal(MAKERS[name]().eval()(picture), picture)


@torch.inference_mode()
def test_deployed_form_equals_the_trained_one(network: Gated) -> None:
    picture = torch.rand(2, 3, 64, 96)
    expected = network(picture)
    assert (expected - picture).abs().mean() > 0.05  # it does something
    assert (network.deploy()(picture) - expected).abs().max() <= 1e-4


@torch.inference_mode()
@pytest.mark.parametrize("name", MAKERS)
def test_no_picture_takes_it_to_infinity(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    wild = MAKERS[name]().eval()
    for parameter in wild.parameters():
        parameter += 0.3 * torch.randn(parameter.shape)
    pictures = torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64), (torch.rand(3, 64, 64) > 0.5).float()])
    mtf = torch.full((3, BANDS), 0.7)
    assert wild(pictures, mtf).abs().max() < 1e8
    assert wild.deploy()(pictures, mtf).abs().max() < 1e8
    monkeypatch.setattr(importlib.import_module("sharpen_train.architectures.gated_block"), "GATE_BOUND", float("inf"))
    assert not wild(pictures, mtf).isfinite().all(), "the bound has nothing to hold here"


def test_deployed_form_has_neither_norm_nor_split(network: Gated) -> None:
    modules = list(network.deploy().modules())
    assert not any(isinstance(module, nn.BatchNorm2d | GatedBlock) for module in modules)
    assert any(isinstance(module, DeployedBlock) for module in modules)
    assert any(isinstance(module, GatedBlock) for module in network.modules()), "the original is left as it was"


@torch.inference_mode()
def test_a_pixel_reaches_as_far_as_the_halo_and_no_farther(network: Gated) -> None:
    deployed, halo = network.deploy().double(), network.halo_px
    side = 2 * 16 * 8
    picture = torch.rand(1, 3, side, side, dtype=torch.float64)
    changed = picture.clone()
    changed[:, :, :, 128:] = torch.rand(1, 3, side, side - 128, dtype=torch.float64)
    mtf = torch.full((1, BANDS), 0.7, dtype=torch.float64)
    difference = (deployed(changed, mtf) - deployed(picture, mtf)).abs().amax(dim=(0, 1, 2))
    reached = 128 - int(torch.nonzero(difference)[0])
    assert reached <= halo
    assert reached > halo - network.multiple_px
