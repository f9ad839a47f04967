"""What every network in the table promises."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sharpen_core.gauge import BANDS
from sharpen_train.architectures import ARCHITECTURES, build, specialists
from sharpen_train.architectures.base import Network
from sharpen_train.architectures.encoder_decoder import EncoderDecoder
from sharpen_train.architectures.mini_unet import MiniUNet
from sharpen_train.architectures.nafnet import NAFNet
from sharpen_train.architectures.restormer import Restormer
from sharpen_train.architectures.simple_nafnet import SimpleNAFNet
from sharpen_train.errors import ConfigError

_LARGE = 5_000_000  # parameters; above it, only shapes are computed
_REDRAWING = {"published-cnn3", "published-encoder-decoder", "published-mini-unet"}  # without a way around for the input


def on_paper(name: str) -> Network:
    with torch.device("meta"):
        return build(name)


def parameters_of(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


SMALL = [name for name in ARCHITECTURES if parameters_of(on_paper(name)) < _LARGE]


def randomised(network: Network) -> Network:
    """The network with no zero left: an untrained one ends in zeros and would hide everything."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    return network.eval()


def told(net: Network, x: Tensor) -> tuple[Tensor, ...]:
    """What to call a network with: a guided one is told something, so that it does not read the picture for it."""
    return (x, torch.full((len(x), BANDS), 0.7, dtype=x.dtype)) if net.guided else (x,)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_picture_keeps_its_shape(name: str) -> None:
    net = on_paper(name).to_empty(device="cpu").eval()  # weights that nobody writes take no memory
    x = torch.zeros(2, 6 if name == "restormer-dual-pixel" else 3, net.multiple_px, 2 * net.multiple_px)
    with torch.inference_mode():
        assert net(*told(net, x)).shape == (2, 3, *x.shape[2:])


@pytest.mark.parametrize("name", SMALL)
def test_the_deployed_form_is_equal_and_the_trained_one_untouched(name: str) -> None:
    net = randomised(build(name))
    x = torch.rand(1, 3, 48, 64)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.inference_mode():
        torch.testing.assert_close(net.deploy()(x), net(x), atol=1e-4, rtol=0)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize("name", SMALL)
def test_working_on_bytes_is_the_same_function(name: str) -> None:
    net = randomised(build(name))
    x = torch.rand(1, 3, 48, 64)
    with torch.inference_mode():
        torch.testing.assert_close(net.for_bytes()(*told(net, x * 255)) / 255, net(*told(net, x)), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in SMALL if name not in _REDRAWING])
