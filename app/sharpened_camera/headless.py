"""A session without a window: events and a status line on stderr, the report on stdout."""

import json
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from sharpen_core.capture.base import CameraFormat
from sharpen_core.errors import StopTimeout
from sharpen_core.events import (
    CameraBack,
    CameraLost,
    CameraOpened,
    Event,
    Governed,
    OutputLost,
    OutputOpened,
    PassingThrough,
    Paused,
    Resumed,
    Sharpening,
)
from sharpen_core.output.virtual_camera import virtual_camera_status
from sharpen_core.stats import SHARP_ALREADY, Snapshot
from sharpened_camera.application import Session, SessionRequest

REFRESH_S = 0.25


def run_headless(request: SessionRequest, *, as_json: bool) -> None:
    """Runs a session until its limit, its error, Ctrl-C or SIGTERM, then reports.

    Raises:
        SharpenError: what ended the session.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    size = ""

    def tell(event: Event) -> None:
        nonlocal size
        if isinstance(event, CameraOpened):
            size = str(event.format.size)
        if line := _line(event):
            console.print(line, markup=False)

    session = Session(request, tell)
    session.pipeline.hidden = bool(session.outputs)  # without one, the figures are what is looked at
    if not request.outputs and not session.outputs:
        status = virtual_camera_status()
        console.print(f"no virtual camera: {status.install_hint} (then pick '{status.name_to_pick}' in the call)", markup=False)
    try:
        session.pipeline.start()
        _watch(session, console)
    finally:
        stuck = _stop(session)
        # A JSON reader gets its object also when the session ended by Ctrl-C or an error.
        _report(session, size, as_json=as_json)
    if session.pipeline.error:
        raise session.pipeline.error
    if stuck:
        raise stuck


def _line(event: Event) -> str:
    match event:
        case CameraOpened(name, delivered):
            return f"camera: {name}, {_format(delivered)}"
        case CameraLost(message, hint):
            return f"camera lost: {message}. {hint}"
        case CameraBack(name, delivered):
            return f"camera back: {name}, {_format(delivered)}"
        case Paused(reason):
            return f"paused: {reason}"
        case Resumed():
            return "resumed"
        case OutputOpened(name):
            return f"output: {name}"
        case Governed() | PassingThrough() | Sharpening():
            return _treatment(event)
        case OutputLost(name, error):
            return f"lost {name}: {error}"
        case _:
            return ""


def _treatment(event: Governed | PassingThrough | Sharpening) -> str:
    match event:
        case Governed(rung, reason):
            return reason if rung.raw else f"sharpening with {reason}"
        case PassingThrough(reason):
            return f"passing through: {reason}"
        case Sharpening():
            return "sharpening again"


def _format(delivered: CameraFormat) -> str:
    return f"{delivered.size} at {delivered.fps:.4g} fps ({delivered.pixel_format})"


def _watch(session: Session, console: Console) -> None:
    """Waits for the end, with a live line where stderr is a terminal."""
    if not console.is_terminal:
        while not session.pipeline.wait(REFRESH_S):
            pass
        return
    with console.status("starting…") as status:
        while not session.pipeline.wait(REFRESH_S):
            status.update(_status(session.pipeline.snapshot()))


def _status(figures: Snapshot) -> str:
    return (
        f"{figures.fps:5.1f} fps   {figures.recent_latency_ms:.0f} ms latency   {figures.recent_cpu_percent:.0f} % CPU   "
        f"{figures.frames_sent} sent   {figures.frames_dropped} dropped   Ctrl-C ends"
    )


def _stop(session: Session) -> StopTimeout | None:
    try:
        session.pipeline.stop()
    except StopTimeout as error:
        return error
    return None


def _report(session: Session, size: str, *, as_json: bool) -> None:
    figures = report(session, size)
    if as_json:
        print(json.dumps(figures), flush=True)
    elif figures["frames_captured"]:
        _print_table(figures)


def report(session: Session, size: str) -> dict[str, Any]:
    """Returns what `run --json` prints: plain values, times in milliseconds."""
    figures = asdict(session.pipeline.snapshot())
    figures["fps"] = figures.pop("mean_fps")
    del figures["recent_latency_ms"], figures["recent_cpu_percent"]  # they are for live displays
    return figures | {
        "model": session.model.name,
        "engine": session.engine.name if session.engine else None,
        "precision": session.restorer.precision if session.restorer else None,
        "tiles": session.restorer.plan.count if session.restorer else None,
        "size": size or None,
        "camera": session.camera.name,
        "outputs": [output.name for output in session.outputs],
    }


def _print_table(figures: dict[str, Any]) -> None:
    table = Table.grid(padding=(0, 2))

    def row(name: str, value: str) -> None:
        table.add_row(name, value)

    def times(values: dict[str, float]) -> str:
        return f"p50 {values['p50']:.1f}   p95 {values['p95']:.1f}   p99 {values['p99']:.1f} ms"

    row("camera", f"{figures['camera']}, {figures['size']}")
    row("model", f"{figures['model']} on {figures['engine']} ({figures['precision']}), tiles: {figures['tiles']}")
    sent, sharpened, dropped, captured = (figures[f"frames_{what}"] for what in ("sent", "sharpened", "dropped", "captured"))
    row("frames", f"{sent} sent, {sharpened} sharpened, {dropped} dropped of {captured}")
    row(
        "rate",
        f"{figures['fps']:.1f} fps sent, {figures['camera_fps']:.1f} from the camera; first frame after {figures['first_frame_ms']:.0f} ms",
    )
    row("latency", times(figures["latency_ms"]))
    for stage, values in figures["stage_ms"].items():
        row(f"  {stage}", times(values))
    if len(figures["rung_s"]) > 1 or SHARP_ALREADY in figures["rung_s"]:
        row("treated", ", ".join(f"{lasted_s:.1f} s {rung}" for rung, lasted_s in figures["rung_s"].items()))
    if figures["reason"]:
        row("last", figures["reason"])
    row("process", f"{figures['cpu_percent']:.0f} % CPU, {figures['peak_rss_mb']:.0f} MiB at most")
    Console(file=sys.stdout, highlight=False).print(table)
