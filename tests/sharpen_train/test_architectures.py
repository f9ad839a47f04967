import pytest
import torch

from sharpen_train.architectures import ARCHITECTURES, build
from sharpen_train.errors import ConfigError
from sharpen_train.export import count_macs, count_working_bytes


def randomised(name: str) -> torch.nn.Module:
    """A network with no zero left: an untrained one ends in zeros and would hide everything."""
    torch.manual_seed(0)
    net = build(name).eval()
    torch.nn.init.normal_(net.tail.weight, std=0.05)
    return net


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_untrained_network_is_the_identity(name: str) -> None:
    x = torch.rand(2, 3, 48, 64)
    torch.testing.assert_close(build(name)(x), x)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_working_on_bytes_is_the_same_function(name: str) -> None:
    net = randomised(name)
    x = torch.rand(1, 3, 48, 64)
    with torch.inference_mode():
        torch.testing.assert_close(net.for_bytes()(x * 255) / 255, net(x), atol=1e-5, rtol=1e-4)


def is_enough(net: torch.nn.Module, halo: int) -> bool:
    """Whether no output pixel that lies `halo` inside an aligned edge depends on what lies beyond that edge.

    The gradient of one output pixel shows which input pixels it depends on; every phase of the grid is tried.
    """
    step = net.multiple_px
    side = 2 * (net.halo_px // step + 4) * step
    for centre in range(side // 2, side // 2 + step):
        x = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
        net.residual(x)[0, :, centre, centre].sum().backward()
        touched = x.grad.abs().sum(dim=(0, 1)).nonzero()
        first_edge = (centre - halo) // step * step
        last_edge = -(-(centre + 1 + halo) // step) * step
        if int(touched.min()) < first_edge or int(touched.max()) >= last_edge:
            return False
    return True


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_declared_halo_is_enough_and_no_smaller_one_is(name: str) -> None:
    net = randomised(name).double()
    assert is_enough(net, net.halo_px)
    assert not is_enough(net, net.halo_px - net.multiple_px)


def test_counts_by_hand() -> None:
    net = build("plain-16x4")
    assert sum(p.numel() for p in net.parameters()) == (12 * 16 * 9 + 16) + 4 * (16 * 16 * 9 + 16) + (16 * 12 * 9 + 12)
    assert count_macs(net) == (12 * 16 * 9 + 4 * 16 * 16 * 9 + 16 * 12 * 9) / 4
    assert count_working_bytes(net) == 4 * (2 * 16 / 4 + 3)


def test_an_unknown_architecture_lists_the_known() -> None:
    with pytest.raises(ConfigError, match=r"no architecture 'unet'.*plain-16x4"):
        build("unet")