def test_an_untrained_network_is_the_identity(name: str) -> None:
    net = build(name)
    x = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), x)


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that is left out of the forward pass trains nothing and would be noticed nowhere else."""
    monkeypatch.setattr(specialists, "ASTRAY", 0)  # else one that is in charge may get no picture
    net = randomised(build(name)).train()
    x, *mtf = told(net, torch.rand(3, 3, 48, 48))
    softness = torch.tensor([[0.2], [0.5], [0.9]])  # for networks that have weights for each
    net(x, *(0 * known + softness for known in mtf)).square().mean().backward()
    # A gauge learns from a loss of its own.
    assert not [key for key, p in net.named_parameters() if p.grad is None and not key.startswith("gauge.")]


def extents(net: Network, phases: int) -> list[tuple[int, int, int]]:
    """Output rows on that many phases of the grid, and the first and last row of the input on which each depends, by the gradient."""
    step = net.multiple_px
    side = 2 * (net.halo_px // step + 3) * step
    found: list[tuple[int, int, int]] = []
    for centre in range(side // 2, side // 2 + phases):
        x = torch.rand(1, 3, side, 2 * step, dtype=torch.float64, requires_grad=True)
        net(*told(net, x))[:, :, centre].square().sum().backward()
        assert x.grad is not None
        touched = x.grad.abs().sum(dim=(0, 1, 3)).nonzero()
        found.append((centre, int(touched.min()), int(touched.max())))
    return found


def is_enough(net: Network, halo_px: int, found: list[tuple[int, int, int]]) -> bool:
    """Whether no output pixel that lies `halo_px` inside an aligned edge depends on what lies beyond that edge."""
    step = net.multiple_px
    return all(
        first >= (centre - halo_px) // step * step and last < -(-(centre + 1 + halo_px) // step) * step for centre, first, last in found
    )


def without_attention(net: Restormer) -> Restormer:
    """Equal weights for all channels: what is left of the reach is that of the convolutions."""
    for key, parameter in net.named_parameters():
        if key.endswith("temperature"):
            nn.init.zeros_(parameter)
    return net


def without_pooling(net: Network, name: str) -> Network:
    """Weighs channels by constants, so that what is left of the reach is that of the convolutions."""
    for key, parameter in net.named_parameters():
        if key.endswith(f"{name}.weight"):
            nn.init.zeros_(parameter)
    return net


_HALOS: dict[str, Callable[[], Network]] = {
    **{
        name: ARCHITECTURES[name]
        for name in ("plain-16x4", "plain-32x2", "plain-32x4", "two-scale-16-32x6", "guided-lean-16-32x4", "published-cnn3")
    },
    "encoder-decoder": lambda: EncoderDecoder(channels=6),
    "mini-unet, 3 levels": lambda: MiniUNet(width=4),
    "mini-unet, 2 levels": lambda: MiniUNet(width=4, levels=2),
    "restormer": lambda: Restormer(dim=4, blocks=(1, 2, 1, 1), refinement=1, heads=(1, 1, 2, 2)),
    "nafnet": lambda: NAFNet(width=4, encoder=(1, 2, 1), middle=1, decoder=(2, 1, 1)),
    "simple-nafnet": lambda: SimpleNAFNet(channels=8, blocks=3, groups=2),
}


@pytest.mark.parametrize("name", _HALOS)
def test_the_declared_halo_is_enough_and_no_smaller_one_is(name: str) -> None:
    net = randomised(_HALOS[name]()).double()
    if isinstance(net, Restormer):
        without_attention(net)
    elif net.whole_frame:
        without_pooling(net, "sca.1" if isinstance(net, NAFNet) else "squeeze")
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.bias)  # few channels: all of them have to stay above the ReLU
    found = extents(net, phases=net.multiple_px)
    assert is_enough(net, net.halo_px, found)
    assert not is_enough(net, net.halo_px - net.multiple_px, found)


@pytest.mark.parametrize("name", ["restormer", "nafnet", "simple-nafnet"])
def test_a_network_that_looks_at_the_whole_frame_says_so(name: str) -> None:
    net = randomised(_HALOS[name]()).double()
    assert net.whole_frame
    centre, first, last = extents(net, phases=1)[0]
    assert first == 0
    assert last - centre > net.halo_px + net.multiple_px


def pixel_changed(net: Network, x: Tensor, row: int, column: int) -> Tensor:
    """Which output pixels (H, W) change when one input pixel does."""
    other = x.clone()
    other[..., row, column] = 1 - other[..., row, column]
    with torch.inference_mode():
        return ((net(other) - net(x)).abs() > 0).any(dim=1)[0]


@pytest.mark.parametrize("name", ["plain-16x4", "two-scale-16-32x6", "published-cnn3", "encoder-decoder"])
def test_a_changed_pixel_changes_nothing_beyond_the_halo(name: str) -> None:
    net = randomised(_HALOS[name]()).double()
    step, half = net.multiple_px, (net.halo_px // net.multiple_px + 4) * net.multiple_px
    changed = pixel_changed(net, torch.rand(1, 3, 2 * half, 2 * half, dtype=torch.float64), half, half).nonzero()
    reach = int((changed - half).abs().max())
    assert net.halo_px - step < reach < net.halo_px + step


def test_parameters_of_the_published_students() -> None:
    assert parameters_of(on_paper("published-cnn3")) == (3 * 64 + 64 * 64 + 64 * 3) * 9 + 64 + 64 + 3
    state_bytes = sum(value.numel() * value.element_size() for value in on_paper("published-mini-unet").state_dict().values())
    assert 10e6 < state_bytes < 30e6
    assert 1_000_000 < parameters_of(on_paper("restormer-compact")) < 3_000_000


@pytest.mark.parametrize("name", ["published-cnn3", "published-encoder-decoder"])
def test_a_sigmoid_keeps_the_result_a_picture(name: str) -> None:
    with torch.inference_mode():
        y = randomised(build(name))(torch.rand(1, 3, 16, 16) * 3 - 1)
    assert 0 < y.min() < y.max() < 1


def test_parameters_by_hand() -> None:
    assert parameters_of(build("plain-16x4")) == (12 * 16 * 9 + 16) + 4 * (16 * 16 * 9 + 16) + (16 * 12 * 9 + 12)


def test_an_unknown_architecture_lists_the_known() -> None:
    with pytest.raises(ConfigError, match=r"no architecture 'unet'.*plain-16x4"):
        build("unet")


def test_a_slip_of_the_pen_is_understood() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean restormer-compact\?"):
        build("restormer-compakt")
