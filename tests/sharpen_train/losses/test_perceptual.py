"""Feature distances against networks written in numpy, with random weights from files of every layout."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from sharpen_train.errors import CheckpointError, ConfigError, MissingExtraError
from sharpen_train.losses import build_loss

Array = NDArray[np.float64]
FIRES = {"fire2": (3, 64, 16, 64), "fire3": (4, 128, 16, 64), "fire4": (6, 128, 32, 128), "fire5": (7, 256, 32, 128)} | {
    "fire6": (9, 256, 48, 192),
    "fire7": (10, 384, 48, 192),
    "fire8": (11, 384, 64, 256),
    "fire9": (12, 512, 64, 256),
}
CHANNELS = (64, 128, 256, 384, 384, 512, 512)


def random_conv(rng: np.random.Generator, inputs: int, outputs: int, side: int) -> tuple[Array, Array]:
    scale = (2 / (inputs * side * side)) ** 0.5
    return rng.standard_normal((outputs, inputs, side, side)) * scale, rng.standard_normal(outputs) * 0.1


def conv(x: Array, weights: tuple[Array, Array], stride: int = 1) -> Array:
    """A convolution (C, H, W) -> (C', H', W'); 3x3 ones with stride 1 keep the size."""
    kernel, bias = weights
    pad = kernel.shape[2] // 2 if stride == 1 else 0
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (pad, pad), (pad, pad))), kernel.shape[2:], axis=(1, 2))
    return np.tensordot(kernel, windows[:, ::stride, ::stride], axes=((1, 2, 3), (0, 3, 4))) + bias[:, None, None]


