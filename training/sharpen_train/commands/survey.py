"""`sharpen-train survey`: let people rate pictures without knowing where they come from, and count what they said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharpen_train.errors import ConfigError

if TYPE_CHECKING:
    from sharpen_train.evaluation.survey_tally import Tally

app = typer.Typer(help="Let people rate pictures blindly from 1 to 5, and tally their answers.", no_args_is_help=True)


@app.command()
def make(
    models: Annotated[list[str], typer.Argument(help="Runs, exported folders, names of installed models, or files of weights.")],
    data: Annotated[Path, typer.Option(help="Folder of sharp pictures, or a prepared dataset.")],
    out: Annotated[Path, typer.Option(help="Folder for the page (to hand out) and key.json (to keep).")],
    teacher: Annotated[str | None, typer.Option(help="Another model, shown under the name 'teacher'.")] = None,
    pictures: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 8,
    preset: Annotated[str, typer.Option(help="Degradations, separated by commas; the scenes take them in turn.")] = "heavy,webcam",
    seed: Annotated[int, typer.Option(min=0, help="Which scenes and places are taken.")] = 0,
    arch: Annotated[str | None, typer.Option(help="Architecture of files of weights.")] = None,
    device: Annotated[str, typer.Option(help="What runs networks of torch: auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Write a page on which people rate input, models and truth from 1 to 5, without a server and without names."""
    from sharpen_train.evaluation.candidates import CandidateSpec, label_specs, open_once, usable_device
    from sharpen_train.evaluation.survey import KEY, PAGE, SurveyOptions, make_survey

    plain = CandidateSpec("", arch=arch, device=usable_device(device), threads=threads)
    specs = label_specs([replace(plain, what=model) for model in models])
    if teacher:
        specs.append(replace(plain, what=teacher, label="teacher"))
    systems = {candidate.name: candidate.restore for candidate in map(open_once, specs)}
    if len(systems) < len(specs):
        raise ConfigError("a model is called 'teacher', like the teacher", "Rename its folder")
    presets = [name.strip() for name in preset.split(",")]
    key = make_survey(systems, data, out, SurveyOptions(pictures, presets, seed), print)
    print(f"{len(key.pictures)} pictures to rate: hand out {out / PAGE}, which opens with index.html, and keep {out / KEY} to yourself")


@app.command()
def tally(
    answers: Annotated[list[Path], typer.Argument(help="The files that people downloaded from the page.")],
    key: Annotated[Path, typer.Option(help="The key.json of the survey.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the mean opinion score of each system with its 95 % confidence interval, and who was preferred to whom."""
    from sharpen_train.evaluation.survey_tally import tally as count

    result = count(answers, key)
    if as_json:
        print(json.dumps(result.as_json(), indent=1))
    else:
        _print_tables(result)


def _print_tables(result: "Tally") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    scores = Table("", "mean", "95 % interval", "ratings", title=f"Mean opinion of {result.raters} raters on {result.scenes} scenes")
    for each in result.opinions:
        known = each.ratings > 0
        scores.add_row(
            each.system, f"{each.mean:.2f}" if known else "-", f"{each.low:.2f} to {each.high:.2f}" if known else "-", str(each.ratings)
        )
    console.print(scores)
    pairs = Table("", "better", "equal", "worse", title="The same scene, rated by the same person")
    for pair in result.preferences:
        pairs.add_row(f"{pair.system} than {pair.other}", str(pair.better), str(pair.equal), str(pair.worse))
    console.print(pairs)
