"""`sharpen-train`: prepare pictures, train a teacher and a student, score, export and install it."""

import os
import signal
import sys
from typing import NoReturn

import typer

from sharpen_core.errors import SharpenError
from sharpen_train.commands.bench import bench
from sharpen_train.commands.degrade import degrade
from sharpen_train.commands.doctor import doctor
from sharpen_train.commands.evaluate import evaluate
from sharpen_train.commands.export import export
from sharpen_train.commands.gauge import gauge
from sharpen_train.commands.install import install
from sharpen_train.commands.prepare import prepare
from sharpen_train.commands.survey import app as survey
from sharpen_train.commands.teacher import teacher
from sharpen_train.commands.train import train

app = typer.Typer(
    name="sharpen-train",
    help="Train, evaluate and export the networks that Sharpened Camera runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for _command in (prepare, degrade, gauge, teacher, train, evaluate):
    app.command()(_command)
app.add_typer(survey, name="survey")
for _command in (export, install, bench, doctor):
    app.command()(_command)


def _terminate(*_: object) -> NoReturn:
    sys.exit(143)


def main() -> NoReturn:
    """Runs the command line; every known error is one line and its own exit code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin after each of our small products; torch has threads of its own
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except SharpenError as error:
        print(f"sharpen-train: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
