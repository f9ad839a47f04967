"""NAFNet against the published counts and names, and against a computation in numpy."""

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sharpen_train.architectures import build
from sharpen_train.architectures.nafnet import NAFBlock, NAFNet

Array = NDArray[np.float64]


@pytest.mark.parametrize(
    ("name", "parameters", "blocks"),
    [("nafnet-32", 17_111_907, 36), ("nafnet-64", 67_888_835, 36), ("published-nafnet26", 2_699_923, 26)],
)
def test_counts(name: str, parameters: int, blocks: int) -> None:
    with torch.device("meta"):
        net = build(name)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert sum(isinstance(module, NAFBlock) for module in net.modules()) == blocks


def published_layout(width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the official deblurring checkpoints, written down from their description."""
    layout: dict[str, tuple[int, ...]] = {}

    def conv(name: str, outputs: int, inputs: int, size: int) -> None:
        layout[f"{name}.weight"], layout[f"{name}.bias"] = (outputs, inputs, size, size), (outputs,)

    def block(name: str, c: int) -> None:
        for key, outputs, inputs, size in (("conv1", 2 * c, c, 1), ("conv2", 2 * c, 1, 3), ("conv3", c, c, 1), ("sca.1", c, c, 1)):
            conv(f"{name}.{key}", outputs, inputs, size)
        conv(f"{name}.conv4", 2 * c, c, 1)
        conv(f"{name}.conv5", c, c, 1)
        layout.update({f"{name}.norm{n}.{kind}": (c,) for n, kind in product((1, 2), ("weight", "bias"))})
        layout.update({f"{name}.{scale}": (1, c, 1, 1) for scale in ("beta", "gamma")})

    conv("intro", width, 3, 3)
    conv("ending", 3, width, 3)
    for level, count in enumerate((1, 1, 1, 28)):
        for index in range(count):
            block(f"encoders.{level}.{index}", width * 2**level)
        conv(f"downs.{level}", width * 2 ** (level + 1), width * 2**level, 2)
    block("middle_blks.0", width * 16)
    for level in range(4):
        layout[f"ups.{level}.0.weight"] = (width * 2 ** (5 - level), width * 2 ** (4 - level), 1, 1)
        block(f"decoders.{level}.0", width * 2 ** (3 - level))
    return layout


@pytest.mark.parametrize("width", [32, 64])
def test_names_and_shapes_of_the_official_checkpoints(width: int) -> None:
    with torch.device("meta"):
        state = build(f"nafnet-{width}").state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == published_layout(width)


def conv(x: Array, weights: dict[str, Array], name: str) -> Array:
    """1x1, (C, H, W)."""
    return np.einsum("oi,ihw->ohw", weights[f"{name}.weight"][:, :, 0, 0], x) + weights[f"{name}.bias"][:, None, None]


def depthwise(x: Array, weights: dict[str, Array], name: str) -> Array:
    padded, (h, w) = np.pad(x, ((0, 0), (1, 1), (1, 1))), x.shape[1:]
    parts = [padded[:, i : i + h, j : j + w] * weights[f"{name}.weight"][:, 0, i, j, None, None] for i, j in product(range(3), repeat=2)]
    return np.sum(parts, axis=0) + weights[f"{name}.bias"][:, None, None]


def norm(x: Array, weights: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).mean(axis=0) + 1e-6)
    return scaled * weights[f"{name}.weight"][:, None, None] + weights[f"{name}.bias"][:, None, None]


def gate(x: Array) -> Array:
    return x[: len(x) // 2] * x[len(x) // 2 :]


def test_a_block_equals_the_formulae() -> None:
    torch.manual_seed(0)
    block = NAFBlock(6).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    w = {key: value.numpy() for key, value in block.state_dict().items()}
    x = torch.rand(1, 6, 5, 7, dtype=torch.float64)
    with torch.inference_mode():
        result = block(x)[0].numpy()
    picture = x[0].numpy()
    y = gate(depthwise(conv(norm(picture, w, "norm1"), w, "conv1"), w, "conv2"))
    y = y * conv(y.mean(axis=(1, 2), keepdims=True), w, "sca.1")
    middle = picture + conv(y, w, "conv3") * w["beta"][0]
    expected = middle + conv(gate(conv(norm(middle, w, "norm2"), w, "conv4")), w, "conv5") * w["gamma"][0]
    np.testing.assert_allclose(result, expected, atol=1e-10)


def test_the_levels_are_joined_by_sums_in_the_right_order() -> None:
    """With every block the identity, the network is its convolutions and skips alone."""
    torch.manual_seed(0)
    net = NAFNet(width=4, encoder=(1, 1), middle=1, decoder=(1, 1)).double().eval()
    torch.nn.init.normal_(net.ending.weight)
    x = torch.rand(1, 3, 8, 12, dtype=torch.float64)
    with torch.inference_mode():
        first = net.intro(x)
        second = net.downs[0](first)
        y = net.ups[0](net.downs[1](second)) + second
        expected = net.ending(net.ups[1](y) + first) + x
        torch.testing.assert_close(net(x), expected)
