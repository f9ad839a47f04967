"""`sharpen-train train`."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sharpen_train.config import Config

Data = Annotated[Path | None, typer.Option(help="Folder that `prepare` wrote.")]
Run = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run. By default the next free one in runs/.")]
Resume = Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with the run in this folder.")]
Settings = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML, over those of the recipe.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as train.lr=1e-3; again for more.")]
Minutes = Annotated[float | None, typer.Option("--max-minutes", help="Longest time to train for.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Seed = Annotated[int | None, typer.Option(help="Of the first weights and of everything that is drawn.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what the run would need and how long it would take; write nothing.")]
ShardMb = Annotated[
    float | None,
    typer.Option("--shard-mb", min=1.0, help="Write the result once more in half precision, in files of at most so many million bytes."),
]


def train(
    data: Data = None,
    arch: Annotated[str | None, typer.Option(help="Architecture of the network.")] = None,
    preset: Annotated[str | None, typer.Option(metavar="RECIPE", help="Settings to begin with, by the name of a recipe.")] = None,
    teacher: Annotated[
        str | None,
        typer.Option(metavar="RUN|FILE|NAME", help="Teacher: outputs beside the patches by name, or a run or weights, asked online."),
    ] = None,
    config: Settings = None,
    sets: Sets = None,
    run: Run = None,
    resume: Resume = None,
    max_minutes: Minutes = None,
    device: Device = None,
    seed: Seed = None,
    dry_run: DryRun = False,
    shard_mb: ShardMb = None,
) -> None:
    """Train a network on what `prepare` wrote, with a teacher or without."""
    options = {
        "data.path": data,
        "model.arch": arch,
        "train.max_minutes": max_minutes,
        "train.device": device,
        "train.seed": seed,
        **teacher_options(teacher, data),
    }
    settings = read_settings(preset, config, sets or [], options, resume)
    train_or_rehearse(settings, run, resume, shard_mb, dry_run=dry_run)


def teacher_options(teacher: str | None, data: Path | None) -> dict[str, object]:
    """Returns the settings that `--teacher` stands for: a set of outputs if the dataset has one of this name, else online."""
    if teacher is None:
        return {}
    offline = data is not None and (data / "teacher" / teacher / "teacher.json").is_file()
    return {"distil.teacher": teacher, "distil.mode": "offline" if offline or not Path(teacher).exists() else "online"}


def read_settings(
    recipe: str | None, file: Path | None, sets: list[str], options: Mapping[str, object], resume: Path | None = None
) -> "Config":
    """Returns the settings of a run; one that goes on begins with its own.

    Raises:
        ConfigError: something is unknown or impossible, or no data is given.
        CheckpointError: there is no run to go on with.
    """
    from sharpen_train.config import load_config
    from sharpen_train.distil.run_folder import CONFIG, read_run_config
    from sharpen_train.errors import ConfigError

    if resume is not None:
        if recipe or file:
            raise ConfigError("a run goes on with its own settings", "Change single ones with --set.")
        read_run_config(resume)
        file = resume / CONFIG
    config = load_config(recipe, file, sets, options)
    if not config.data.path:
        raise ConfigError("no data is given", "Make it with `sharpen-train prepare` and give it with --data.")
    return config


def train_or_rehearse(config: "Config", run: Path | None, resume: Path | None, shard_mb: float | None, *, dry_run: bool) -> None:
    """Trains in the folder that was given, or in a new one, or only says what that would take."""
    if dry_run:
        print_estimate(config)
        return
    from sharpen_train.distil.loop import train as train_network
    from sharpen_train.distil.run_folder import new_run, save_travel
    from sharpen_train.errors import ConfigError

    if run is not None and resume is not None:
        raise ConfigError("--run and --resume are given both", "Give --run for a new run, --resume to go on with one.")
    if run is None and resume is None and "WORLD_SIZE" in os.environ:
        raise ConfigError("several processes need one run folder", "Give it: torchrun ... -m -- sharpen_train train --run DIR ...")
    folder = resume or run or new_run(config.model.arch)
    try:
        train_network(config, folder, resume=resume is not None)
    finally:
        if run is None and resume is None:
            with contextlib.suppress(OSError):  # nothing came of it: the folder that was made for it is empty
                folder.rmdir()
    if shard_mb is not None and os.environ.get("RANK", "0") == "0":
        files = save_travel(folder, shard_mb)
        print(f"for a journey: {len(files)} files in {files[0].parent}, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB in all")


def print_estimate(config: "Config") -> None:
    """Prints what a run would need and how long it would take."""
    import torch
    from rich.console import Console
    from rich.table import Table

    from sharpen_train.data import open_dataset
    from sharpen_train.distil import parallel
    from sharpen_train.distil.loop import check_fit, open_teacher
    from sharpen_train.distil.rehearsal import estimate

    with parallel.join(config.train.device) as ranks:
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        check_fit(config, open_dataset(Path(config.data.path)), ranks.world)
        found = estimate(config, ranks, open_teacher(config))
        if not ranks.first:
            return
    table = Table(show_header=False, box=None)
    table.add_row("network", f"{config.model.arch}, {found.parameters:,} parameters, {found.kmac_per_px:.2f} kMAC per pixel")
    table.add_row("data", f"{found.patches:,} patches, {found.data_bytes / 1e6:,.0f} MB")
    table.add_row("memory", f"about {found.memory_bytes / 1e6:,.0f} MB for the step, on top of the libraries")
    for number, (phase, ms) in enumerate(zip(config.phase, found.step_ms, strict=True), start=1):
        table.add_row(f"phase {number}", f"{phase.preset}, {phase.batch} x {phase.patch_px} px: {ms:.0f} ms per step")
    fixed = "as the settings say" if config.train.steps else f"what fits into {config.train.max_minutes:g} minutes"
    table.add_row("steps", f"{found.steps:,} ({fixed})")
    table.add_row("time", f"about {found.minutes:.1f} minutes, without validations")
    Console(soft_wrap=True, highlight=False).print(table)
