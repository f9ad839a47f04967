"""`enhance`: a file through the network, with a progress bar."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sharpen_core.engines.base import Precision
from sharpen_core.engines.select import select_engine
from sharpen_core.enhance import enhance
from sharpen_core.frame import Pixels, Size
from sharpen_core.model_store import find_model
from sharpen_core.restorer import Restorer


def enhance_file(
    source: Path,
    target: Path,
    *,
    model: str | None,
    strength: float,
    crispness: float,
    engine: str,
    precision: Precision | None,
    force: bool,
) -> None:
    """Sharpens `source` into `target`; for the choices see the command line.

    Raises:
        SharpenError: a file, the model or the engine cannot be used; nothing is left behind then.
    """
    chosen = find_model(model)
    runner = select_engine(engine, precision=precision)
    restorer: Restorer | None = None

    def sharpen(pixels: Pixels) -> Pixels:
        nonlocal restorer
        if restorer is None or restorer.size != Size.of(pixels):
            restorer = Restorer(chosen, runner, Size.of(pixels))
            restorer.crispness = crispness
        return restorer.sharpen(pixels, strength)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source.name, total=None)
        enhance(source, target, sharpen, progress=lambda done, total: bar.update(task, completed=done, total=total), overwrite=force)
    print(f"wrote {target}")
