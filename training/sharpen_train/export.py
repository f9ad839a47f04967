"""From a trained run to a model folder: graph, checks, golden numbers, manifest, card."""

import csv
import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sharpen_core.engines.base import Engine
from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine, import_openvino
from sharpen_core.frame import Size
from sharpen_core.model_store import MANIFEST, FileEntry, InputContract, Manifest, Model, Parity, Score
from sharpen_train.architectures import ResidualNetwork
from sharpen_train.card import write_card
from sharpen_train.degrade import Picture, degrade
from sharpen_train.errors import ExportError
from sharpen_train.loop import load_run

OPSET = 18
GOLDEN_SIZE = Size(height=160, width=224)
# f32 may differ by one step where a value lies on the edge of rounding; bf16 must be invisible on average.
MOST = {"f32": Parity(max_abs=1, mean_abs=0.01), "bf16": Parity(max_abs=12, mean_abs=0.5)}


class ByteContract(nn.Module):
    """Wraps a network in the contract of a model: (1, H, W, 3) uint8 RGB in and out, clamped and rounded in the graph."""

    def __init__(self, network: ResidualNetwork) -> None:
        super().__init__()
        self.network = network.for_bytes()

    def forward(self, image: Tensor) -> Tensor:
        """Maps (1, H, W, 3) uint8 to the same."""
        values = self.network(image.permute(0, 3, 1, 2).float())
        return values.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def export(run: Path, out: Path, name: str, title: str, scores: dict[str, Score], note: str = "", credits_text: str = "") -> Manifest:
    """Writes the model of a run into the folder `out`, replacing a model that is there. Nothing is replaced if a check fails.

    Args:
        run: folder that `train` wrote.
        out: folder to write.
        name: name of the model.
        title: one line for people.
        scores: what `evaluate` measured, may be empty.
        note: what else is to be known of the training, for manifest and card.
        credits_text: whose pictures it was trained on, for the card.

    Raises:
        CheckpointError: the folder is not a finished run.
        ExportError: the exported model does not do what the trained one does.
    """
    network = load_run(run)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(dir=_parent(out)) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        contract = ByteContract(network).eval()
        _write_graphs(contract, folder)
        shutil.copyfile(run / "averaged.safetensors", folder / "weights.safetensors")
        picture = golden_picture()
        expected = _run(contract, picture)
        np.savez_compressed(folder / "golden.npz", input=picture, output=expected)
        manifest = Manifest(
            name=name,
            title=title,
            architecture=config["arch"],
            licence="MIT",
            parameters=sum(p.numel() for p in network.parameters()),
            kmac_per_px=round(count_macs(network) / 1000, 2),
            working_bytes_per_px=round(count_working_bytes(network), 1),
            halo_px=network.halo_px,
            input=InputContract(multiple_px=network.multiple_px),
            parity={},
            training=_summary(run, config) | ({"note": note} if note else {}),
            scores=scores,
            files={path.name: _entry(path) for path in sorted(folder.iterdir())},
        )
        parity = check_parity(Model(folder, manifest), picture, expected)
        manifest = manifest.model_copy(update={"parity": parity})
        write_card(folder / "card.md", manifest, credits_text)
        manifest = manifest.model_copy(update={"files": manifest.files | {"card.md": _entry(folder / "card.md")}})
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    return manifest


def _parent(out: Path) -> Path:
    if out.exists() and not (out / MANIFEST).is_file() and any(out.iterdir()):
        raise ExportError(f"{out} is a folder of something else", "Give a new folder, or one that holds a model.")
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.parent


def _summary(run: Path, config: dict[str, Any]) -> dict[str, str | int | float | bool]:
    """What the manifest says of the training: the settings in plain words, and what the run's table says last."""
    summary: dict[str, str | int | float | bool] = {
        "supervision": "the sharp picture alone, no teacher",
        **{key: config[key] for key in ("loss", "batch", "patch_px", "lr", "ema", "seed", "bf16")},
        **_describe(config["mixture"]),
    }
    table = run / "metrics.csv"
    rows = list(csv.DictReader(table.read_text().splitlines())) if table.is_file() else []
    if rows:
        summary |= {"steps": int(float(rows[-1]["step"])), "minutes": round(float(rows[-1]["minutes"]), 1)}
    return summary


def _describe(mixture: dict[str, Any]) -> dict[str, str]:
    """The mixture of degradations in words."""
    levels = dict(mixture["weights"])
    untouched = 1 - sum(levels.values()) - mixture["any_share"]
    shares = {**levels, "anything between and a little beyond": mixture["any_share"], "untouched": untouched}
    low, high = mixture["jpeg_quality"]
    quiet, loud = mixture["noise_sigma"]
    return {
        "degradations": ", ".join(f"{name} {share:.0%}" for name, share in shares.items()),
        "jpeg": f"{mixture['jpeg_share']:.0%} of all, quality {low}-{high}",
        "noise": f"{mixture['noise_share']:.0%} of all, Gaussian, {quiet}-{loud}/255",
    }


