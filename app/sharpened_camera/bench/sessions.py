"""Whole sessions: the program as a person starts it, in a process of its own; and one long session, for its memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from sharpen_core.errors import SharpenError
from sharpen_core.frame import Size
from sharpened_camera.application import Session, SessionRequest
from sharpened_camera.bench.clips import MOVING, SCENES, record_scene
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
    """Runs a session without a window in a process of its own and returns its report.

    Raises:
        SessionFailed: it ended with an error.
    """
    command = [*program_command(), "run", "--json", "--output", "none", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)  # noqa: S603  (ourselves)
    if done.returncode or not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SessionFailed(f"a measured session failed: {last.removeprefix('sharpened-camera: ')}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_sessions(options: BenchOptions, progress: Progress) -> Iterator[PipelineRow]:
    """Yields sessions with the first model: paced for each scene and size, then every frame as fast as possible."""
    model = options.models[0]
    ceiling = ("--cpu-ceiling", options.cpu_ceiling) if options.cpu_ceiling else ()
    for size in options.sizes:
        clips = {scene: record_scene(options.scratch, scene, size) for scene in SCENES}
        _run(clips[MOVING], "--model", model.folder, "--fastest", "--frames", 2)  # fills caches, so that no session measures them
        for scene, clip in clips.items():
            progress(f"session: {scene} scene at {size}, paced")
            yield _row(scene, True, _run(clip, "--model", model.folder, "--seconds", options.session_s, *ceiling))
        for engine in ("auto", "onnxruntime"):
            progress(f"session: every frame at {size}, {engine}")
            yield _row(MOVING, False, _run(clips[MOVING], "--model", model.folder, "--fastest", "--frames", 150, "--engine", engine))


def _run(clip: Path, *options: object) -> dict[str, Any]:
    return run_program("--camera", clip, *options)


def _row(scene: str, paced: bool, report: dict[str, Any]) -> PipelineRow:
    latency = report["latency_ms"]
    # A report gives processor time as a share; of a run as fast as possible the share of a minute would say nothing.
    return PipelineRow(
        scene,
        report["size"],
        paced,
        report["model"],
        report["engine"],
        report["precision"],
        report["fps"],
        *(latency[share] for share in ("p50", "p95", "p99")),
        sent=report["frames_sent"],
        sharpened=report["frames_sharpened"],
        dropped=report["frames_dropped"],
        cpu_percent=report["cpu_percent"],
        cpu_s_per_minute=round(report["cpu_percent"] * 0.6, 1) if paced else 0.0,
        peak_rss_mb=report["peak_rss_mb"],
        treated_s={rung: round(lasted_s, 1) for rung, lasted_s in report["rung_s"].items()} if paced else {},
    )


def measure_memory(options: BenchOptions, progress: Progress) -> Iterator[MemoryRow]:
    """Yields the resident memory of one long session for each engine: without a network, and with the real one."""
    clip = record_scene(options.scratch, MOVING, MEMORY_SIZE, _MEMORY_CLIP_FRAMES)
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
