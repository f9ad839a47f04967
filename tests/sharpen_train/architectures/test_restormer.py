"""Restormer against the published counts and names, and against a computation in numpy that shares nothing with it."""

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sharpen_train.architectures import build
from sharpen_train.architectures.restormer import Restormer

Array = NDArray[np.float64]

_SMALL = {"dim": 8, "blocks": (1, 2, 1, 2), "refinement": 1, "heads": (1, 2, 2, 4)}


def on_paper(name: str) -> torch.nn.Module:
    with torch.device("meta"):
        return build(name)


@pytest.mark.parametrize(
    ("name", "keys", "parameters"),
    [("restormer", 494, 26_126_644), ("restormer-biasfree", 406, 26_111_668), ("restormer-dual-pixel", 495, 26_132_548)],
)
def test_counts_of_the_official_checkpoints(name: str, keys: int, parameters: int) -> None:
    state = on_paper(name).state_dict()
    assert len(state) == keys
    assert sum(value.numel() for value in state.values()) == parameters


def published_layout() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the deblurring checkpoints, written down from their description."""
    layout: dict[str, tuple[int, ...]] = {"patch_embed.proj.weight": (48, 3, 3, 3), "output.weight": (3, 96, 3, 3)}
    layout |= {"reduce_chan_level3.weight": (192, 384, 1, 1), "reduce_chan_level2.weight": (96, 192, 1, 1)}
    for name, channels in {"down1_2": 48, "down2_3": 96, "down3_4": 192}.items():
        layout[f"{name}.body.0.weight"] = (channels // 2, channels, 3, 3)
    for name, channels in {"up4_3": 384, "up3_2": 192, "up2_1": 96}.items():
        layout[f"{name}.body.0.weight"] = (2 * channels, channels, 3, 3)
    stages = {  # channels, hidden, heads, blocks
        "encoder_level1": (48, 127, 1, 4),
        "encoder_level2": (96, 255, 2, 6),
        "encoder_level3": (192, 510, 4, 6),
        "latent": (384, 1021, 8, 8),
        "decoder_level3": (192, 510, 4, 6),
        "decoder_level2": (96, 255, 2, 6),
        "decoder_level1": (96, 255, 1, 4),
        "refinement": (96, 255, 1, 4),
    }
    for name, (c, hidden, heads, blocks) in stages.items():
        for block in range(blocks):
            inside = {f"norm{n}.body.{kind}": (c,) for n, kind in product((1, 2), ("weight", "bias"))}
            inside |= {"attn.temperature": (heads, 1, 1), "attn.qkv.weight": (3 * c, c, 1, 1), "attn.qkv_dwconv.weight": (3 * c, 1, 3, 3)}
            inside |= {"attn.project_out.weight": (c, c, 1, 1), "ffn.project_in.weight": (2 * hidden, c, 1, 1)}
            inside |= {"ffn.dwconv.weight": (2 * hidden, 1, 3, 3), "ffn.project_out.weight": (c, hidden, 1, 1)}
            layout |= {f"{name}.{block}.{key}": shape for key, shape in inside.items()}
    return layout


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in on_paper(name).state_dict().items()}


def test_names_and_shapes_of_the_official_checkpoints() -> None:
    layout = published_layout()
    assert shapes("restormer") == layout
    assert shapes("restormer-biasfree") == {key: shape for key, shape in layout.items() if not key.endswith(".bias")}
    views = {"patch_embed.proj.weight": (48, 6, 3, 3), "skip_conv.weight": (96, 48, 1, 1)}
    assert shapes("restormer-dual-pixel") == layout | views


# --- the same network in numpy, one picture (C, H, W) at a time, straight from the weights and the paper's formulae


def conv1x1(x: Array, weight: Array) -> Array:
    return np.einsum("oi,ihw->ohw", weight[:, :, 0, 0], x)


def conv3x3(x: Array, weight: Array) -> Array:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    h, w = x.shape[1:]
    parts = [np.einsum("oi,ihw->ohw", weight[:, :, i, j], padded[:, i : i + h, j : j + w]) for i, j in product(range(3), repeat=2)]
    return np.sum(parts, axis=0)


def depthwise3x3(x: Array, weight: Array) -> Array:
    padded, (h, w) = np.pad(x, ((0, 0), (1, 1), (1, 1))), x.shape[1:]
    return np.sum([padded[:, i : i + h, j : j + w] * weight[:, 0, i, j, None, None] for i, j in product(range(3), repeat=2)], axis=0)


def layer_norm(x: Array, weights: Mapping[str, Array], name: str) -> Array:
    centred = x - x.mean(axis=0)
    bias = weights.get(f"{name}.body.bias")
    scaled = (x if bias is None else centred) / np.sqrt((centred**2).mean(axis=0) + 1e-5) * weights[f"{name}.body.weight"][:, None, None]
    return scaled if bias is None else scaled + bias[:, None, None]


def attention(x: Array, weights: Mapping[str, Array], name: str) -> Array:
    """Softmax of the cosines between the channels of a head, times a temperature."""
    c, h, w = x.shape
    temperature = weights[f"{name}.temperature"][:, 0, 0]
    qkv = depthwise3x3(conv1x1(x, weights[f"{name}.qkv.weight"]), weights[f"{name}.qkv_dwconv.weight"])
    size = c // len(temperature)
    result = np.empty((c, h, w))
    for head, heat in enumerate(temperature):
        q, k, v = (qkv[part * c + head * size : part * c + (head + 1) * size] for part in range(3))
        for i in range(size):
            cosines = [(q[i] * k[j]).sum() / np.sqrt((q[i] ** 2).sum() * (k[j] ** 2).sum()) for j in range(size)]
            chances = np.exp(np.array(cosines) * heat)
            result[head * size + i] = np.einsum("j,jhw->hw", chances / chances.sum(), v)
    return conv1x1(result, weights[f"{name}.project_out.weight"])


def feed_forward(x: Array, weights: Mapping[str, Array], name: str) -> Array:
    """GELU by its definition, x times the chance that a normal value is below x."""
    wide = depthwise3x3(conv1x1(x, weights[f"{name}.project_in.weight"]), weights[f"{name}.dwconv.weight"])
    gate, value = wide[: len(wide) // 2], wide[len(wide) // 2 :]
    below = np.vectorize(lambda g: (1 + math.erf(g / math.sqrt(2))) / 2)
    return conv1x1(gate * below(gate) * value, weights[f"{name}.project_out.weight"])


def blocks(x: Array, weights: Mapping[str, Array], name: str) -> Array:
    count = len({key.split(".")[1] for key in weights if key.startswith(f"{name}.")})
    for block in range(count):
        x = x + attention(layer_norm(x, weights, f"{name}.{block}.norm1"), weights, f"{name}.{block}.attn")
        x = x + feed_forward(layer_norm(x, weights, f"{name}.{block}.norm2"), weights, f"{name}.{block}.ffn")
    return x


def down(x: Array, weights: Mapping[str, Array], name: str) -> Array:
    y = conv3x3(x, weights[f"{name}.body.0.weight"])
    c, h, w = y.shape
    return y.reshape(c, h // 2, 2, w // 2, 2).transpose(0, 2, 4, 1, 3).reshape(4 * c, h // 2, w // 2)


def up(x: Array, weights: Mapping[str, Array], name: str) -> Array:
    y = conv3x3(x, weights[f"{name}.body.0.weight"])
    c, h, w = y.shape
    return y.reshape(c // 4, 2, 2, h, w).transpose(0, 3, 1, 4, 2).reshape(c // 4, 2 * h, 2 * w)


def whole_network(x: Array, weights: Mapping[str, Array]) -> Array:
    first = conv3x3(x, weights["patch_embed.proj.weight"])
    one = blocks(first, weights, "encoder_level1")
    two = blocks(down(one, weights, "down1_2"), weights, "encoder_level2")
    three = blocks(down(two, weights, "down2_3"), weights, "encoder_level3")
    y = up(blocks(down(three, weights, "down3_4"), weights, "latent"), weights, "up4_3")
    y = blocks(conv1x1(np.concatenate([y, three]), weights["reduce_chan_level3.weight"]), weights, "decoder_level3")
    y = np.concatenate([up(y, weights, "up3_2"), two])
    y = blocks(conv1x1(y, weights["reduce_chan_level2.weight"]), weights, "decoder_level2")
    y = blocks(np.concatenate([up(y, weights, "up2_1"), one]), weights, "decoder_level1")
    y = blocks(y, weights, "refinement")
    if "skip_conv.weight" in weights:
        return conv3x3(y + conv1x1(first, weights["skip_conv.weight"]), weights["output.weight"])
    return conv3x3(y, weights["output.weight"]) + x


def random_network(**options: object) -> tuple[Restormer, dict[str, Array]]:
    """A small network in which no weight has a value that hides a mistake, and its weights."""
    torch.manual_seed(0)
    net = Restormer(**(_SMALL | options)).double().eval()  # pyright: ignore[reportArgumentType]
    for key, parameter in net.named_parameters():
        torch.nn.init.normal_(parameter, mean=1.0 if key.endswith(("temperature", "body.weight")) else 0.0, std=0.3)
    return net, {key: value.numpy() for key, value in net.state_dict().items()}


@pytest.mark.parametrize("options", [{}, {"norm": "bias-free"}, {"dual_pixel": True}], ids=str)
def test_the_whole_network_equals_the_formulae(options: dict[str, object]) -> None:
    net, weights = random_network(**options)
    x = torch.rand(1, 6 if net.dual_pixel else 3, 8, 16, dtype=torch.float64)
    with torch.inference_mode():
        y = net(x).numpy()
    expected = whole_network(x[0].numpy(), weights)
    np.testing.assert_allclose(y[0], expected, atol=1e-9 * np.abs(expected).max())


def test_attention_and_feed_forward_equal_the_formulae() -> None:
    net, weights = random_network()
    x = torch.randn(1, 16, 6, 10, dtype=torch.float64)
    block = net.encoder_level2[1]
    with torch.inference_mode():
        attended, fed = block.attn(x)[0].numpy(), block.ffn(x)[0].numpy()  # pyright: ignore
    np.testing.assert_allclose(attended, attention(x[0].numpy(), weights, "encoder_level2.1.attn"), atol=1e-12)
    np.testing.assert_allclose(fed, feed_forward(x[0].numpy(), weights, "encoder_level2.1.ffn"), atol=1e-12)


def test_memory_formats_agree() -> None:
    net, _ = random_network()
    x = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(net(x.contiguous(memory_format=torch.channels_last)), net(x))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_it_trains_under_autocast(kind: torch.dtype) -> None:
    torch.manual_seed(0)
    net = Restormer(**_SMALL)  # pyright: ignore[reportArgumentType]
    with torch.autocast("cpu", dtype=kind):
        loss = net(torch.rand(1, 3, 32, 32)).float().square().mean()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
