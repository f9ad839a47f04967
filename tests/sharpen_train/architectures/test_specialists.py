import pytest
import torch
from networks import stirred
from torch import nn

from sharpen_core.gauge import BANDS
from sharpen_train.architectures import build
from sharpen_train.architectures.specialists import HEAVY, MEDIUM, Specialists
from sharpen_train.distil import checkpoint
from sharpen_train.distil.restore import start_from
from sharpen_train.errors import CheckpointError

TRIO = "guided-lean-16-32x4-trio"


def specialists(name: str = TRIO) -> Specialists:
    network = stirred(name)
    assert isinstance(network, Specialists)
    return network


def told(*means: float) -> torch.Tensor:
    return torch.tensor(means)[:, None].expand(-1, BANDS)


@torch.inference_mode()
def test_every_picture_goes_to_the_one_in_charge() -> None:
    network = specialists()
    means = (0.9, 0.2, 0.5, HEAVY - 0.01, MEDIUM + 0.01)
    pictures, mtf = torch.rand(5, 3, 32, 32), told(*means)
    result = network(pictures, mtf)
    for row, number in enumerate((2, 0, 1, 0, 2)):
        torch.testing.assert_close(result[row : row + 1], network.networks[number](pictures[row : row + 1], mtf[row : row + 1]))


def test_while_it_trains_some_pictures_go_astray() -> None:
    network = specialists().train()
    pictures, mtf = torch.rand(1, 3, 16, 16).expand(200, -1, -1, -1), told(0.2).expand(200, -1)
    own = network.networks[0](pictures[:1], mtf[:1])
    astray = sum(not torch.allclose(result, own[0], atol=1e-5) for result in network(pictures, mtf))
    assert 2 <= astray <= 40


def test_only_who_saw_a_picture_learns_from_it() -> None:
    network = specialists()
    network(torch.rand(2, 3, 16, 16), told(0.1, 0.2)).sum().backward()
    learnt = [any(weight.grad is not None for weight in member.parameters()) for member in network.networks]
    assert learnt == [True, False, False]


def test_they_are_counted_as_one() -> None:
    assert build(TRIO).size == build("guided-lean-16-32x4").size
    assert build("nafnet-tiny-trio").halo_px == build("nafnet-tiny").halo_px


@torch.inference_mode()
@pytest.mark.parametrize("name", [TRIO, "nafnet-tiny-trio"])
def test_the_form_that_runs_gives_the_same(name: str) -> None:
    network, pictures, mtf = specialists(name), torch.rand(2, 3, 32, 32), told(0.2, 0.9)
    torch.testing.assert_close(network.deploy()(pictures, mtf), network(pictures, mtf), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(network(pictures), network(pictures))  # reads how soft they are by itself


def test_they_begin_as_copies_of_one_network_or_as_what_they_were(tmp_path) -> None:
    one = build("guided-lean-16-32x4")
    nn.init.normal_(one.get_submodule("tail").weight)
    path = tmp_path / "one.safetensors"
    path.write_bytes(checkpoint.weights_to_bytes(one.state_dict()))
    network = build(TRIO)
    start_from(path, network)
    assert isinstance(network, Specialists)
    for member in network.networks:
        assert all(torch.equal(value, one.state_dict()[name]) for name, value in member.state_dict().items())
    assert torch.equal(network.state_dict()["gauge.norm.weight"], one.state_dict()["gauge.norm.weight"])

    path.write_bytes(checkpoint.weights_to_bytes(specialists().state_dict()))
    start_from(path, network)
    assert all(torch.equal(value, specialists().state_dict()[name]) for name, value in network.state_dict().items())


@torch.inference_mode()
@pytest.mark.parametrize(("small", "large"), [("guided-16-32x6", "nafnet-tiny"), ("guided-16-32x6-trio", "nafnet-tiny-trio")])
def test_gated_blocks_are_added_to_a_trained_network_without_changing_what_it_does(small: str, large: str, tmp_path) -> None:
    begun, network, path = stirred(small), build(large).eval(), tmp_path / "small.safetensors"
    path.write_bytes(checkpoint.weights_to_bytes(begun.state_dict()))
    start_from(path, network)
    pictures, mtf = torch.rand(2, 3, 32, 48), told(0.2, 0.9)
    assert torch.equal(network(pictures, mtf), begun(pictures, mtf))


def test_a_network_without_the_plain_one_in_it_is_refused(tmp_path) -> None:
    path = tmp_path / "unet.safetensors"
    path.write_bytes(checkpoint.weights_to_bytes(build("nafnet-unet").state_dict()))
    with pytest.raises(CheckpointError, match="unet"):
        start_from(path, build("nafnet-tiny"))
