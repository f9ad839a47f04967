import pytest
import torch
from torch import Tensor, nn

from sharpen_train.architectures import build
from sharpen_train.architectures.macs import count_macs


def on_paper(name: str) -> nn.Module:
    with torch.device("meta"):
        return build(name)


class EveryKind(nn.Module):
    """One of each thing that counts, and some that do not."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.norm = nn.BatchNorm2d(8)
        self.back = nn.ConvTranspose2d(8, 3, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.grouped(self.wide(x))).flatten(2)  # (1, 8, HW/4)
        y = (y @ y.transpose(1, 2)).softmax(dim=-1) @ y
        return self.back(y.reshape(1, 8, x.shape[2] // 2, x.shape[3] // 2))


def test_each_kind_by_hand() -> None:
    pixels = 12 * 20 // 4
    by_hand = pixels * (25 * 3 * 8 + 9 * 8 * 2 + 2 * 8 * 8 + 4 * 8 * 3)
    net = EveryKind()
    running = net.norm.running_mean.clone()  # pyright: ignore
    assert count_macs(net, 12, 20) == by_hand
    assert torch.equal(net.norm.running_mean, running)  # pyright: ignore


def test_a_plain_network_by_hand() -> None:
    assert count_macs(build("plain-16x4"), 64, 96) == 64 * 96 // 4 * 9 * (12 * 16 + 4 * 16 * 16 + 16 * 12)


def restormer_macs(pixels: int) -> int:
    """The published size, from the paper's description: (pixels per full pixel, channels, hidden, heads, blocks) of each stage."""
    stages = [(1, 48, 127, 1, 4), (4, 96, 255, 2, 6), (16, 192, 510, 4, 6), (64, 384, 1021, 8, 8)]
    stages += [(16, 192, 510, 4, 6), (4, 96, 255, 2, 6), (1, 96, 255, 1, 4), (1, 96, 255, 1, 4)]
    total = pixels * 9 * (3 * 48 + 96 * 3)
    for part, c, hidden, heads, blocks in stages:
        attention = 3 * c * c + 9 * 3 * c + 2 * c * c // heads + c * c
        total += pixels // part * blocks * (attention + 2 * hidden * c + 9 * 2 * hidden + hidden * c)
    for part, c in ((1, 48), (4, 96), (16, 192)):
        total += pixels // part * 9 * c * c // 2
    for part, c in ((64, 384), (16, 192), (4, 96)):
        total += pixels // part * 9 * c * 2 * c
    return total + pixels // 16 * 384 * 192 + pixels // 4 * 192 * 96


def test_restormer_with_its_attention_products() -> None:
    macs = count_macs(on_paper("restormer"), 256, 256)
    assert macs == restormer_macs(256 * 256)
    assert macs == pytest.approx(155e9, rel=0.002)


def test_the_views_of_a_dual_pixel_camera() -> None:
    extra = 64 * 64 * (9 * 3 * 48 + 48 * 96)  # three more input channels, and the skip
    assert count_macs(on_paper("restormer-dual-pixel"), 64, 64, channels=6) == restormer_macs(64 * 64) + extra


@pytest.mark.parametrize(("name", "gmacs"), [("nafnet-32", 16), ("nafnet-64", 63), ("published-nafnet26", 47.5e3 * 65536 / 1e9)])
def test_nafnet_as_published(name: str, gmacs: float) -> None:
    assert count_macs(on_paper(name), 256, 256) == pytest.approx(gmacs * 1e9, rel=0.005)


def test_it_grows_with_the_picture() -> None:
    net = on_paper("published-mini-unet")
    assert count_macs(net, 1080, 1920) == 1080 * 1920 // (64 * 64 // 8) * count_macs(net, 64, 64) // 8
