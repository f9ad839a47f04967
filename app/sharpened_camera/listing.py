"""`devices` and `models`: what there is to choose from."""

import json
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import formats_of, list_cameras
from sharpen_core.model_store import DEFAULT_MODEL, Manifest, Model, list_models
from sharpen_core.output.pipewire.status import find_pipewire
from sharpen_core.output.virtual_camera import virtual_camera_status

_JPEG = "+jpeg"


def print_devices(*, as_json: bool) -> None:
    """Prints the cameras and the state of the virtual cameras."""
    cameras, status = list_cameras(), virtual_camera_status()
    if as_json:
        listed = [asdict(camera) | {"formats": [_format(offer) for offer in formats_of(camera)]} for camera in cameras]
        print(json.dumps({"cameras": listed, "virtual_camera": asdict(status), "pipewire": asdict(find_pipewire())}))
        return
    for camera in cameras:
        print(f"camera {camera.index}: {camera.name} ({camera.path})")
        by_size: dict[str, list[str]] = {}
        for offer in formats_of(camera):
            by_size.setdefault(str(offer.size), []).append(f"{offer.pixel_format} {offer.fps:.4g} fps")
        for size, offers in by_size.items():
            print(f"    {size}: {', '.join(offers)}")
    if not cameras:
        print("no camera; the built-in test picture is there: --camera test")
    if status.available:
        print(f"virtual camera {status.device}: pick '{status.name_to_pick}' in the call")
    else:
        print(f"no virtual camera: {status.problem}. {status.install_hint} (then pick '{status.name_to_pick}' in the call)")
    if sys.platform == "linux":
        pipewire = find_pipewire()
        state = f"pick '{pipewire.name_to_pick}' in the call" if pipewire.available else f"{pipewire.problem}. {pipewire.install_hint}"
        print(f"PipeWire camera: {state}")


def _format(offer: CameraFormat) -> str:
    return f"{offer.size} at {offer.fps:.4g} fps ({offer.pixel_format})"


def print_models(*, as_json: bool) -> None:
    """Prints the models, the costliest first, with size, cost and mean gain over the input; damaged ones go to stderr."""
    found, damaged = list_models()
    for error in damaged:
        print(f"sharpened-camera: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps([_listed(model) for model in found]))
        return
    found.sort(key=lambda model: -model.manifest.kmac_per_px)
    levels = list(dict.fromkeys(level.removesuffix(_JPEG) for model in found for level in model.manifest.scores))
    table = Table("model", box=None, pad_edge=False)
    for name in ("weights", "kMAC/px", *levels):
        table.add_column(name, justify="right")
    for model in found:
        m = model.manifest
        weights = f"{m.parameters:,}" if model.sets == 1 else f"{model.sets}x{m.parameters / 1000:.0f}k"
        table.add_row(f"[bold]{escape(model.name)}", weights, f"{m.kmac_per_px:.1f}", *(_gain(m, level) for level in levels))
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print(table)
    console.print("Columns of levels: mean gain in dB over the softened input, in brackets with JPEG besides.\n", style="dim")
    for model in found:
        console.print(f"[bold]{escape(model.name)}[/]: {escape(model.manifest.title)}; {_precisions(model)}")
    console.print("\nWithout --model the program takes the sharpest that this machine holds at the camera's rate.")


def _listed(model: Model) -> dict[str, Any]:
    sizes = {precision: model.graph_bytes(precision) for precision in model.precisions}
    return {"folder": str(model.folder), "default": model.name == DEFAULT_MODEL, "precisions": sizes} | model.manifest.model_dump()


def _precisions(model: Model) -> str:
    return ", ".join(f"{precision} {model.graph_bytes(precision) / 1e6:.2f} MB" for precision in model.precisions)


def _gain(manifest: Manifest, level: str) -> str:
    gains = {name: f"{score.psnr_db - score.input_psnr_db:+.1f}" for name, score in manifest.scores.items()}
    with_jpeg = gains.get(level + _JPEG)
    return gains.get(level, "") + (f" ({with_jpeg})" if with_jpeg else "")
