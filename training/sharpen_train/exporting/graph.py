"""The graph of a model: the network in the form that runs, bytes in and bytes out, as ONNX and as OpenVINO's IR."""

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sharpen_core.engines.openvino import import_openvino
from sharpen_core.frame import Size
from sharpen_core.gauge import BANDS, Gauge
from sharpen_core.model_store import GRAPHS
from sharpen_train.architectures import Network
from sharpen_train.architectures.base import HalfSizeNetwork
from sharpen_train.architectures.guidance import look
from sharpen_train.architectures.specialists import Specialists
from sharpen_train.degradations import Picture
from sharpen_train.errors import ExportError
from sharpen_train.exporting.rows import RowContract

OPSET = 18
DEPLOY_TOLERANCE = 1e-4


class ByteContract(nn.Module):
    """Wraps a network in the contract of a model: (1, H, W, 3) uint8 RGB in and out, clamped and rounded in the graph.

    Args:
        network: in the form that runs.
        gauge: what reads how soft a picture is, for a network that is told that.
    """

    def __init__(self, network: Network, gauge: Gauge | None = None) -> None:
        super().__init__()
        self.network = network.for_bytes()
        self.gauge = gauge

    def forward(self, image: Tensor, mtf: Tensor | None = None) -> Tensor:
        """Maps (1, H, W, 3) uint8 to the same; a guided network also takes the MTF of the picture, (1, BANDS)."""
        picture = image.permute(0, 3, 1, 2).float()
        values = self.network(picture) if mtf is None else self.network(picture, mtf)
        return values.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)

    @torch.inference_mode()
    def restore(self, picture: Picture) -> Picture:
        """Returns the picture, (H, W, 3) uint8 with sides that the network divides, sharpened."""
        mtf = torch.from_numpy(self.gauge.read_whole(picture))[None] if self.gauge else None
        return self(torch.from_numpy(picture)[None], mtf)[0].numpy()


def deploy(network: Network, pictures: Sequence[Picture]) -> tuple[Network, float]:
    """Returns the network in the form that runs, and how far it is from the form that was trained: at most, in values 0..1.

    Args:
        network: the trained one; it is not changed.
        pictures: (H, W, 3) uint8, compared together with noise, black and white of the first one's size.

    Raises:
        ExportError: the two forms differ by more than `DEPLOY_TOLERANCE`, or the network takes something else than one picture.
    """
    if getattr(network, "dual_pixel", False):
        raise ExportError("the network takes a pair of views of each picture, and a camera gives one", "Export another network.")
    # In float64: what gates make of white noise magnifies the rounding of float32 to parts of a step of 8 bits.
    exact = copy.deepcopy(network).double().eval()
    deployed = exact.deploy().eval()
    shape = pictures[0].shape
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    difference = max(
        _difference(exact, deployed, picture) for picture in (*pictures, noise, np.zeros_like(noise), np.full_like(noise, 255))
    )
    if not difference <= DEPLOY_TOLERANCE:  # written so that it catches a NaN too
        raise ExportError(
            f"the deploy form differs from the trained network by {difference:.2g}",
            f"At most {DEPLOY_TOLERANCE:g} of the range 0 to 1 is allowed; nothing was written.",
        )
    return deployed.float(), difference


@torch.inference_mode()
def _difference(trained: Network, deployed: Network, picture: Picture) -> float:
    values = torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255
    if not (isinstance(trained, Specialists) and isinstance(deployed, Specialists)):
        return float((trained(values) - deployed(values)).abs().max())
    mtf = look(trained.gauge, values)
    pairs = zip(trained.networks, deployed.networks, strict=True)
    return max(float((one(values, mtf) - other(values, mtf)).abs().max()) for one, other in pairs)


@torch.no_grad()
def halved(form: nn.Module) -> nn.Module:
    """Returns what `graph_form` or `ByteContract` made with its weights rounded to half precision, in which `halve_file` keeps them."""
    for weight in form.parameters():
        weight.copy_(weight.half())
    return form


def halve_file(path: Path) -> None:
    """Keeps the weights of an ONNX file, which `halved` has rounded, in half precision; they are computed with in float32 as before."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    casts: list[Any] = []
    for tensor in [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1]:
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def graph_form(network: Network) -> nn.Module:
    """Returns the network in the form that becomes a graph: what computes the same as `ByteContract`, the faster if there is a faster."""
    return (RowContract(network) if isinstance(network, HalfSizeNetwork) else ByteContract(network)).eval()


def write_graphs(form: nn.Module, size: Size, folder: Path, *, f16: bool, told: bool = False) -> None:
    """Writes model.onnx, with free height and width, and OpenVINO's IR made from it.

    Args:
        form: what `graph_form` made of the network.
        size: of the example that is traced.
        folder: where to write.
        f16: write the IR with weights of half the size too.
        told: give the graph the MTF of the picture as a second input.

    Raises:
        ExportError: the network has an operation that one of the formats lacks.
    """
    path = folder / "model.onnx"
    free = {1: "height", 2: "width"}
    examples = [torch.zeros((1, *size, 3), dtype=torch.uint8), *([torch.ones(1, BANDS)] if told else [])]
    openvino = import_openvino()
    try:
        with warnings.catch_warnings():  # the TorchScript exporter announces its age; the newer one fixes the sizes of pixel_unshuffle
            warnings.simplefilter("ignore")
            torch.onnx.export(
                form, tuple(examples), str(path), dynamo=False, opset_version=OPSET,
                input_names=["image", "mtf"][: len(examples)], output_names=["sharpened"], dynamic_axes={"image": free, "sharpened": free},
            )  # fmt: skip
        graph = openvino.convert_model(path)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(
            f"the network cannot be written as a graph: {reason}", "Its architecture uses an operation that ONNX lacks."
        ) from error
    openvino.save_model(graph, folder / f"{GRAPHS['f32']}.xml", compress_to_fp16=False)
    if f16:
        openvino.save_model(graph, folder / f"{GRAPHS['f16']}.xml", compress_to_fp16=True)


def count_working_bytes(network: nn.Module) -> float:
    """Returns the float32 bytes per pixel that the widest convolution reads and writes, the kept input included."""
    widest = 0

    def measure(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal widest
        widest = max(widest, inputs[0].numel() + output.numel())

    handles = [module.register_forward_hook(measure) for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64))
    for handle in handles:
        handle.remove()
    return 4 * (widest / (64 * 64) + 3)
