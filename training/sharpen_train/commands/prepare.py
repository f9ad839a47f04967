"""`sharpen-train prepare`."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from sharpen_train.data.dataset import DatasetInfo
    from sharpen_train.data.preparing import PrepareOptions, Progress

NAMED = 5  # skipped pictures that the summary names, of each reason


def prepare(
    sources: Annotated[list[Path] | None, typer.Argument(metavar="SOURCE", help="Folders of sharp pictures, or one pack.")] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="DATA", help="Folder to make.")],
    patch: Annotated[Literal["128", "256", "512"], typer.Option(help="Side of a patch in px.")] = "128",
    stride: Annotated[int, typer.Option(help="Distance between patches in px; 0: side by side.", min=0)] = 0,
    per_picture: Annotated[int, typer.Option(help="Most patches from one picture.", min=1)] = 48,
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            metavar=f"BLURRY{os.pathsep}SHARP",
            help="Folders of really blurred pictures and of their sharp partners, or one folder that holds both. Repeatable.",
        ),
    ] = None,
    skip_unpaired: Annotated[bool, typer.Option("--skip-unpaired", help="Leave out pairs that do not match.")] = False,
    text: Annotated[int, typer.Option(help="Pictures of text and screens to generate.", min=0)] = 0,
    screen: Annotated[bool, typer.Option(help="Find the scale at which each picture is truly sharp.")] = True,
    test: Annotated[float, typer.Option(help="Share of the pictures that test.", min=0, max=0.5)] = 0.05,
    benchmark: Annotated[float, typer.Option(help="Share kept whole for the final comparison.", min=0, max=0.5)] = 0.05,
    pack_mb: Annotated[float, typer.Option(help="Also write DATA.pack of about this size, for another machine; 0: none.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Of the splits, the choice of patches and the generated pictures.", min=0)] = 1,
    processes: Annotated[int, typer.Option(help="Processes that read pictures; 0: one per core.", min=0)] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace the dataset that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Make a dataset of patches from folders of pictures.

    DIV2K, Flickr2K, COCO, GOPRO and any other folders will do. Low-resolution halves are left out; what lies in folders
    like `DIV2K_valid_HR`, `val2017` or `test` becomes the test split. A table SOURCES.tsv (columns `file`, `gt_scale`)
    in a folder or its parent says at which scale pictures are sharp; otherwise that is found out. A pack becomes a
    dataset again.
    """
    from sharpen_train.data.preparing import PrepareOptions

    began = time.monotonic()
    options = PrepareOptions(
        patch_px=int(patch),
        stride_px=stride,
        per_picture=per_picture,
        pairs=tuple(_folders(pair) for pair in pairs or ()),
        skip_unpaired=skip_unpaired,
        text=text,
        screen=screen,
        test_share=test,
        benchmark_share=benchmark,
        seed=seed,
        force=force,
        processes=processes,
    )
    info, packed_bytes = _make(sources or [], out, options, pack_mb)
    summary = _summary(info, out, packed_bytes, time.monotonic() - began)
    if as_json:
        print(json.dumps(summary, indent=1))
    else:
        _tell(summary, info, out)


def _folders(pair: str) -> tuple[Path, Path | None]:
    blurry, _, sharp = pair.partition(os.pathsep)
    return Path(blurry), Path(sharp) if sharp else None


def _make(sources: list[Path], out: Path, options: "PrepareOptions", pack_mb: float) -> tuple["DatasetInfo", int]:
    """Makes the dataset under a progress bar and returns what it holds, and the size of the pack."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from sharpen_train.data.dataset import open_dataset
    from sharpen_train.data.pack import unpack, write_pack
    from sharpen_train.data.preparing import prepare as prepare_dataset

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        progress = _shown_in(bar)
        if len(sources) == 1 and sources[0].suffix == ".pack" and not sources[0].is_dir():
            info = unpack(sources[0], out, force=options.force, progress=progress)
        else:
            info = prepare_dataset(sources, out, options, progress)
        packed_bytes = 0
        if pack_mb:
            progress("packing", 0, 1)
            packed_bytes = write_pack(open_dataset(out), out.with_name(f"{out.name}.pack"), int(pack_mb * 1e6))
            progress("packing", 1, 1)
    return info, packed_bytes


def _shown_in(bar: Any) -> "Progress":
    tasks: dict[str, Any] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done, total=total)

    return show


def _summary(info: "DatasetInfo", out: Path, packed_bytes: int, seconds: float) -> dict[str, Any]:
    return {
        "data": str(out),
        "pictures": {kind: sum(source.kind == kind for source in info.sources) for kind in ("photo", "pair", "text")},
        "shrunk": sum(source.scale < 1 for source in info.sources),
        "skipped": {reason: len(files) for reason, files in info.skipped.items()},
        "patches": dict(info.counts),
        "blurred_partners": dict(info.soft_counts),
        "patch_px": info.patch_px,
        "mb": round(sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6, 1),
        "pack_mb": round(packed_bytes / 1e6, 2),
        "seconds": round(seconds, 1),
    }


def _tell(summary: dict[str, Any], info: "DatasetInfo", out: Path) -> None:
    lines = [("pictures", ", ".join(f"{count} {kind}" for kind, count in summary["pictures"].items() if count))]
    if summary["shrunk"]:
        lines.append(("", f"{summary['shrunk']} of them shrunk to the scale at which they are sharp"))
    for reason, files in info.skipped.items():
        more = f" and {len(files) - NAMED} more (all are in dataset.json)" if len(files) > NAMED else ""
        lines.append((f"left out: {reason}", f"{len(files)}: {', '.join(files[:NAMED])}{more}"))
    lines.append(("patches", ", ".join(f"{count} {split}" for split, count in summary["patches"].items()) + f", of {info.patch_px} px"))
    if any(info.soft_counts.values()):
        lines.append(("really blurred", ", ".join(f"{count} {split}" for split, count in info.soft_counts.items())))
    if summary["pack_mb"]:
        lines.append(("pack", f"{out}.pack, {summary['pack_mb']} MB"))
    lines.append(("written", f"{out}, {summary['mb']} MB in {summary['seconds']} s; have a look at {out / 'overview.jpg'}"))
    for label, text in lines:
        print(f"{label:<34}{text}")
