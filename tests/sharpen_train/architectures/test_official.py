"""Weights from elsewhere: written here the way the published ones are, and some that nobody should trust."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from sharpen_train.architectures import build
from sharpen_train.architectures.base import Network
from sharpen_train.architectures.mini_unet import MiniUNet
from sharpen_train.architectures.nafnet import NAFNet
from sharpen_train.architectures.official import load_official
from sharpen_train.architectures.restormer import Restormer
from sharpen_train.errors import CheckpointError

State = dict[str, Tensor]


def small_restormer() -> Restormer:
    return Restormer(dim=8, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 2, 2, 2))


def random_state(network: Network) -> State:
    return {key: torch.rand_like(value) if value.is_floating_point() else value + 7 for key, value in network.state_dict().items()}


def equal(first: State, second: State) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize("wrapper", ["params", "params_ema", "state_dict", "model_state_dict", None])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_every_usual_wrapping_is_understood(tmp_path: Path, wrapper: str | None, prefix: str) -> None:
    net = small_restormer()
    state = random_state(net)
    named = OrderedDict((prefix + key, value) for key, value in state.items())
    torch.save(named if wrapper is None else {"epoch": 3, wrapper: named}, tmp_path / "weights.pth")
    load_official(tmp_path / "weights.pth", net)
    assert equal(net.state_dict(), state)


def test_safetensors_and_integer_buffers(tmp_path: Path) -> None:
    net = MiniUNet(width=4)
    state = random_state(net)
    save_file(state, tmp_path / "weights.safetensors")
    load_official(tmp_path / "weights.safetensors", net)
    assert equal(net.state_dict(), state)


def test_averaged_weights_come_first(tmp_path: Path) -> None:
    net = NAFNet(width=4, encoder=(1,), middle=1, decoder=(1,))
    plain, averaged = random_state(net), random_state(net)
    torch.save({"params": plain, "params_ema": averaged}, tmp_path / "weights.pth")
    load_official(tmp_path / "weights.pth", net)
    assert equal(net.state_dict(), averaged)


def test_half_precision_weights_become_single(tmp_path: Path) -> None:
    net = small_restormer()
    state = random_state(net)
    torch.save({key: value.half() for key, value in state.items()}, tmp_path / "weights.pth")
    load_official(tmp_path / "weights.pth", net)
    assert equal(net.state_dict(), {key: value.half().float() for key, value in state.items()})


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_every_wrong_weight_is_named_and_nothing_is_loaded(tmp_path: Path, data: st.DataObject) -> None:
    net = small_restormer()
    before, state = {key: value.clone() for key, value in net.state_dict().items()}, random_state(net)
    lost, bent = data.draw(st.lists(st.sampled_from(list(state)), min_size=2, max_size=2, unique=True))
    shape = tuple(state[bent].shape)
    state[bent] = state[bent][None]
    state["extra.weight"] = state.pop(lost)
    torch.save({"params": state}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError) as caught:
        load_official(tmp_path / "weights.pth", net)
    message = str(caught.value)
    assert f"1 missing ({lost})" in message
    assert "1 unexpected (extra.weight)" in message
    assert f"1 of another shape ({bent} {(1, *shape)} instead of {shape})" in message
    assert equal(net.state_dict(), before)


def test_long_lists_are_cut(tmp_path: Path) -> None:
    torch.save(build("published-cnn3").state_dict(), tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"12 missing \(head\.weight, head\.bias, body\.0\.weight, \.\.\.\)"):
        load_official(tmp_path / "weights.pth", build("plain-16x4"))


@pytest.mark.parametrize("name", ["published-cnn3", "published-simple-nafnet", "plain-32x2"])
def test_weights_of_another_architecture_are_recognised(tmp_path: Path, name: str) -> None:
    torch.save({"params": build(name).state_dict()}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=f"These are weights of '{name}'"):
        load_official(tmp_path / "weights.pth", build("plain-16x4"))


def test_the_kind_of_norm_is_recognised(tmp_path: Path) -> None:
    """The likeliest mistake: a denoising checkpoint for the deblurring network."""
    with torch.device("meta"):
        state = build("restormer-biasfree").state_dict()
        net = build("restormer")
    zero = torch.zeros(1)
    torch.save({"params": {key: zero.expand(value.shape) for key, value in state.items()}}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"88 missing \(encoder_level1\.0\.norm1\.body\.bias.*'restormer-biasfree'"):
        load_official(tmp_path / "weights.pth", net)


class Trap:
    """Runs code where it is unpickled without care."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.marker,)


def test_a_pickle_with_code_is_refused_and_the_code_not_run(tmp_path: Path) -> None:
    torch.save({"params": small_restormer().state_dict(), "trap": Trap(tmp_path / "ran")}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"was refused: it holds code or damaged data.*safetensors") as caught:
        load_official(tmp_path / "weights.pth", small_restormer())
    assert "\n" not in caught.value.args[0]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02}q\x00.", bytes(1000)], ids=["empty", "text", "pickle", "zeros"])
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load_official(tmp_path / name, small_restormer())
    assert name in str(caught.value)
    assert "\n" not in caught.value.args[0]


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    state, path = small_restormer().state_dict(), tmp_path / name
    save_file(state, path) if name.endswith("safetensors") else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=name):
        load_official(path, small_restormer())


ENDLESS: dict[str, object] = {}
ENDLESS["params"] = ENDLESS


@pytest.mark.parametrize(
    "content",
    [[1, 2], {"params": {}}, {"params": {"a": 3}}, {5: torch.ones(3)}, torch.ones(3), ENDLESS],
    ids=["list", "empty", "number", "unnamed", "tensor", "endless"],
)
def test_a_file_without_weights_says_so(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="holds no weights"):
        load_official(tmp_path / "weights.pth", small_restormer())


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(CheckpointError, match="there is no file"):
            load_official(path, small_restormer())
