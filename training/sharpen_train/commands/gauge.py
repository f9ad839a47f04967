"""`sharpen-train gauge`: train what reads how soft a frame is."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

NAME = "gauge.safetensors"


def gauge(
    data: Annotated[Path | None, typer.Option(help="Folder that `prepare --patch 256` wrote.")] = None,
    preset: Annotated[list[str] | None, typer.Option(help="Degradation; again for more, which have equal shares.")] = None,
    examples: Annotated[int, typer.Option(min=256, help="How many pictures it sees.")] = 40_000,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")] = Path(NAME),
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that make the examples.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the first weights and of everything that is drawn.")] = 1,
) -> None:
    """Train a gauge by itself, in minutes: what tells networks how soft a frame is. `train --set model.gauge=FILE` uses it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from sharpen_train.data import open_dataset
    from sharpen_train.distil import checkpoint, gauging
    from sharpen_train.distil.restore import GAUGE
    from sharpen_train.errors import ConfigError

    if data is None:
        raise ConfigError("no data is given", "Make it with `sharpen-train prepare --patch 256` and give it with --data.")
    if out.suffix != ".safetensors" or out.is_dir():
        raise ConfigError(f"{out} is no name for a gauge", f"It is written as safetensors: --out {out.with_suffix('.safetensors')}")
    try:  # now, not after five minutes
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write to {out.parent}: {error.strerror}", "Give another file with --out.") from error
    dataset, presets = open_dataset(data), preset or ["levels"]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("examples", total=examples)
        seen = gauging.collect(data, presets, examples, seed, workers, lambda done: bar.update(task, completed=done))
        task = bar.add_task("steps", total=None)
        trained = gauging.fit(seen, seed, lambda done, total: bar.update(task, completed=done, total=total))
    weights = {GAUGE + name: tensor for name, tensor in trained.state_dict().items()}
    checkpoint.write_bytes(out, checkpoint.weights_to_bytes(weights))
    print(f"{out}: a gauge that saw {examples:,} pictures")
    if dataset.info.counts["test"]:
        unseen = gauging.collect_unseen(dataset, presets, seed)
        off, doubt = gauging.error(trained, unseen)
        print(f"its readings of {len(unseen.mtf):,} other pictures are off by {off:.3f} on average, and it expects {doubt:.3f}")
    print(f"use it with: sharpen-train train --data {data} --set model.gauge={out}")
