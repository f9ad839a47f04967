"""`sharpen-train export`."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run, as `train` wrote it, or of a model, to write it again.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write the model into. By default `export` in the run, or the model itself.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Name of the model, by which the program knows it. By default that of the run's folder, or of the model.")
    ] = "",
    title: Annotated[str, typer.Option(help="One line for people.")] = "",
    note: Annotated[str, typer.Option(help="What else is to be known of the training, for the card.")] = "",
    credits_file: Annotated[
        Path | None, typer.Option("--credits", metavar="FILE", help="Whose pictures it was trained on, for the card.")
    ] = None,
    f16: Annotated[bool, typer.Option("--f16", help="Write a graph with weights of half the size too.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Write a graph with 8-bit convolutions too.")] = False,
    calibration: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Pictures or dataset to choose the 8 bits by. By default the run's dataset.")
    ] = None,
    accuracy_limit_db: Annotated[float, typer.Option(min=0.0, help="How far 8 bits may take the mean PSNR below float32.")] = 0.15,
    compact: Annotated[bool, typer.Option("--compact", help="Weights of half precision, and nothing that can be done without.")] = False,
) -> None:
    """Write the model of a run, or a model again, for the program: checked on every engine, with manifest, card and golden numbers."""
    from sharpen_train.errors import ConfigError
    from sharpen_train.exporting.export import ExportOptions, default_folder
    from sharpen_train.exporting.export import export as write_model

    try:
        credits_text = credits_file.read_text(encoding="utf-8") if credits_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the credits {credits_file}", "Give a text file in UTF-8.") from error
    options = ExportOptions(name, title, note, credits_text, f16, int8, calibration, accuracy_limit_db, compact)
    target = out or default_folder(run)
    manifest = write_model(run, target, options)
    total = sum(entry.bytes for entry in manifest.files.values())
    print(f"wrote {target}: {manifest.parameters:,} parameters, {manifest.kmac_per_px} kMAC per pixel, {total / 1e6:.1f} MB in all")
    print(f"install it with: sharpen-train install {target}")
