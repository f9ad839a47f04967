"""`sharpened-camera bench`: measures, shows how far it is, prints."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

from rich.console import Console

from sharpen_core.draft import Draft
from sharpen_core.engines.select import default_threads
from sharpen_core.frame import Size
from sharpen_core.model_store import DEFAULT_MODEL, Model, find_model, list_models
from sharpened_camera.bench.machine import describe_machine
from sharpened_camera.bench.measure import choose_sections, measure
from sharpened_camera.bench.options import SIZES, USUAL_SIZE, BenchOptions, Progress
from sharpened_camera.bench.plot import draw_plot
from sharpened_camera.bench.results import Findings
from sharpened_camera.bench.section import Section
from sharpened_camera.bench.tables import print_findings

_WIDTH = 140  # of a table in a file or pipe


def run_bench(
    *,
    only: Sequence[Section] = (),
    models: Sequence[str] = (),
    sizes: Sequence[Size] = (),
    threads: int | None = None,
    cpu_ceiling: int | None = None,
    quick: bool = False,
    plot: Path | None = None,
    force: bool = False,
    as_json: bool = False,
) -> None:
    """Measures and prints; Ctrl-C prints what was measured until then.

    Args:
        only: sections; empty takes all that fit.
        models: names or folders; empty takes every installed one, the default first.
        sizes: of frames; empty takes the usual ones. Where one size is enough 1280x720 is taken if it is among them, else the first.
        threads: for a network; None takes what the program takes.
        cpu_ceiling: percent of the machine that paced sessions may use; None takes what the program takes.
        quick: fewer runs of 1280x720 only.
        plot: an SVG file to draw the networks into.
        force: whether the plot may replace a file.
        as_json: print one JSON object instead of tables.

    Raises:
        SharpenError: nothing can be measured, or the plot cannot be written; the latter is found out before anything is measured.
    """
    with tempfile.TemporaryDirectory(prefix="sharpened-camera-") as scratch, contextlib.ExitStack() as stack:
        draft = stack.enter_context(Draft(plot, overwrite=force)) if plot else None
        frames = tuple(sizes) or ((USUAL_SIZE,) if quick else SIZES)
        size = USUAL_SIZE if USUAL_SIZE in frames else frames[0]
        options = BenchOptions(_models(models), frames, size, threads or default_threads(), Path(scratch), cpu_ceiling, quick)
        findings = Findings(describe_machine(options.threads))
        try:
            with _progress() as progress:
                measure(options, choose_sections(only, quick=quick), progress, findings)
        finally:
            if any(findings.rows.values()):
                _print(findings, as_json=as_json)
        if draft:
            draft.path.write_text(draw_plot(findings, str(options.size)), encoding="utf-8")


def _models(names: Sequence[str]) -> tuple[Model, ...]:
    """The models to measure; stages take the first one, and only that runs sessions with ONNX Runtime too.

    Raises:
        ModelError: one cannot be read, or there is none.
    """
    if names:
        return tuple(find_model(name) for name in names)
    installed, _ = list_models()
    return tuple(sorted(installed, key=lambda model: model.name != DEFAULT_MODEL)) or (find_model(None),)


@contextlib.contextmanager
def _progress() -> Generator[Progress]:
    """Gives a live line on stderr; without a terminal, one line for each new thing that is measured."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if console.is_terminal:
        with console.status("starting...") as status:
            yield lambda text: status.update(text)
        return
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            console.print(text, markup=False)

    yield tell


def _print(findings: Findings, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(findings.as_dict()), flush=True)
    else:
        width = None if sys.stdout.isatty() else _WIDTH
        print_findings(findings, Console(file=sys.stdout, highlight=False, width=width))
