from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sharpen_core.engines.openvino import import_openvino
from sharpen_core.frame import Size
from sharpen_train.architectures import Network
from sharpen_train.architectures.base import ResidualNetwork
from sharpen_train.architectures.plain import Plain
from sharpen_train.architectures.two_scale import TwoScale
from sharpen_train.exporting.byte_maps import keep_doubled, measure_doubled, round_residual
from sharpen_train.exporting.graph import graph_form, write_graphs
from sharpen_train.exporting.ops import way_to_result

Shaken = Callable[[Network], Network]
DOUBLING = "/up/transposed/ConvTranspose"


def graph_of(network: Network, folder: Path) -> Any:
    write_graphs(graph_form(network), Size(64, 64), folder, f16=False)
    return import_openvino().Core().read_model(folder / "model.xml")


def outputs(graph: Any, picture: np.ndarray) -> list[np.ndarray]:
    compiled = import_openvino().Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.array(values) for values in compiled([picture[None]]).to_tuple()]


@pytest.fixture
def gentle(shaken: Shaken) -> Shaken:
    """As `shaken`, but what is added to the picture stays within what a byte holds."""

    def shake(network: Network) -> Network:
        assert isinstance(network, ResidualNetwork)
        with torch.no_grad():
            shaken(network).tail.weight *= 0.1
        return network

    return shake


def noise(seed: int, side: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def named(graph: Any, name: str) -> Any:
    return next(node for node in graph.get_ops() if node.get_friendly_name() == name)


@pytest.mark.parametrize("make", [lambda: Plain(8, 1), lambda: TwoScale(8, 16, 1)], ids=["plain", "two scales"])
def test_a_rounded_residual_gives_the_same_picture(make: Callable[[], Network], tmp_path: Path, gentle: Shaken) -> None:
    torch.manual_seed(4)
    graph = graph_of(gentle(make()), tmp_path)
    before = outputs(graph, noise(1))[0]
    assert round_residual(graph) == 1
    np.testing.assert_array_equal(outputs(graph, noise(1))[0], before)
    assert 10 < np.abs(before.astype(int) - noise(1)).max() < 120


def test_a_graph_that_does_not_work_in_rows_is_left_alone(tmp_path: Path) -> None:
    class Identity(Network):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    graph = graph_of(Identity(), tmp_path)
    operations = len(graph.get_ops())
    assert round_residual(graph) == 0
    assert measure_doubled(import_openvino().Core(), graph, [{"image": noise(1)[None]}]) == {}
    keep_doubled(graph, {})
    assert len(graph.get_ops()) == operations


def test_the_range_of_a_doubled_map_ends_where_the_rectifier_takes_off_what_is_below(tmp_path: Path) -> None:
    """One channel goes far below what is added to it; of that it keeps no more than it needs."""
    torch.manual_seed(0)
    network = TwoScale(8, 16, 1, lean=True)
    with torch.no_grad():
        network.tail.weight.normal_(std=0.05)
        network.up.weight.normal_(std=0.05)
        network.up.weight[:4] = -4  # the four pixels of the first channel
    graph = graph_of(network.eval(), tmp_path)
    probe = import_openvino().Core().read_model(tmp_path / "model.xml")
    probe.add_outputs([named(probe, DOUBLING).output(0)])
    doubled = outputs(probe, noise(2))[1]
    ranges = measure_doubled(
        import_openvino().Core(), import_openvino().Core().read_model(tmp_path / "model.xml"), [{"image": noise(2)[None]}]
    )
    assert list(ranges) == [DOUBLING]
    low, high = ranges[DOUBLING]
    assert low.shape == high.shape == (8,)
    assert low[0] > doubled[0, 0].min() / 4
    assert (low <= 0).all()
    assert (high >= doubled.max((0, 2, 3))).all()
    steps = (high - low) / 255
    np.testing.assert_allclose(low / steps, np.round(low / steps), atol=1e-3)  # nothing stays exactly nothing
    before = outputs(graph, noise(2))[0].astype(int)
    keep_doubled(graph, ranges)
    quantiser = next(iter(named(graph, DOUBLING).output(0).get_target_inputs())).get_node()
    assert quantiser.get_type_name() == "FakeQuantize"
    after = outputs(graph, noise(2))[0].astype(int)
    assert np.abs(after - before).max() <= 2
    assert np.abs(before - noise(2)).max() > 20


def test_rounding_and_doubling_can_be_done_to_the_same_graph(tmp_path: Path, gentle: Shaken) -> None:
    torch.manual_seed(4)
    graph = graph_of(gentle(TwoScale(8, 16, 1)), tmp_path)
    core = import_openvino().Core()
    ranges = measure_doubled(core, core.read_model(tmp_path / "model.xml"), [{"image": noise(seed)[None]} for seed in (1, 2)])
    before = outputs(graph, noise(1))[0].astype(int)
    keep_doubled(graph, ranges)
    round_residual(graph)
    assert sum(node.get_type_name() == "FakeQuantize" for node in way_to_result(graph)) == 1
    assert np.abs(outputs(graph, noise(1))[0].astype(int) - before).max() <= 1
