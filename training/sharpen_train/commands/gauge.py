"""`sharpen-train gauge`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def gauge(
    targets: Annotated[
        list[Path],
        typer.Argument(metavar="RUN|FILE...", help="Runs of guided networks, or files of weights; all get the same gauge."),
    ],
    data: Annotated[Path, typer.Option("--data", help="Folder that `prepare` wrote, best with --patch 256.")],
    examples: Annotated[int, typer.Option(min=100, help="Degraded patches to learn from.")] = 40_000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that make them.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the first weights and of everything that is drawn.")] = 1,
) -> None:
    """Train what tells networks how soft a frame is, by itself and to its end, and put it into their weights."""
    from sharpen_train.distil import gauging

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        making = bar.add_task("examples", total=-(-examples // gauging.BATCH))
        lesson = gauging.collect(data, examples, seed=seed, workers=workers, advance=lambda: bar.advance(making))
        learning = bar.add_task("learning", total=gauging.EPOCHS)
        trained, off = gauging.fit(lesson, seed=seed, advance=lambda: bar.advance(learning))
    print(f"{len(lesson.mtf):,} examples; on a tenth that was kept back the MTF is {off:.3f} off (root of the mean square)")
    for target in targets:
        print(f"wrote {gauging.put(trained, target)}")