def pool(x: Array, side: int, *, up: bool = False) -> Array:
    """The largest of each window, two apart; `up` adds the window that hangs over the edge."""
    height = -(-(x.shape[1] - side) // 2) + 1 if up else (x.shape[1] - side) // 2 + 1
    rows = [[x[:, 2 * i : 2 * i + side, 2 * j : 2 * j + side].max(axis=(1, 2)) for j in range(height)] for i in range(height)]
    return np.array(rows).transpose(2, 0, 1)


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


class RandomVgg:
    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        sizes = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
        self.convs = {number: random_conv(rng, *size, 3) for number, size in sizes.items()}

    def state(self) -> dict[str, torch.Tensor]:
        named = {
            f"features.{n}.{kind}": array for n, pair in self.convs.items() for kind, array in zip(("weight", "bias"), pair, strict=True)
        }
        whole = {name: torch.from_numpy(array).float() for name, array in named.items()}
        return whole | {"features.17.weight": torch.zeros(1), "classifier.0.weight": torch.zeros(1)}

    def relu3_3(self, picture: Array) -> Array:
        x = normalised(picture)
        for number, weights in self.convs.items():
            x = relu(conv(pool(x, 2) if number in (5, 10) else x, weights))
        return x


class RandomSqueezeNet:
    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        self.first = random_conv(rng, 3, 64, 3)
        self.fires = {
            name: (random_conv(rng, inputs, few, 1), random_conv(rng, few, many, 1), random_conv(rng, few, many, 3))
            for name, (_, inputs, few, many) in FIRES.items()
        }

    def torchvision(self) -> dict[str, torch.Tensor]:
        named = {"features.0": self.first}
        for name, parts in self.fires.items():
            named |= {
                f"features.{FIRES[name][0]}.{part}": pair for part, pair in zip(("squeeze", "expand1x1", "expand3x3"), parts, strict=True)
            }
        return {
            f"{name}.{kind}": torch.from_numpy(array).float()
            for name, pair in named.items()
            for kind, array in zip(("weight", "bias"), pair, strict=True)
        }

    def write_keras(self, path: Path) -> None:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            layers = {"conv1": self.first}
            for name, parts in self.fires.items():
                layers |= {f"{name}/{part}": pair for part, pair in zip(("squeeze1x1", "expand1x1", "expand3x3"), parts, strict=True)}
            for number, (name, (kernel, bias)) in enumerate(layers.items()):
                group = file.create_group(name)
                group.attrs["weight_names"] = [f"uniform{number}".encode(), f"{name}_b".encode()]
                group[f"uniform{number}"] = kernel.transpose(2, 3, 1, 0).astype(np.float32)
                group[f"{name}_b"] = bias.astype(np.float32)

    def features(self, x: Array, *, up: bool) -> list[Array]:
        x = relu(conv(x, self.first, stride=2))
        found = [x]
        for name, (squeeze, expand1x1, expand3x3) in self.fires.items():
            x = pool(x, 3, up=up) if name in ("fire2", "fire4", "fire6") else x
            few = relu(conv(x, squeeze))
            x = relu(np.concatenate((conv(few, expand1x1), conv(few, expand3x3))))
            if name not in ("fire2", "fire4"):
                found.append(x)
        return found


def normalised(picture: Array) -> Array:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return (picture - mean[:, None, None]) / std[:, None, None]


def for_caffe(picture: Array) -> Array:
    """RGB in [0, 1] to BGR in 0..255 without its mean."""
    return picture[::-1] * 255 - np.array([104.006, 116.669, 122.679])[:, None, None]


def lpips(a: list[Array], b: list[Array], head: list[Array]) -> float:
    def unit(x: Array) -> Array:
        return x / np.maximum(np.sqrt((x**2).sum(axis=0)), 1e-12)

    return sum(float(((unit(x) - unit(y)) ** 2 * w[:, None, None]).sum(axis=0).mean()) for x, y, w in zip(a, b, head, strict=True))


def two_pictures(side_px: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(3)
    first = rng.random((3, side_px, side_px))
    return first, np.clip(first + 0.1 * rng.standard_normal(first.shape), 0, 1)


def measured(name: str, pictures: tuple[Array, Array], weights: Path, head: Path | None = None) -> float:
    loss = build_loss({name: 1.0}, weights, head)
    a, b = (torch.from_numpy(picture.copy())[None].float() for picture in pictures)
    return float(loss(a, b)[0])


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(RandomVgg().state(), path)
    return path


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("squeezenet") / "squeezenet1_1.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in RandomSqueezeNet().torchvision().items()}, path)
    return path


def test_vgg16_compares_relu3_3(vgg: Path) -> None:
    pictures = two_pictures(13)
    a, b = (RandomVgg().relu3_3(picture) for picture in pictures)
    assert a.shape == (256, 3, 3)
    assert measured("vgg16", pictures, vgg) == pytest.approx(float(np.abs(a - b).mean()), rel=1e-4)


@pytest.mark.parametrize("side_px", [32, 36])
def test_squeezenet_in_torchvisions_layout(squeezenet: Path, side_px: int) -> None:
    pictures = two_pictures(side_px)
    a, b = (RandomSqueezeNet().features(normalised(picture), up=True) for picture in pictures)
    assert measured("squeezenet", pictures, squeezenet) == pytest.approx(lpips(a, b, [np.ones(c) for c in CHANNELS]), rel=1e-4)


def test_squeezenet_of_the_keras_port_sees_what_caffe_saw(tmp_path: Path) -> None:
    RandomSqueezeNet().write_keras(tmp_path / "notop.h5")
    pictures = two_pictures(36)
    a, b = (RandomSqueezeNet().features(for_caffe(picture), up=False) for picture in pictures)
    assert measured("squeezenet", pictures, tmp_path / "notop.h5") == pytest.approx(lpips(a, b, [np.ones(c) for c in CHANNELS]), rel=1e-4)


def test_a_head_weighs_the_features(squeezenet: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    head = [rng.random(count) for count in CHANNELS]
    torch.save({f"lin{n}.model.1.weight": torch.from_numpy(w)[None, :, None, None].float() for n, w in enumerate(head)}, tmp_path / "h.pth")
    pictures = two_pictures(32)
    a, b = (RandomSqueezeNet().features(normalised(picture), up=True) for picture in pictures)
    assert measured("squeezenet", pictures, squeezenet, tmp_path / "h.pth") == pytest.approx(lpips(a, b, head), rel=1e-4)


@pytest.mark.parametrize("name", ["vgg16", "squeezenet"])
def test_feature_networks_are_frozen_and_differentiable(name: str, request: pytest.FixtureRequest) -> None:
    loss = build_loss({name: 1.0, "l1": 1.0}, request.getfixturevalue("vgg" if name == "vgg16" else name)).train()
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert len(list(loss.parameters())) > 10, "they move to a device with the loss"
    truth = torch.rand(2, 3, 32, 32)
    other = torch.rand(2, 3, 32, 32).requires_grad_()
    loss(other, truth).sum().backward()
    assert other.grad is not None
    assert float(other.grad.abs().sum()) > 0
    same = truth.clone().requires_grad_()
    value = loss.parts(same, truth)[name]
    value.sum().backward()
    assert value.tolist() == [0, 0]
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()


def test_black_pictures_have_finite_gradients(squeezenet: Path) -> None:
    black = torch.zeros(1, 3, 32, 32).requires_grad_()
    build_loss({"squeezenet": 1.0}, squeezenet)(black, torch.ones(1, 3, 32, 32)).sum().backward()
    assert black.grad is not None
    assert torch.isfinite(black.grad).all()


def test_pictures_too_small_for_the_network_are_refused(squeezenet: Path) -> None:
    with pytest.raises(ConfigError, match="at least 31 px"):
        measured("squeezenet", two_pictures(24), squeezenet)


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_files_that_do_not_fit_are_refused(vgg: Path, squeezenet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, code, shrunk, no_dict = (tmp_path / name for name in ("b.safetensors", "code.pth", "shrunk.pth", "no_dict.pth"))
    broken.write_bytes(b"nothing")
    code.write_bytes(pickle.dumps({"features.0.weight": Code()}))
    torch.save({**RandomVgg().state(), "features.0.weight": torch.zeros(64, 1, 3, 3)}, shrunk)
    torch.save([torch.zeros(1)], no_dict)
    for path, words in (
        (tmp_path / "none.pth", "cannot read"),
        (broken, "cannot read"),
        (code, "more than weights"),
        (no_dict, "no state dict"),
        (squeezenet, "features.2.weight"),
        (shrunk, "features.0.weight"),
    ):
        with pytest.raises(CheckpointError, match=words):
            build_loss({"vgg16": 1.0}, path)
    assert capsys.readouterr().out == ""
    with pytest.raises(CheckpointError, match="not an LPIPS head"):
        build_loss({"squeezenet": 1.0}, squeezenet, vgg)
    with pytest.raises(ConfigError, match="no head"):
        build_loss({"vgg16": 1.0}, vgg, vgg)


def test_keras_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    (tmp_path / "text.h5").write_text("no h5", encoding="utf-8")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("dense")
    for name in ("text.h5", "other.h5", "none.h5"):
        with pytest.raises(CheckpointError, match="not the Keras port"):
            build_loss({"squeezenet": 1.0}, tmp_path / name)


def test_without_h5py_its_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match="pip install h5py"):
        build_loss({"squeezenet": 1.0}, tmp_path / "notop.h5")
