"""The form that becomes a graph computes what the plain form does, and engines run it without moving a map from one layout to another."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sharpen_core.engines.openvino import import_openvino
from sharpen_core.frame import Size
from sharpen_train.architectures.base import HalfSizeNetwork
from sharpen_train.architectures.doubling import Doubling
from sharpen_train.architectures.nafnet_tiny import NafnetTiny
from sharpen_train.architectures.nafnet_unet import NafnetUnet
from sharpen_train.architectures.plain import Plain
from sharpen_train.architectures.two_scale import TwoScale
from sharpen_train.exporting.graph import ByteContract, graph_form, write_graphs
from sharpen_train.exporting.rows import RowContract

SMALL: dict[str, Callable[[], HalfSizeNetwork]] = {
    "plain": lambda: Plain(8, 1),
    "two-scale": lambda: TwoScale(8, 16, 1),
    "nafnet-tiny": lambda: NafnetTiny(8, 16, before=1, after=1, width=16, kernels=(3,), guided=False),
    "nafnet-unet": lambda: NafnetUnet(8, (16, 16), ((3,),), (1,), ((3,),), guided=False),
}


@functools.cache
def deployed(name: str) -> HalfSizeNetwork:
    torch.manual_seed(4)
    network = SMALL[name]().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    form = network.deploy()
    assert isinstance(form, HalfSizeNetwork)
    return form


@functools.cache
def forms(name: str) -> tuple[ByteContract, nn.Module]:
    return ByteContract(deployed(name)).eval(), graph_form(deployed(name))


@pytest.mark.parametrize("name", SMALL)
@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 4), width=st.integers(1, 4), seed=st.integers(0, 99))
@torch.no_grad()
def test_both_forms_give_the_same_bytes_at_every_size(name: str, height: int, width: int, seed: int) -> None:
    plain, rows = forms(name)
    size = (height * deployed(name).multiple_px, width * deployed(name).multiple_px)
    picture = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (1, *size, 3), np.uint8))
    expected = plain(picture).int()
    assert (expected - picture.int()).abs().float().mean() > 1  # it does something
    assert (rows(picture).int() - expected).abs().max() <= 1  # the order of the sums decides a value on the edge of rounding


def test_the_network_that_is_exported_stays_as_it_is() -> None:
    network = TwoScale(8, 16, 1).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert isinstance(graph_form(network), RowContract)
    assert isinstance(network.up, Doubling)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", SMALL)
def test_openvino_moves_no_map_from_one_layout_to_another(name: str, tmp_path: Path) -> None:
    """Whether its shape changes cost a copy hangs on details, such as a sum right before one; a new OpenVINO may see them otherwise."""
    write_graphs(forms(name)[1], Size(64, 64), tmp_path, f16=False)
    core = import_openvino().Core()
    graph = core.read_model(tmp_path / "model.xml")
    graph.reshape([1, 96, 160, 3])
    running = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}).get_runtime_model()
    kinds = [str(node.get_rt_info()["layerType"].astype(str)) for node in running.get_ordered_ops()]
    assert "Convolution" in kinds
    assert not {"Transpose", "DepthToSpace", "SpaceToDepth"} & set(kinds)
