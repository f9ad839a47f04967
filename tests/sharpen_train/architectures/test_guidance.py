import numpy as np
import pytest
import torch

from sharpen_core.frame import Size
from sharpen_core.gauge import BANDS
from sharpen_core.traces import FEATURES
from sharpen_train.architectures.base import HalfSizeNetwork
from sharpen_train.architectures.guidance import GaugeNetwork, Guide, traces_of
from sharpen_train.distil.restore import restore
from tests.helpers.networks import stirred
from tests.helpers.pictures import scene

GUIDED = ["nafnet-tiny", "guided-16-32x6"]


def guided(name: str) -> HalfSizeNetwork:
    network = stirred(name)
    assert isinstance(network, HalfSizeNetwork)
    return network


def planes(*seeds: int) -> np.ndarray:
    return np.stack([scene(Size(128, 128), seed).transpose(2, 0, 1) for seed in seeds])


def test_the_running_gauge_reads_what_the_trained_one_reads() -> None:
    torch.manual_seed(0)
    network = GaugeNetwork()
    for seed in range(4):  # fills the statistics of the norm
        network(traces_of(planes(*range(4 * seed, 4 * seed + 4))))
    picture = scene(Size(128, 128), 99)
    mtf, log_variance = network.eval()(traces_of(planes(99)))
    reading = network.gauge().read(picture)
    np.testing.assert_allclose(reading.mtf, mtf[0].detach(), atol=1e-4)
    np.testing.assert_allclose(np.log(reading.variance), log_variance[0].detach(), atol=1e-3)


def test_an_untrained_guide_adds_nothing() -> None:
    hints = Guide((8, 16))(torch.rand(3, BANDS))
    assert [tuple(hint.shape) for hint in hints] == [(3, 8, 1, 1), (3, 16, 1, 1)]
    assert not any(hint.any() for hint in hints)


@pytest.mark.parametrize("name", GUIDED)
@torch.inference_mode()
def test_what_a_network_is_told_matters(name: str) -> None:
    network, picture = guided(name), torch.rand(1, 3, 64, 64)
    results = [network(picture, torch.full((1, BANDS), level)) for level in (0.2, 1.0)]
    assert not torch.allclose(results[0], results[1], atol=1e-3)


@pytest.mark.parametrize("name", GUIDED)
@torch.inference_mode()
def test_the_deployed_form_takes_the_same(name: str) -> None:
    network, picture, mtf = guided(name), torch.rand(1, 3, 64, 64), torch.rand(1, BANDS)
    torch.testing.assert_close(network.deploy()(picture, mtf), network(picture, mtf), atol=1e-4, rtol=0)


@torch.inference_mode()
def test_without_being_told_it_reads_the_picture_itself() -> None:
    network, picture = guided("guided-16-32x6"), scene(Size(96, 128))
    mtf = torch.from_numpy(network.gauge.gauge().read_whole(picture))[None]
    told = network(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255, mtf)
    expected = (told[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    assert np.abs(restore(network, picture).astype(int) - expected).max() <= 1  # sums in another order


def test_features_and_bands_are_those_of_the_program() -> None:
    network = GaugeNetwork()
    assert network.gauge().read(scene(Size(64, 64))).mtf.shape == (BANDS,)
    assert network.norm.num_features == FEATURES
