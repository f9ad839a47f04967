"""`devices` and `models`: what there is to choose from."""

import json
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import formats_of, list_cameras
from sharpen_core.model_store import DEFAULT_MODEL, Manifest, Model, list_models
from sharpen_core.output.pipewire.status import find_pipewire
from sharpen_core.output.virtual_camera import virtual_camera_status


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
    """Prints the models with size, cost, precisions (and what each loads) and mean gain over the input; damaged ones go to stderr."""
    found, damaged = list_models()
    for error in damaged:
        print(f"sharpened-camera: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps([_listed(model) for model in found]))
        return
    table = Table("name", "what it is", "weights", "kMAC/px", "precisions", "gain in dB over the input", box=None)
    for model in found:
        name = f"{model.name} (default)" if model.name == DEFAULT_MODEL else model.name
        m = model.manifest
        table.add_row(name, m.title, f"{m.parameters:,}", f"{m.kmac_per_px:.1f}", _precisions(model), _gains(m))
    Console(file=sys.stdout).print(table)


def _listed(model: Model) -> dict[str, Any]:
    sizes = {precision: model.graph_bytes(precision) for precision in model.precisions}
    return {"folder": str(model.folder), "default": model.name == DEFAULT_MODEL, "precisions": sizes} | model.manifest.model_dump()


def _precisions(model: Model) -> str:
    return ", ".join(f"{precision} {model.graph_bytes(precision) / 1e6:.2f} MB" for precision in model.precisions)


def _gains(manifest: Manifest) -> str:
    gains = [f"{level} {score.psnr_db - score.input_psnr_db:+.1f}" for level, score in manifest.scores.items()]
    return ", ".join(gains) or "not measured"