def _entry(path: Path) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def golden_picture() -> Picture:
    """Returns a soft picture with edges, lines, noise and all colours, the same everywhere; (160, 224, 3) uint8."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0 : GOLDEN_SIZE.height, 0 : GOLDEN_SIZE.width].astype(np.float32)
    rings = 127 + 120 * np.sin(np.hypot(x - 80, y - 80) ** 2 / 260)
    edge = np.where(x + y / 8 > 150, 235.0, 20.0)
    ramp = x * 255 / GOLDEN_SIZE.width
    picture = np.stack([rings, np.where(y < 80, edge, ramp), 255 - ramp], axis=2) + rng.normal(0, 4, (*GOLDEN_SIZE, 3))
    return degrade(np.clip(picture, 0, 255).astype(np.uint8), "medium", rng)


def _run(contract: nn.Module, picture: Picture) -> Picture:
    with torch.inference_mode():
        return contract(torch.from_numpy(picture)[None])[0].numpy()


def _write_graphs(contract: nn.Module, folder: Path) -> None:
    """Writes model.onnx, with free height and width, and OpenVINO's IR made from it, both in float32."""
    example = torch.zeros((1, *GOLDEN_SIZE, 3), dtype=torch.uint8)
    free = {1: "height", 2: "width"}
    with warnings.catch_warnings():  # the TorchScript exporter announces its age; the newer one fixes the sizes of pixel_unshuffle
        warnings.simplefilter("ignore")
        torch.onnx.export(
            contract, (example,), str(folder / "model.onnx"), dynamo=False, opset_version=OPSET,
            input_names=["image"], output_names=["sharpened"], dynamic_axes={"image": free, "sharpened": free},
        )  # fmt: skip
    openvino = import_openvino()
    openvino.save_model(openvino.convert_model(folder / "model.onnx"), folder / "model.xml", compress_to_fp16=False)


def check_parity(model: Model, picture: Picture, expected: Picture) -> dict[str, Parity]:
    """Compares every engine and precision with the trained network.

    Raises:
        ExportError: one differs by more than its limit.
    """
    engines: dict[str, Callable[[], Engine]] = {
        "onnxruntime/f32": lambda: OnnxRuntimeEngine(threads=1),
        "openvino/f32": lambda: OpenVINOEngine(threads=1, precision="f32"),
        "openvino/bf16": lambda: OpenVINOEngine(threads=1, precision="bf16"),
    }
    parity: dict[str, Parity] = {}
    # An engine refuses low precision for a model that does not promise it; here is where the promise is checked.
    trusting = Model(model.folder, model.manifest.model_copy(update={"parity": MOST_BY_NAME}))
    for name, make in engines.items():
        result = make().compile(trusting, Size.of(picture)).infer(picture)
        difference = np.abs(result.astype(np.int16) - expected)
        parity[name] = Parity(max_abs=float(difference.max()), mean_abs=round(float(difference.mean()), 4))
        limit = MOST_BY_NAME[name]
        if parity[name].max_abs > limit.max_abs or parity[name].mean_abs > limit.mean_abs:
            measured = f"{parity[name].max_abs:.0f}/255 at most and {parity[name].mean_abs:.3f} on average"
            raise ExportError(
                f"{name} differs from the trained network by {measured}",
                f"At most {limit.max_abs:.0f} and {limit.mean_abs} are allowed; the model was not written.",
            )
        print(f"{name:16s} max {parity[name].max_abs:.0f}/255, mean {parity[name].mean_abs:.4f}/255")
    return parity


MOST_BY_NAME = {"onnxruntime/f32": MOST["f32"], "openvino/f32": MOST["f32"], "openvino/bf16": MOST["bf16"]}


def count_macs(network: ResidualNetwork) -> float:
    """Returns the multiply-accumulates of the convolutions per pixel of a frame."""
    total = 0

    def count(conv: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        total += output.shape[2] * output.shape[3] * conv.weight.numel()  # pyright: ignore[reportOperatorIssue, reportCallIssue]

    _visit(network, count)
    return total / (64 * 64)


def count_working_bytes(network: ResidualNetwork) -> float:
    """Returns the float32 bytes per pixel that the widest convolution reads and writes, the kept input included."""
    widest = 0

    def measure(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal widest
        widest = max(widest, inputs[0].numel() + output.numel())

    _visit(network, measure)
    return 4 * (widest / (64 * 64) + 3)


def _visit(network: ResidualNetwork, hook: Callable[..., None]) -> None:
    """Calls `hook` as a forward hook of every convolution during one pass over 64x64 pixels."""
    handles = [module.register_forward_hook(hook) for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64))
    for handle in handles:
        handle.remove()
