"""Whole sessions: the program as a person starts it, in a process of its own; and one long session, for its memory."""

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil

from sharpen_core.errors import SharpenError
from sharpen_core.frame import Size
from sharpened_camera.application import Session, SessionRequest
from sharpened_camera.bench.clips import MOVING, SCENES, SOFT, make_scene
from sharpened_camera.bench.machine import can_choose_cores, on_one_core
from sharpened_camera.bench.options import BenchOptions, Progress
from sharpened_camera.bench.results import MemoryRow, PipelineRow

MEMORY_SIZE = Size(120, 160)
MEMORY_MARKS = (10, 50, 100)
_MEMORY_CLIP_FRAMES = 600
_LOOK_S = 0.25  # a look sums up 20,000 latencies: not for every frame
_PATIENCE_S = 600


class SessionFailed(SharpenError):
    """A session that was to be measured ended with an error."""

    exit_code = 1


def program_command() -> list[str]:
    """How this very program is started once more."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "sharpened_camera"]


def run_program(*options: object) -> dict[str, Any]:
    """Runs a session without a window in a process of its own.

    Returns:
        Its report. `cpu_percent` is that of its second half: starting and loading are not what a minute of call costs.

    Raises:
        SessionFailed: it ended with an error, or not at all.
    """
    command = [*program_command(), "run", "--json", "--output", "none", *map(str, options)]
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    try:
        out, err, used = _watch_program(process)
    finally:
        if process.poll() is None:
            process.kill()
    if process.returncode or not out.strip():
        last = (err.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise SessionFailed(f"a measured session failed: {last.removeprefix('sharpened-camera: ')}")
    report = json.loads(out.splitlines()[-1])
    if len(used) > 2:
        (half_s, cpu_before_s), (last_s, cpu_s) = used[len(used) // 2], used[-1]
        report["cpu_percent"] = round(100 * (cpu_s - cpu_before_s) / (last_s - half_s), 1)
    return report


def _watch_program(process: psutil.Popen) -> tuple[str, str, list[tuple[float, float]]]:
    """Waits for a program's end.

    Returns:
        What it printed, to stdout and to stderr; and pairs of how long it had lasted and the processor time it had used, in seconds.

    Raises:
        SessionFailed: it does not end.
    """
    began_s, used = time.monotonic(), list[tuple[float, float]]()
    while (lasts_s := time.monotonic() - began_s) < _PATIENCE_S:
        with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
            times = process.cpu_times()
            used.append((lasts_s, times.user + times.system))
        try:
            return *process.communicate(timeout=_LOOK_S), used
        except subprocess.TimeoutExpired:
            pass
    raise SessionFailed(f"a measured session did not end within {_PATIENCE_S} s")


def measure_sessions(options: BenchOptions, progress: Progress) -> Iterator[PipelineRow]:
    """Yields sessions of each model and size: each scene at a camera's pace, then every frame as fast as possible.

    With ONNX Runtime only the first model, and only as fast as possible; so on a single core of several, and at one size only.
    """
    ceiling = ("--cpu-ceiling", options.cpu_ceiling) if options.cpu_ceiling else ()
    for model in options.models:
        for size in options.sizes:
            clips = {scene: make_scene(options.scratch, scene, size) for scene in SCENES}
            fastest = ("--camera", clips[MOVING], "--model", model.folder, "--fastest")
            run_program(*fastest, "--frames", 2)  # fills caches, so that no session measures them
            for scene, clip in clips.items():
                progress(f"session: {model.name}, {scene} scene at {size}, paced")
                paced = ("--camera", clip, "--model", model.folder, "--seconds", options.session_s, *ceiling)
                yield _row(scene, True, [run_program(*paced) for _ in range(options.sessions)])
            for engine in ("auto", "onnxruntime") if model is options.models[0] else ("auto",):
                progress(f"session: {model.name}, every frame at {size}, {engine}")
                whole = (*fastest, "--frames", 100, "--engine", engine)
                yield _row(MOVING, False, [run_program(*whole) for _ in range(options.sessions)])
            if size == options.size and can_choose_cores():
                progress(f"session: {model.name}, every frame at {size}, on one core")
                with on_one_core():
                    run_program(*fastest, "--frames", 2)
                    yield _row(MOVING, False, [run_program(*fastest, "--frames", 100) for _ in range(options.sessions)], one_core=True)


def _row(scene: str, paced: bool, reports: list[dict[str, Any]], *, one_core: bool = False) -> PipelineRow:
    """The medians of the same session run several times; counts and treatments are those of the one with the median frame rate."""
    typical = sorted(reports, key=lambda report: report["fps"])[len(reports) // 2]
    cpu_percent = statistics.median(report["cpu_percent"] for report in reports)
    # A report gives processor time as a share; of a run as fast as possible the share of a minute would say nothing.
    return PipelineRow(
        scene,
        typical["size"],
        paced,
        typical["model"],
        typical["engine"],
        typical["precision"],
        typical["fps"],
        *(statistics.median(report["latency_ms"][share] for report in reports) for share in ("p50", "p95", "p99")),
        runs=len(reports),
        sent=typical["frames_sent"],
        sharpened=typical["frames_sharpened"],
        dropped=typical["frames_dropped"],
        cpu_percent=cpu_percent,
        cpu_s_per_minute=round(cpu_percent * 0.6, 1) if paced else 0.0,
        peak_rss_mb=max(report["peak_rss_mb"] for report in reports),
        treated_s={rung: round(lasted_s, 1) for rung, lasted_s in typical["rung_s"].items()} if paced else {},
        one_core=one_core,
    )


def measure_memory(options: BenchOptions, progress: Progress) -> Iterator[MemoryRow]:
    """Yields the resident memory of one long session for each engine: without a network, and with the real one."""
    clip = make_scene(options.scratch, SOFT, MEMORY_SIZE, _MEMORY_CLIP_FRAMES)
    for engine in ("identity", "auto"):
        request = SessionRequest(
            camera=str(clip),
            outputs=("none",),
            model=str(options.models[0].folder),
            engine=engine,
            fastest=True,
            frames=options.memory_frames,
        )
        yield _watch_memory(Session(request), engine, options.memory_frames, progress)


def _watch_memory(session: Session, engine: str, frames: int, progress: Progress) -> MemoryRow:
    """Runs a session to its end and looks at the memory on the way."""
    process, rss_mb = psutil.Process(), dict[int, float]()
    session.pipeline.start()
    try:
        over = False
        while not over:
            over = session.pipeline.wait(_LOOK_S)
            done = session.pipeline.snapshot().frames_sent
            progress(f"memory: {engine}, {done * 10 // frames * 10} % of {frames:,} frames")
            for mark in MEMORY_MARKS:
                if mark not in rss_mb and (done * 100 >= mark * frames or over):
                    rss_mb[mark] = round(process.memory_info().rss / 2**20, 1)
    finally:
        session.pipeline.stop()
    if session.pipeline.error:
        raise session.pipeline.error
    first, *_, last = rss_mb.values()
    return MemoryRow(session.engine.name if session.engine else engine, str(MEMORY_SIZE), frames, rss_mb, round(last - first, 1))
