"""`sharpen-train install`."""

from pathlib import Path
from typing import Annotated

import typer


def install(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An exported model.")],
    force: Annotated[bool, typer.Option("--force", help="Replace another model of the same name.")] = False,
) -> None:
    """Put an exported model where the program finds it, after checking that it is whole and works here."""
    from sharpen_train.exporting.install import install as copy_in

    model, outcome = copy_in(folder, force=force)
    print(f"'{model.name}' {outcome.value}: {model.folder}")
    print(f"use it with: sharpened-camera run --model {model.name} (the window offers it as '{model.manifest.title}')")
