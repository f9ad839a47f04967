"""`sharpen-train`: train a student, score it, export it."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sharpen_core.errors import SharpenError
from sharpen_train.errors import ConfigError

app = typer.Typer(
    name="sharpen-train",
    help="Train, evaluate and export the networks that Sharpened Camera runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `train` wrote.")]
DataFolder = Annotated[Path, typer.Option("--data", help="Folder of sharp pictures.")]


@app.command()
def train(
    data: DataFolder,
    arch: Annotated[str, typer.Option(help="Name of the architecture; an unknown one lists them all.")] = "two-scale-16-32x6",
    run: Annotated[Path, typer.Option(help="Folder for the run's files.")] = Path("runs/student"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run stopped.")] = False,
    max_minutes: Annotated[float, typer.Option(min=0.05, help="Time to train, resumed time included.")] = 60,
    max_steps: Annotated[int, typer.Option(min=0, help="Steps to train, if that comes first; 0 for no limit.")] = 0,
    batch: Annotated[int, typer.Option(min=1)] = 16,
    patch: Annotated[int, typer.Option(min=32, help="Side of the square patches in px, a multiple of 8.")] = 128,
    lr: Annotated[float, typer.Option(min=1e-7, max=1.0, help="Highest learning rate.")] = 1.5e-3,
    loss: Annotated[str, typer.Option(help="psnr or charbonnier.")] = "psnr",
    start_from: Annotated[str, typer.Option(help="File of weights to begin with.")] = "",
    seed: int = 1,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    bf16: Annotated[bool, typer.Option(help="Compute in bfloat16, about twice as fast where the CPU has it.")] = True,
    validate_every: Annotated[int, typer.Option(min=1, help="Steps between validations.")] = 1000,
) -> None:
    """Train a student on sharp pictures that are softened on the fly."""
    from sharpen_train import loop

    config = loop.TrainConfig(
        data=str(data), arch=arch, max_minutes=max_minutes, max_steps=max_steps, batch=batch, patch_px=patch, lr=lr, loss=loss,
        start_from=start_from, seed=seed, threads=threads, bf16=bf16, validate_every=validate_every,
    )  # fmt: skip
    weights = loop.train(config, run, resume=resume)
    typer.echo(f"weights: {weights}; export them with: sharpen-train export {run}")


@app.command()
def evaluate(
    run: RunFolder,
    data: DataFolder,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score a run on whole pictures, at every level of softness, against the input and the best-tuned unsharp mask."""
    from sharpen_train import evaluate as scoring
    from sharpen_train.loop import load_run, restore

    network = load_run(run)
    results = scoring.evaluate(lambda picture: restore(network, picture), data, progress=lambda line: typer.echo(line, err=True))
    scores = scoring.summarise(results)
    (run / "scores.json").write_text(json.dumps({name: score.model_dump() for name, score in scores.items()}, indent=2) + "\n")
    gain_db, worst = scoring.worst_gain_db(results)
    if as_json:
        typer.echo(json.dumps({"scores": {k: v.model_dump() for k, v in scores.items()}, "worst_gain_db": round(gain_db, 3)}))
        return
    for name, s in scores.items():
        typer.echo(
            f"{name:12s} input {s.input_psnr_db:.2f}/{s.input_ssim:.3f}  unsharp {s.unsharp_psnr_db:.2f}/{s.unsharp_ssim:.3f}  "
            f"model {s.psnr_db:.2f}/{s.ssim:.3f}  gain {s.psnr_db - s.input_psnr_db:+.2f} dB"
        )
    typer.echo(f"worst picture: {worst.picture} ({worst.condition}) {gain_db:+.2f} dB")


@app.command("export")
def export_command(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="Folder of the model; RUN/export/NAME by default.")] = None,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "student",
    title: Annotated[str, typer.Option(help="One line for people.")] = "A student of your own",
    note: Annotated[str, typer.Option(help="What else is to be known of the training, for manifest and card.")] = "",
    credits_file: Annotated[Path | None, typer.Option("--credits", help="File that says whose pictures these were, for the card.")] = None,
) -> None:
    """Write a run as a model: ONNX and OpenVINO IR, checked against the trained network, with manifest and card."""
    from sharpen_core.model_store import Score
    from sharpen_train.export import export

    table = run / "scores.json"
    scores = {k: Score.model_validate(v) for k, v in json.loads(table.read_text()).items()} if table.is_file() else {}
    folder = out or run / "export" / name
    if credits_file is not None and not credits_file.is_file():
        raise ConfigError(f"there is no file {credits_file}", "Give a text file, or leave out --credits.")
    credits_text = credits_file.read_text(encoding="utf-8") if credits_file else ""
    manifest = export(run, folder, name, title, scores, note, credits_text)
    typer.echo(f"{manifest.name}: {manifest.parameters:,} parameters, {manifest.kmac_per_px} kMAC/px, in {folder}")


def _terminate(*_: object) -> NoReturn:
    sys.exit(143)


def main() -> NoReturn:
    """Runs the command line; every known error is one line and its own exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except SharpenError as error:
        print(f"sharpen-train: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
