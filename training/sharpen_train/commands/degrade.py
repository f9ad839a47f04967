"""`sharpen-train degrade`: a contact sheet of what presets make of pictures."""

from pathlib import Path
from typing import Annotated

import typer


def degrade(
    pictures: Annotated[
        list[Path] | None, typer.Argument(metavar="PICTURE...", help="Sharp pictures, a row each.", show_default=False)
    ] = None,
    preset: Annotated[list[str] | None, typer.Option(help="A degradation by name; may be given several times.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="The sheet, a PNG file.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same sheet.", min=0)] = 0,
    samples: Annotated[int, typer.Option(help="Columns for each preset.", min=1, max=32)] = 3,
    zoom: Annotated[int, typer.Option(help="Enlargement in percent, whole hundreds.", min=100, max=800)] = 200,
    list_presets: Annotated[bool, typer.Option("--list", help="Print all presets and stop.")] = False,
) -> None:
    """Show what degradations do: sharp pictures beside several soft versions of each, with what was drawn."""
    import cv2

    from sharpen_core.draft import Draft, unwritable
    from sharpen_train.data import read_picture
    from sharpen_train.degradations import PRESETS, find_preset
    from sharpen_train.degradations.sheet import contact_sheet
    from sharpen_train.errors import ConfigError

    if list_presets:
        width = max(map(len, PRESETS))
        for known in PRESETS.values():
            print(f"{known.name:{width}}  {known.title}")
        return
    if not pictures or not preset or out is None:
        missing = "a PICTURE" if not pictures else "--preset NAME" if not preset else "--out SHEET.png"
        raise ConfigError(f"{missing} is missing", "sharpen-train degrade PICTURE --preset NAME --out SHEET.png; --list names the presets")
    if out.suffix.lower() != ".png":
        raise ConfigError(f"the sheet {out} is no PNG file", f"Use --out {out.with_suffix('.png')}")
    if zoom % 100:
        raise ConfigError(f"a zoom of {zoom} % would blur the pixels", "Use a multiple of 100.")
    if out.resolve() in (path.resolve() for path in pictures):
        raise ConfigError(f"the sheet {out} would replace a picture of it", "Choose another name for the sheet.")
    chosen = [find_preset(name) for name in preset]
    rows = [(path.name, read_picture(path)) for path in pictures]
    with Draft(out, overwrite=True) as draft:
        sheet = contact_sheet(rows, chosen, samples, seed, zoom=zoom // 100)
        _, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        try:
            draft.path.write_bytes(data.tobytes())
        except OSError as error:
            raise unwritable(out, error) from error
    print(f"{out}: pictures: {len(rows)}, versions of each: {len(chosen) * samples}, {sheet.shape[1]}x{sheet.shape[0]}")
