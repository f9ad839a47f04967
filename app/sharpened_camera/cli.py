"""`sharpened-camera`: parse, hand over, and turn every known error into one line and an exit code."""

import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from sharpen_core.errors import SharpenError
from sharpen_core.frame import Size
from sharpened_camera.bench.section import Section

PROGRAM = "sharpened-camera"
LOG_VARIABLE = "SHARPENED_CAMERA_LOG"

app = typer.Typer(
    name=PROGRAM,
    help="Look sharp on calls: a virtual camera that sharpens your webcam on the CPU. Without a command the window opens.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _size(text: str) -> Size:
    try:
        return Size.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _chosen(precision: Literal["auto", "f32", "bf16", "f16", "int8"]) -> Literal["f32", "bf16", "f16", "int8"] | None:
    return None if precision == "auto" else precision


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"{PROGRAM} {version('sharpened-camera')}")
        raise typer.Exit


ModelOption = Annotated[str | None, typer.Option(help="Name of a model, or the folder of one. See `models`.")]
StrengthOption = Annotated[float, typer.Option(min=0.0, max=1.0, help="How much to sharpen: 0 leaves every frame untouched.")]
CrispnessOption = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="How much to raise the contrast of fine detail besides. By default 0.5; 0 in `enhance`."),
]
EngineOption = Annotated[str, typer.Option(help="auto, openvino, onnxruntime or identity.")]
PrecisionOption = Annotated[
    Literal["auto", "f32", "bf16", "f16", "int8"],
    typer.Option(help="What to compute in; `models` tells what each model has. auto: bf16 where CPU and model have it, else f32."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback(invoke_without_command=True)
def window(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  (handled by its callback)
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Open the window, unless a command is given."""
    if context.invoked_subcommand is None:
        from sharpened_camera.desktop import open_window

        raise typer.Exit(open_window())


@app.command()
def run(
    camera: Annotated[str | None, typer.Option(help="Name, number or path of a camera, a clip, or `test`.")] = None,
    size: Annotated[
        Size | None, typer.Option(parser=_size, metavar="WIDTHxHEIGHT", help="What the camera must deliver, such as 1280x720.")
    ] = None,
    fps: Annotated[float, typer.Option(min=1.0, max=120.0, help="Wanted frames per second.")] = 30.0,
    output: Annotated[
        list[str] | None,
        typer.Option(help="virtual (all there are), pipewire, none or a FILE to record; may be given several times. By default virtual."),
    ] = None,
    model: Annotated[str, typer.Option(help="auto (the best that this machine can hold), a name or a folder. See `models`.")] = "auto",
    engine: EngineOption = "auto",
    precision: PrecisionOption = "auto",
    strength: StrengthOption = 1.0,
    crispness: CrispnessOption = None,
    cpu_ceiling: Annotated[
        int, typer.Option(min=5, max=100, help="Percent of the machine to use at most; with less, less is sharpened. Not for --fastest.")
    ] = 50,
    mirror: Annotated[bool, typer.Option("--mirror", help="Flip the picture that others see, left to right.")] = False,
    reopen: Annotated[
        bool, typer.Option("--reopen/--no-reopen", help="Open a camera or virtual camera that vanishes again when it is back, or end.")
    ] = True,
    pause: Annotated[bool, typer.Option("--pause/--no-pause", help="Rest while no program takes frames from the virtual camera.")] = True,
    frames: Annotated[int | None, typer.Option(min=1, help="End after so many frames.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so many seconds.")] = None,
    reuse: Annotated[
        bool, typer.Option("--reuse/--no-reuse", help="Compute only what changed, or all of every frame as --fastest does.")
    ] = True,
    fastest: Annotated[
        bool, typer.Option("--fastest", help="Take every frame, without pacing or dropping; a clip ends with itself.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, last.")] = False,
) -> None:
    """Sharpen without a window, with a live status line and a report at the end."""
    if frames is not None and seconds is not None:
        raise typer.BadParameter("give --frames or --seconds, not both")
    from sharpened_camera.application import SessionRequest
    from sharpened_camera.headless import run_headless

    request = SessionRequest(
        camera=camera, size=size, fps=fps, outputs=tuple(output or ()), model=None if model == "auto" else model, engine=engine,
        precision=_chosen(precision), strength=strength, crispness=crispness,
        cpu=cpu_ceiling / 100, mirror=mirror, reuse=reuse, fastest=fastest, reopen=reopen, pause=pause, frames=frames, seconds=seconds,
    )  # fmt: skip
    run_headless(request, as_json=as_json)


@app.command()
def enhance(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A picture or a clip.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Where to write it; the suffix decides the format.")],
    model: ModelOption = None,
    strength: StrengthOption = 1.0,
    crispness: CrispnessOption = None,
    engine: EngineOption = "auto",
    precision: PrecisionOption = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUTPUT.")] = False,
) -> None:
    """Sharpen a picture, or a clip with its sound kept."""
    from sharpened_camera.offline import enhance_file

    enhance_file(
        source, target, model=model, strength=strength, crispness=crispness or 0.0, engine=engine, precision=_chosen(precision), force=force
    )


@app.command()
def devices(as_json: JsonOption = False) -> None:
    """List the cameras, and the virtual camera with the name to pick in a call."""
    from sharpened_camera.listing import print_devices

    print_devices(as_json=as_json)


@app.command()
def models(as_json: JsonOption = False) -> None:
    """List the models with their measured quality."""
    from sharpened_camera.listing import print_models

    print_models(as_json=as_json)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what is here and what is missing, layer by layer, with the fix."""
    from sharpened_camera.diagnosis.report import diagnose

    report = diagnose()
    typer.echo(report.as_json() if as_json else report.as_text())
    raise typer.Exit(report.exit_code)


@app.command()
def setup(
    number: Annotated[
        int | None, typer.Option(min=0, max=255, help="Which /dev/video* to make; by default 42 or the next that is free.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take away what setup wrote, and nothing else.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Make the virtual camera exist for good. Shows first what it will do, and asks."""
    from sharpened_camera.camera_setup.command import set_up_here
    from sharpened_camera.camera_setup.linux import Surroundings, Wish

    set_up_here(Wish(number, undo, dry_run, yes), Surroundings(say=typer.echo, ask=_ask))


@app.command()
def bench(
    only: Annotated[list[Section] | None, typer.Option(help="What to measure; may be given several times. By default everything.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model, by name or folder; several times for more. By default all.")] = None,
    size: Annotated[list[str] | None, typer.Option(metavar="WIDTHxHEIGHT", help="Of the frames; several times for more.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="For a network. By default what `run` takes.")] = None,
    cpu_ceiling: Annotated[
        int | None, typer.Option(min=5, max=100, help="Percent of the machine for sessions at a camera's pace. By default that of `run`.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Rougher figures, at 1280x720 only.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw the networks as a chart.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Let the chart replace a file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast this machine sharpens, and where the time goes. Takes minutes; leave the machine alone meanwhile."""
    if plot and only and Section.NETWORK not in only:
        raise typer.BadParameter("the chart shows networks: add --only network")
    sizes = [_size(text) for text in size or ()]
    from sharpened_camera.bench.command import run_bench

    run_bench(
        only=only or (), models=model or (), sizes=sizes, threads=threads, cpu_ceiling=cpu_ceiling,
        quick=quick, plot=plot, force=force, as_json=as_json,
    )  # fmt: skip


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        from sharpened_camera.camera_setup.errors import NotAllowed

        raise NotAllowed("nobody is there to ask; nothing was changed", "to go on without a question: --yes")
    return typer.confirm(question)


class _Asked:
    """Ends the program when somebody asks for that, and remembers it: what breaks on the way out is no error of its own."""

    code: int | None = None

    def __call__(self, number: int, _: object) -> NoReturn:
        self.code = 128 + number
        raise SystemExit(self.code)


def main() -> NoReturn:
    """Runs the command line. Known errors are one line on stderr; none leaves a traceback."""
    asked = _Asked()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
    code: int | str | None = 0
    try:
        logging.basicConfig(level=_log_level(), format="%(asctime)s %(name)s %(message)s")
        app(prog_name=PROGRAM)
    except SystemExit as leaving:
        code = leaving.code
    except BrokenPipeError:  # the reader of our output left, as in `| head`
        code = 141
    except Exception as error:
        code = _told(error) if asked.code is None else asked.code
    _leave(code if isinstance(code, int) else 0 if code is None else 1)


def _log_level() -> str:
    wanted = os.environ.get(LOG_VARIABLE, "critical").upper()
    if wanted not in logging.getLevelNamesMapping():
        raise SharpenError(f"{LOG_VARIABLE} is '{wanted.lower()}'", "Make it debug, info, warning, error or critical")
    return wanted


def _told(error: Exception) -> int:
    """Says an error in one line and returns its exit code."""
    if not isinstance(error, SharpenError):
        logging.getLogger(__name__).critical("unexpected error", exc_info=LOG_VARIABLE in os.environ)
        error = SharpenError(f"internal error: {error!r}", f"Run it again with {LOG_VARIABLE}=debug and report what it prints")
    print(f"{PROGRAM}: {error}", file=sys.stderr)
    return error.exit_code


def _leave(code: int) -> NoReturn:
    """Ends the process although a thread may hang in a driver: it would keep a normal exit waiting for ever."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
