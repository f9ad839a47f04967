"""The published student, drawn with two libraries."""

import numpy as np
import pytest

from sharpen_core.engines.openvino import import_openvino
from sharpen_core.frame import Size
from sharpened_camera.bench.graphs import onnx_graph, openvino_graph
from sharpened_camera.bench.nafnet import PublishedStudent

SIZE = Size(32, 48)
PARAMETERS, KMAC_PER_PX = 2_699_923, 47.45


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(1).random((1, 3, *SIZE), dtype=np.float32)


@pytest.fixture(scope="module")
def in_openvino(picture):
    student = PublishedStudent()
    graph = openvino_graph(student, SIZE)
    assert (student.parameters, round(student.kmac_per_px, 2)) == (PARAMETERS, KMAC_PER_PX)
    compiled = import_openvino().Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    return compiled([picture])[0]


def test_both_libraries_compute_the_same(picture, in_openvino) -> None:
    pytest.importorskip("onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_graph(PublishedStudent(), SIZE), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"picture": picture})
    assert np.abs(in_openvino - picture).mean() > 0.01
    np.testing.assert_allclose(result, in_openvino, atol=1e-5)


class Recorded(PublishedStudent):
    """Keeps its weights in the order in which they are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = []

    def _weights(self, *shape: int):
        self.drawn.append(super()._weights(*shape))
        return self.drawn[-1]


def parameters_in_order(network):
    """The parameters of the network as it is trained, in the order in which the student draws its own; and the norms' weights."""

    def block(it):
        norms.extend((it.norm1.weight, it.norm2.weight))
        convolutions = (it.conv1, it.conv2, it.sca[1], it.conv3)
        attention = [*it.norm1.parameters(), *(one for conv in convolutions for one in conv.parameters()), it.beta]
        return [*attention, *it.norm2.parameters(), *it.conv4.parameters(), *it.conv5.parameters(), it.gamma]

    def stage(it):
        return [one for member in it for one in block(member)]

    norms = []
    down = [one for level, step in zip(network.encoders, network.downs, strict=True) for one in [*stage(level), *step.parameters()]]
    up = [one for step, level in zip(network.ups, network.decoders, strict=True) for one in [*step.parameters(), *stage(level)]]
    return [*network.intro.parameters(), *down, *stage(network.middle_blks), *up, *network.ending.parameters()], norms


def test_it_is_the_network_of_its_authors(picture, in_openvino) -> None:
    torch = pytest.importorskip("torch")
    from sharpen_train.architectures.nafnet import NAFNet

    network, student = NAFNet(16, (2, 2, 4, 8), 2, (2, 2, 2, 2)), Recorded()
    openvino_graph(student, SIZE)
    parameters, norms = parameters_in_order(network)
    with torch.no_grad():
        for parameter, weights in zip(parameters, student.drawn, strict=True):
            parameter.copy_(torch.from_numpy(weights).reshape(parameter.shape))
        for weight in norms:
            weight += 1
        result = network(torch.from_numpy(picture))
    np.testing.assert_allclose(result.numpy(), in_openvino, atol=1e-5)
