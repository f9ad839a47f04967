"""`sharpen-train bench`: how fast training is here."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sharpen_train.distil.throughput import Throughput

PICTURES = 6
SIZE = (720, 1280)  # height, width
CROP_PX = 128


def bench(
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Sharp pictures to measure with. By default some are drawn.")
    ] = None,
    arch: Annotated[str, typer.Option(help="Architecture of the network.")] = "nafnet-tiny",
    preset: Annotated[str, typer.Option(help="Degradation.")] = "mixed-jpeg-noise",
    batch: Annotated[int, typer.Option(min=1, help="Patches in a step.")] = 16,
    patch: Annotated[int, typer.Option(min=16, help="Side of a patch in px.")] = CROP_PX,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each loop is measured.")] = 20.0,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting of ours; again for more.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure training: patches per second of this loop and of the plain one (decode, crop, degrade and step in one process)."""
    import torch

    from sharpen_core.machine import this_processor
    from sharpen_train.config import load_config
    from sharpen_train.data import find_sources
    from sharpen_train.data.preparing import PrepareOptions, prepare
    from sharpen_train.distil import parallel
    from sharpen_train.distil.throughput import measure_loops

    place = parallel.choose_device(device)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pictures or _draw_pictures(Path(scratch) / "pictures")
        data = Path(scratch) / "data"
        prepare([folder], data, PrepareOptions(patch_px=patch, screen=False, processes=0 if pictures else 1))
        one_phase = f'phase=[{{preset = "{preset}", patch_px = {patch}, batch = {batch}}}]'
        options = {"data.path": str(data), "model.arch": arch}
        config = load_config(None, None, [one_phase, *(sets or [])], options)
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        sources = [source for source in find_sources(folder) if source.scale == 1]
        results = measure_loops(config, sources, place, seconds)
    where = torch.cuda.get_device_name(place) if place.type == "cuda" else f"{this_processor().name}, {torch.get_num_threads()} threads"
    title = f"{arch}, {batch} x {patch} px, {preset}, {config.train.precision}, on {where}"
    if as_json:
        ratio = results[1].patches_per_s / results[0].patches_per_s
        print(json.dumps({"title": title, "ratio": round(ratio, 3), "loops": [asdict(result) for result in results]}))
    else:
        _print(title, results)


def _draw_pictures(folder: Path) -> Path:
    """Writes pictures with as much to decode as photographs have: edges, areas and grain, as JPEG of quality 95."""
    import cv2
    import numpy as np

    folder.mkdir()
    height, width = SIZE
    for number in range(PICTURES):
        rng = np.random.default_rng(number)
        picture = np.full((height, width, 3), 128, np.uint8)
        for _ in range(400):
            colour = tuple(int(value) for value in rng.integers(0, 256, 3))
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            cv2.circle(picture, centre, int(rng.integers(4, 60)), colour, int(rng.choice([-1, 2])))
        grain = rng.normal(0, 6, picture.shape)
        grainy = np.clip(picture + grain, 0, 255).astype(np.uint8)
        (folder / f"{number}.jpg").write_bytes(cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    return folder


def _print(title: str, results: "Sequence[Throughput]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for column in ("loop", "patches/s", "ms per step (p95)", "data", "times the plain loop"):
        table.add_column(column, justify="left" if column == "loop" else "right")
    for result in results:
        table.add_row(
            result.name,
            f"{result.patches_per_s:.1f}",
            f"{result.step_ms:.0f} ({result.p95_ms:.0f})",
            f"{result.waiting_share:.1%}",
            f"{result.patches_per_s / results[0].patches_per_s:.2f}",
        )
    Console(soft_wrap=True, highlight=False).print(table)
