import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sharpen_core.engines.openvino import import_openvino
from sharpen_core.frame import Size
from sharpen_train.architectures import Network
from sharpen_train.architectures.nafnet import NAFNet
from sharpen_train.architectures.plain import Plain
from sharpen_train.architectures.two_scale import TwoScale
from sharpen_train.errors import ExportError, MissingExtraError
from sharpen_train.exporting import ops
from sharpen_train.exporting.byte_maps import keep_every_byte
from sharpen_train.exporting.calibration import Examples, read_examples
from sharpen_train.exporting.graph import graph_form, write_graphs
from sharpen_train.exporting.quantise import PLANS, import_nncf, quantise

Shaken = Callable[[Network], Network]


@pytest.fixture(scope="module")
def examples(dataset: Path) -> Examples:
    return read_examples(dataset, 4)


def graph_in(folder: Path, network: Network) -> Path:
    write_graphs(graph_form(network), Size(64, 64), folder, f16=False)
    return folder


def run(path: Path, picture: np.ndarray) -> np.ndarray:
    core = import_openvino().Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled([picture[None]])[0])[0]


def limits(quantiser: Any) -> tuple[float, ...]:
    return tuple(float(quantiser.input_value(number).get_node().data.item()) for number in range(1, 5))


def test_what_the_network_leaves_alone_stays_exact_to_the_byte(examples: Examples, tmp_path: Path) -> None:
    """An untrained network adds nothing: were input or sum rounded to 8 bits of another range, the picture would change."""
    cost = quantise(graph_in(tmp_path, Plain(8, 1).eval()), examples, limit_db=0.1)
    assert cost.sharp_db == cost.sharp_db_float == 99
    picture = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)
    np.testing.assert_array_equal(run(tmp_path / "model-int8.xml", picture), picture)


@pytest.mark.parametrize(
    ("network", "residuals"), [(Plain(8, 1), 1), (NAFNet(8, (1,), 0, (1,)), 0)], ids=["scale folded, in rows", "scale kept"]
)
def test_convolutions_are_quantised_the_sum_is_not_and_bytes_keep_their_steps(
    network: Network, residuals: int, examples: Examples, tmp_path: Path, shaken: Shaken
) -> None:
    quantise(graph_in(tmp_path, shaken(network)), examples, limit_db=9)
    graph = import_openvino().Core().read_model(tmp_path / "model-int8.xml")
    assert sum(node.get_type_name() == "FakeQuantize" for node in graph.get_ops()) >= 3
    assert keep_every_byte(graph) == 1
    behind = ops.names_behind_last_convolutions(graph)
    nodes = [node for node in graph.get_ops() if node.get_friendly_name() in behind]
    assert any(node.get_type_name() == "Add" for node in nodes)
    quantisers = [node for node in nodes if node.get_type_name() == "FakeQuantize"]
    assert [limits(node) for node in quantisers] == residuals * [(-128, 127, -128, 127)]  # nothing but the residual, in whole steps
    first = next(node for node in graph.get_ordered_ops() if node.get_type_name() == "FakeQuantize" and node.input_value(0).get_shape != ())
    low, high = (float(first.input_value(number).get_node().data.max()) for number in (1, 2))
    assert low == 0
    assert high in (pytest.approx(255), pytest.approx(1))


def test_a_loss_above_the_limit_is_refused_with_its_figure_after_every_plan(
    examples: Examples, tmp_path: Path, shaken: Shaken, capsys: pytest.CaptureFixture[str]
) -> None:
    graph_in(tmp_path, shaken(Plain(8, 1)))
    with pytest.raises(ExportError, match=r"8 bits cost -?\d+\.\d{3} dB .* than the -99 dB allowed.*--accuracy-limit-db"):
        quantise(tmp_path, examples, limit_db=-99)
    assert not list(tmp_path.glob("model-int8*"))
    said = capsys.readouterr().out.splitlines()
    assert [plan.words in line for plan, line in zip(PLANS, said, strict=True)] == [True] * len(PLANS)


def test_the_ends_of_a_graph_are_found(tmp_path: Path, shaken: Shaken) -> None:
    core = import_openvino().Core()
    graph = core.read_model(graph_in(tmp_path, shaken(Plain(8, 1))) / "model.xml")
    last = ops.last_convolutions(graph)
    assert len(last) == 1
    assert "tail" in next(iter(last))
    assert "head" in ops.first_convolution(graph)


def test_a_doubled_map_is_quantised_and_what_is_added_to_it_is_not(examples: Examples, tmp_path: Path, shaken: Shaken) -> None:
    quantise(graph_in(tmp_path, shaken(TwoScale(8, 16, 1))), examples, limit_db=9)
    graph = import_openvino().Core().read_model(tmp_path / "model-int8.xml")
    on_rows = ops.names_on_rows(graph)
    assert len(on_rows) == 2  # the biases of the four pixels, and the sum with the fine path
    sums = [node for node in graph.get_ops() if node.get_friendly_name() in on_rows]
    assert not any(port.get_source_output().get_node().get_type_name() == "FakeQuantize" for node in sums for port in node.inputs())
    doubled = next(node for node in graph.get_ops() if node.get_type_name() == "ConvolutionBackpropData")
    assert doubled.input_value(0).get_node().get_type_name() == "FakeQuantize"
    assert [port.get_node().get_type_name() for port in doubled.output(0).get_target_inputs()] == ["FakeQuantize"]


def test_nncf_never_loads_its_telemetry() -> None:
    import_nncf()
    assert sys.modules["openvino_telemetry"] is None


def test_a_missing_nncf_names_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(MissingExtraError, match="pip install nncf"):
        import_nncf()
