"""`sharpen-train teacher`: train a teacher, or write what one makes of the patches."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharpen_train.commands.train import (
    Data,
    Device,
    DryRun,
    Minutes,
    Resume,
    Seed,
    Sets,
    Settings,
    ShardMb,
    read_settings,
    train_or_rehearse,
)

if TYPE_CHECKING:
    from sharpen_train.architectures import Network
    from sharpen_train.data import TeacherInfo

ARCH = "restormer-compact"
REPORT_COLUMNS = 140
# A teacher learns from the truth, more slowly and more carefully than a student.
SETTINGS = ("train.lr=4e-4", "train.clip=0.1", "phase.batch=8", "phase.alpha=1.0")


def teacher(
    data: Data = None,
    arch: Annotated[str | None, typer.Option(help=f"Architecture of the teacher. By default {ARCH}, or what the weights are of.")] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights, ours or published: to begin with, or for --outputs.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Settings to train with, by the name of a recipe.")] = None,
    config: Settings = None,
    sets: Sets = None,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run: a new one, or for --outputs the teacher's.")] = None,
    resume: Resume = None,
    max_minutes: Minutes = None,
    outputs: Annotated[
        str | None, typer.Option(metavar="NAME", help="Write what the teacher makes of every patch, under this name, instead of training.")
    ] = None,
    preset: Annotated[list[str] | None, typer.Option(help="Degradation to write outputs for; again for more.")] = None,
    variants: Annotated[int, typer.Option(min=1, max=100, help="How often each patch is degraded for the outputs.")] = 1,
    student: Annotated[Path | None, typer.Option(metavar="RUN", help="A student without a teacher, for the report.")] = None,
    device: Device = None,
    seed: Seed = None,
    dry_run: DryRun = False,
    shard_mb: ShardMb = None,
) -> None:
    """Train a teacher on what `prepare` wrote, or (--outputs) write what it makes of the patches, so that students learn from it."""
    from sharpen_train.errors import ConfigError

    if outputs is not None:
        if data is None:
            raise ConfigError("no data is given", "Make it with `sharpen-train prepare` and give it with --data.")
        name, network = _open_teacher(run, weights, arch)
        _write_outputs(data, (name, network), outputs, tuple(preset or ["mixed"]), variants, seed or 1, student, device or "auto")
        return
    if preset or student:
        raise ConfigError("--preset and --student belong to --outputs", "A teacher is trained with a --recipe.")
    options = {
        "data.path": data,
        "model.start_from": weights,
        "train.max_minutes": max_minutes,
        "train.device": device,
        "train.seed": seed,
        "model.arch": arch or (None if resume or config else ARCH),
    }
    defaults = [] if resume or config else list(SETTINGS)
    settings = read_settings(recipe, config, [*defaults, *(sets or [])], options, resume)
    train_or_rehearse(settings, run, resume, shard_mb, dry_run=dry_run)


def _open_teacher(run: Path | None, weights: Path | None, arch: str | None) -> "tuple[str, Network]":
    """Returns the teacher's architecture and network.

    Raises:
        TeacherError: none is given, or it is not there.
    """
    from sharpen_train.distil.restore import load_network
    from sharpen_train.errors import TeacherError

    what = run or weights
    if what is None or (run and weights):
        raise TeacherError("which teacher?", "Give either its run with --run, or a file with --weights.")
    if not what.exists():
        raise TeacherError(f"there is no {what}", "Give the folder of a run with --run, or a file with --weights.")
    return load_network(what, arch)


def _write_outputs(
    data: Path,
    named: "tuple[str, Network]",
    name: str,
    presets: tuple[str, ...],
    variants: int,
    seed: int,
    student: Path | None,
    device: str,
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from sharpen_train.data import open_dataset
    from sharpen_train.distil import parallel
    from sharpen_train.distil.restore import load_run
    from sharpen_train.distil.teacher import Outputs, begin, write_rows

    arch, network = named
    place = parallel.choose_device(device)
    dataset = open_dataset(data)
    alone = load_run(student).to(place) if student else None
    info = begin(dataset, Outputs(name, presets, variants, seed), arch, network.to(place), alone)
    print_report(info)
    columns = (TextColumn("patches"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", completed=info.done, total=None)
        try:
            info = write_rows(dataset, info, network, lambda done, total: bar.update(task, completed=done, total=total))
        except (KeyboardInterrupt, SystemExit):
            bar.console.print("stopped; the same command goes on where it was", markup=False)
            raise
    print(f"{info.done:,} rows in {dataset.folder / 'teacher' / name}; use them with: sharpen-train train --data {data} --teacher {name}")


def print_report(info: "TeacherInfo") -> None:
    """Prints where the teacher is better than its input and than a student that had none."""
    from rich.console import Console
    from rich.table import Table

    with_student = any("student_psnr_db" in figures for figures in info.report.values())
    table = Table(title=f"{info.arch} on the test split: PSNR in dB / SSIM")
    for column in ("condition", "input", "teacher", "gain dB", *(["student alone", "teacher - student dB"] if with_student else []), ""):
        table.add_column(column, justify="left" if column in {"condition", ""} else "right")
    for name, figures in info.report.items():
        gain = figures["teacher_psnr_db"] - figures["input_psnr_db"]
        cells = [name, _pair(figures, "input"), _pair(figures, "teacher"), f"{gain:+.2f}"]
        words = ["harms" if gain <= 0 else "helps"]
        if with_student:
            ahead = figures["teacher_psnr_db"] - figures["student_psnr_db"]
            cells += [_pair(figures, "student"), f"{ahead:+.2f}"]
            words.append("better than the student" if ahead > 0 else "no better than the student")
        table.add_row(*cells, ", ".join(words))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = REPORT_COLUMNS
    console.print(table)
    if info.masked:
        print(f"left out, because the teacher harms there: {', '.join(info.masked)}")


def _pair(figures: dict[str, float], who: str) -> str:
    return f"{figures[f'{who}_psnr_db']:.2f} / {figures[f'{who}_ssim']:.4f}"
