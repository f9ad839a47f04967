from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import sharp_picture
from torch import Tensor

from sharpen_core.frame import Size
from sharpen_train.architectures import Network, build
from sharpen_train.config import Config
from sharpen_train.distil import checkpoint, load_network, load_run, restore, restore_tiled, train
from sharpen_train.distil.restore import read_gauge, start_from
from sharpen_train.distil.run_folder import save_travel
from sharpen_train.errors import CheckpointError


def awake(name: str) -> Network:
    """A network whose last layer, which starts at zero, does something."""
    torch.manual_seed(0)
    network = build(name).eval()
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return network


def test_any_size_can_be_restored() -> None:
    picture = sharp_picture(Size(37, 51), 0)
    assert restore(awake("plain-16x4"), picture).shape == picture.shape


def test_tiles_of_a_network_of_bounded_reach_give_the_whole() -> None:
    network, picture = awake("two-scale-16-32x6"), sharp_picture(Size(170, 210), 1)
    whole, tiled = restore(network, picture).astype(int), restore_tiled(network, picture, tile_px=128).astype(int)
    assert np.abs(whole - picture).max() > 2
    assert np.abs(whole - tiled).max() <= 1  # a sum in another order may round to the other side


def test_tiles_of_a_network_that_looks_at_everything_meet_without_a_seam() -> None:
    network, picture = awake("restormer-compact"), sharp_picture(Size(96, 176), 1)
    tiled = restore_tiled(network, picture, tile_px=104)
    assert tiled.shape == picture.shape
    assert not np.array_equal(tiled, picture)


def test_a_run_is_loaded_with_its_best_weights_or_those_that_travelled(settings: Callable[..., Config], tmp_path: Path) -> None:
    run = tmp_path / "run"
    best = train(settings("model.arch=with-norm", "train.lr=1e-2"), run)
    expected = load_run(run).state_dict()
    assert not load_run(run).training
    files = save_travel(run, 1.0)
    assert [file.parent.name for file in files] == ["travel"]
    best.unlink()
    (run / "checkpoints/last/averaged.safetensors").unlink()
    for name, tensor in load_run(run).state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-4)


def test_what_weights_are_of_is_found_out(tmp_path: Path) -> None:
    network = build("plain-32x2")
    said, unsaid, published = tmp_path / "said.safetensors", tmp_path / "unsaid.safetensors", tmp_path / "published.pth"
    said.write_bytes(checkpoint.weights_to_bytes(network.state_dict(), {"arch": "plain-32x2"}))
    unsaid.write_bytes(checkpoint.weights_to_bytes(network.state_dict()))
    torch.save({"params": network.state_dict()}, published)
    for path in (said, unsaid, published):
        name, found = load_network(path)
        assert name == "plain-32x2"
        assert torch.equal(found.state_dict()["head.weight"], network.state_dict()["head.weight"])
    (tmp_path / "other.safetensors").write_bytes(checkpoint.weights_to_bytes({"x": torch.zeros(3)}))
    with pytest.raises(CheckpointError, match="no architecture"):
        load_network(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="another architecture"):
        load_network(unsaid, "plain-16x4")


def test_a_folder_that_is_no_run_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not the folder of a run"):
        load_run(tmp_path)
    (tmp_path / "config.toml").write_text('[model]\narch = "plain-16x4"\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match="no weights yet"):
        load_run(tmp_path)


def test_another_gauge_takes_the_place_of_that_among_the_weights(tmp_path: Path) -> None:
    def written(name: str, weights: Mapping[str, Tensor]) -> Path:
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(checkpoint.weights_to_bytes(weights))
        return path

    first, other = (awake("guided-16-32x6").state_dict() for _ in range(2))
    other = {name: tensor + 1 for name, tensor in other.items() if tensor.is_floating_point()}
    whole = written("whole", first | {"gauge.layers.0.weight": torch.zeros(3, 3)})  # of an earlier version
    gauge = read_gauge(written("gauge", first | {name: tensor for name, tensor in other.items() if name.startswith("gauge.")}))
    network = build("guided-16-32x6")
    with pytest.raises(CheckpointError, match=r"another shape: gauge\.layers\.0"):
        start_from(whole, network)
    start_from(whole, network, gauge)
    own = network.state_dict()
    assert torch.equal(own["tail.weight"], first["tail.weight"])
    assert torch.equal(own["gauge.layers.0.weight"], other["gauge.layers.0.weight"])
    with pytest.raises(CheckpointError, match="no gauge in"):
        read_gauge(written("blind", build("plain-16x4").state_dict()))
