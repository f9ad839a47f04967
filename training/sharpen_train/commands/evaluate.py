"""`sharpen-train evaluate`: how good models are, in numbers and to the eye."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sharpen_core.machine import usable_cores
from sharpen_train.errors import DataError

if TYPE_CHECKING:
    from sharpen_train.evaluation.candidates import CandidateSpec
    from sharpen_train.evaluation.session import Begin, Evaluation

LEAST_SUBJECTS_EACH = 3  # a second process takes some seconds to start
PIPE_COLUMNS = 200
MOST_PROCESSES = 2  # each holds every network and a picture in all versions


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Runs, exported models (folder or name, with @int8 or another precision if wanted), weights."
        ),
    ],
    data: Annotated[Path, typer.Option("--data", help="Folder of sharp pictures, or what `prepare` wrote.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a report with crops and plots.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with every figure.")] = False,
    teacher: Annotated[str | None, typer.Option(metavar="MODEL", help="Score a teacher beside the models.")] = None,
    clips: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Measure flicker on the clips there (or on one clip).")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Score so many pictures, spread evenly over all.")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Score the real pairs of blurred and sharp alone.")] = False,
    arch: Annotated[str | None, typer.Option(help="Architecture of files of weights that do not tell it.")] = None,
    engine: Annotated[str, typer.Option(help="What runs exported models: openvino, onnxruntime or auto.")] = "openvino",
    device: Annotated[str, typer.Option(help="What runs networks of torch: auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that score side by side.")] = None,
) -> None:
    """Score models on whole pictures against the input, the best-tuned unsharp mask and a teacher."""
    from sharpen_train.evaluation import report as reporting
    from sharpen_train.evaluation.candidates import CandidateSpec, label_specs
    from sharpen_train.evaluation.console import as_json as to_json
    from sharpen_train.evaluation.console import print_evaluation
    from sharpen_train.evaluation.session import Request, evaluate
    from sharpen_train.evaluation.subjects import find_subjects

    if report is not None:
        reporting.check_writable(report)
    subjects = find_subjects(data, limit=limit, only_pairs=pairs)
    found = _find_clips(clips) if clips else []
    cores = usable_cores()
    processes = workers or max(1, min(MOST_PROCESSES, cores, len(subjects) // LEAST_SUBJECTS_EACH))
    wanted = [*models, *([teacher] if teacher else [])]
    specs = label_specs(
        [CandidateSpec(what, arch=arch, engine=engine, device=device, threads=max(1, cores // processes)) for what in wanted]
    )
    students, teachers = specs[: len(models)], specs[len(models) :]
    request = Request(subjects, students, teachers[0] if teachers else None, found, processes, with_crops=report is not None)
    with _progress() as begin:
        evaluation = evaluate(request, begin)
    _save_scores(students, evaluation)
    if report is not None:
        reporting.write_report(report, evaluation, str(data))
    if as_json:
        print(json.dumps(to_json(evaluation)))
    else:
        print_evaluation(evaluation, _console())
    if report is not None and not as_json:
        print(f"\nwrote {report}")


def _console() -> Console:
    """A file or a pipe has no width: lines stay whole there."""
    console = Console(soft_wrap=True)
    return console if console.is_terminal else Console(soft_wrap=True, width=PIPE_COLUMNS)


def _find_clips(path: Path) -> list[Path]:
    suffixes = {".mkv", ".mp4", ".mov", ".webm", ".avi", ".264", ".h264", ".m4v", ".y4m"}
    found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes)
    if not found:
        raise DataError(f"no clips in {path}", f"Put {', '.join(sorted(suffixes))} files there.")
    return found


@contextmanager
def _progress() -> "Generator[Begin]":
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def begin(what: str, total: int) -> Callable[[], None]:
            task = bar.add_task(what, total=total)
            return lambda: bar.advance(task)

        yield begin


def _save_scores(specs: "list[CandidateSpec]", evaluation: "Evaluation") -> None:
    """Leaves the scores in the folder of each run, where `export` finds them for manifest and card."""
    for spec, entrant in zip(specs, evaluation.models, strict=True):
        if entrant.kind == "run":
            from sharpen_train.distil.checkpoint import write_bytes

            scores = {name: score.model_dump() for name, score in evaluation.scores.for_manifest(entrant.name).items()}
            write_bytes(Path(spec.what) / "scores.json", (json.dumps(scores, indent=2) + "\n").encode())
