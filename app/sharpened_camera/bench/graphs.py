"""The published student as a graph of OpenVINO and as a file of ONNX."""

from typing import Any

import numpy as np

from sharpen_core.engines.openvino import import_openvino
from sharpen_core.frame import Size
from sharpened_camera.bench.nafnet import Pen, PublishedStudent, Weights

_OPSET = 17
_IR_VERSION = 9  # of ONNX's file format: any later than the opset's reads it
_EPSILON = np.float32(1e-6)


class OpenVINOPen(Pen[Any]):
    """Draws with OpenVINO's operations."""

    def __init__(self) -> None:
        import_openvino()
        from openvino import opset13

        self._ops: Any = opset13

    def convolve(self, node: Any, kernel: Weights, bias: Weights | None, *, stride: int, groups: int) -> Any:
        """See `Pen.convolve`."""
        ops, pads = self._ops, [kernel.shape[2] // 2 if stride == 1 else 0] * 2
        if groups > 1:
            grouped = kernel.reshape(groups, kernel.shape[0] // groups, *kernel.shape[1:])
            result = ops.group_convolution(node, ops.constant(grouped), [stride] * 2, pads, pads, [1, 1])
        else:
            result = ops.convolution(node, ops.constant(kernel), [stride] * 2, pads, pads, [1, 1])
        return result if bias is None else ops.add(result, ops.constant(bias.reshape(1, -1, 1, 1)))

    def normalise(self, node: Any, weight: Weights, bias: Weights) -> Any:
        """See `Pen.normalise`."""
        ops = self._ops
        centred = ops.subtract(node, ops.reduce_mean(node, np.array([1]), keep_dims=True))
        variance = ops.reduce_mean(ops.multiply(centred, centred), np.array([1]), keep_dims=True)
        even = ops.divide(centred, ops.sqrt(ops.add(variance, ops.constant(_EPSILON))))
        return ops.add(ops.multiply(even, ops.constant(weight)), ops.constant(bias))

    def gate(self, node: Any) -> Any:
        """See `Pen.gate`."""
        first, second = self._ops.split(node, np.int64(1), 2).outputs()
        return self._ops.multiply(first, second)

    def pool(self, node: Any) -> Any:
        """See `Pen.pool`."""
        return self._ops.reduce_mean(node, np.array([2, 3]), keep_dims=True)

    def multiply(self, node: Any, other: Any) -> Any:
        """See `Pen.multiply`."""
        return self._ops.multiply(node, self._ops.constant(other) if isinstance(other, np.ndarray) else other)

    def add(self, node: Any, other: Any) -> Any:
        """See `Pen.add`."""
        return self._ops.add(node, other)

    def shuffle(self, node: Any) -> Any:
        """See `Pen.shuffle`."""
        return self._ops.depth_to_space(node, "depth_first", 2)


class OnnxPen(Pen[str]):
    """Draws with ONNX's operations; its nodes are names.

    Raises:
        ImportError: the package onnx is not installed.
    """

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._helper: Any = helper
        self._numpy_helper: Any = numpy_helper
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def convolve(self, node: str, kernel: Weights, bias: Weights | None, *, stride: int, groups: int) -> str:
        """See `Pen.convolve`."""
        pad = kernel.shape[2] // 2 if stride == 1 else 0
        inputs = [node, self._keep(kernel), *([] if bias is None else [self._keep(bias)])]
        return self._node("Conv", *inputs, strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def normalise(self, node: str, weight: Weights, bias: Weights) -> str:
        """See `Pen.normalise`."""
        centred = self._node("Sub", node, self._node("ReduceMean", node, axes=[1], keepdims=1))
        variance = self._node("ReduceMean", self._node("Mul", centred, centred), axes=[1], keepdims=1)
        spread = self._node("Sqrt", self._node("Add", variance, self._keep(_EPSILON)))
        even = self._node("Div", centred, spread)
        return self._node("Add", self._node("Mul", even, self._keep(weight)), self._keep(bias))

    def gate(self, node: str) -> str:
        """See `Pen.gate`."""
        first, second = (f"{node}/half{number}" for number in range(2))
        self.nodes.append(self._helper.make_node("Split", [node], [first, second], axis=1))
        return self._node("Mul", first, second)

    def pool(self, node: str) -> str:
        """See `Pen.pool`."""
        return self._node("GlobalAveragePool", node)

    def multiply(self, node: str, other: "str | Weights") -> str:
        """See `Pen.multiply`."""
        return self._node("Mul", node, other if isinstance(other, str) else self._keep(other))

    def add(self, node: str, other: str) -> str:
        """See `Pen.add`."""
        return self._node("Add", node, other)

    def shuffle(self, node: str) -> str:
        """See `Pen.shuffle`."""
        return self._node("DepthToSpace", node, blocksize=2, mode="CRD")

    def _node(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _keep(self, weights: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(self._numpy_helper.from_array(np.asarray(weights), name))
        return name


def openvino_graph(student: PublishedStudent, size: Size) -> Any:
    """Returns the student as an `openvino.Model`: (1, 3, H, W) float32 in and out."""
    pen, openvino = OpenVINOPen(), import_openvino()
    from openvino import opset13

    picture = opset13.parameter([1, 3, *size], np.float32, "picture")
    return openvino.Model([student.draw(pen, picture)], [picture], "published student")


def onnx_graph(student: PublishedStudent, size: Size) -> bytes:
    """Returns the student as an ONNX file: (1, 3, H, W) float32 in and out.

    Raises:
        ImportError: the package onnx is not installed.
    """
    pen = OnnxPen()
    from onnx import TensorProto, helper

    result = student.draw(pen, "picture")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, *size]) for name in ("picture", result)]
    graph = helper.make_graph(pen.nodes, "published student", ends[:1], ends[1:], pen.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    return model.SerializeToString()
