"""`make bench`: every speed and memory figure of the README, measured on this machine in one run.

First all that `sharpened-camera bench` measures; then what only developers ask for. Leave the machine alone meanwhile. With
`--only start|window|tiles` just that.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from unittest import mock

import psutil
from rich.console import Console
from rich.table import Table

from sharpen_core.engines.select import default_threads, select_engine
from sharpen_core.model_store import find_model
from sharpen_core.restorer import Restorer
from sharpen_core.timing import Timing, race
from sharpened_camera.bench.clips import MOVING, make_scene
from sharpened_camera.bench.command import run_bench
from sharpened_camera.bench.networks import chart
from sharpened_camera.bench.options import SIZES, USUAL_SIZE
from sharpened_camera.bench.sessions import program_command, run_program

RUNS = 5
BUDGETS_MB = (4, 8, 16, 32, 48, 64, 96, 128, 256)
out = Console(width=140, highlight=False)


def main() -> None:
    """Runs every chapter, or the one that is asked for."""
    chapters = {"bench": run_bench, "start": start, "window": window, "tiles": tiles}
    wanted = sys.argv[2:] if sys.argv[1:2] == ["--only"] else list(chapters)
    if unknown := [name for name in wanted if name not in chapters]:
        sys.exit(f"bench.py: there is no '{unknown[0]}', only: {', '.join(chapters)}")
    for name in wanted:
        chapters[name]()


def start() -> None:
    """From the start of the process to its end after one sharpened frame: an upper bound of the time to the first frame."""
    with tempfile.TemporaryDirectory() as scratch:
        clip = make_scene(Path(scratch), MOVING, USUAL_SIZE)
        caches = {"nothing cached": [f"{number}" for number in range(RUNS)], "warm cache": RUNS * ["0"]}
        for words, folders in caches.items():
            took_s: list[float] = []
            for folder in folders:
                with mock.patch.dict(os.environ, XDG_CACHE_HOME=str(Path(scratch) / folder)):
                    began_s = time.perf_counter()
                    run_program("--camera", clip, "--fastest", "--frames", 1)
                    took_s.append(time.perf_counter() - began_s)
            spread = f"{statistics.median(took_s):.2f} ({min(took_s):.2f}-{max(took_s):.2f}) s"
            out.print(f"start to first sharpened 720p frame and exit, {words}: {spread}", markup=False)


def window() -> None:
    """Memory of the window with the test picture at 720p, without a screen."""
    environment = os.environ | {"QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(program_command(), env=environment | {"XDG_CONFIG_HOME": home}, stderr=subprocess.DEVNULL)
        time.sleep(12)
        cpu = psutil.Process(process.pid).cpu_percent(interval=5)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    out.print(f"window, test picture at 720p30: {peak_kb / 1024:.0f} MiB at most, {cpu:.0f} % CPU", markup=False)


def tiles() -> None:
    """What the tile size costs: the default in `tiling.TILE_WORKING_BYTES` is chosen from this."""
    model, engine = find_model(None), select_engine("auto", default_threads(), light=True)
    table = Table("size", *map(str, BUDGETS_MB), title="ms per frame by working memory of a tile, MiB (tiles in brackets)")
    for size in SIZES:
        picture = chart(size)
        budgets_px = {budget_mb: int((budget_mb << 20) / model.manifest.working_bytes_per_px) for budget_mb in BUDGETS_MB}
        restorers = {budget_mb: Restorer(model, engine, size, most_px=most_px) for budget_mb, most_px in budgets_px.items()}
        times = race(
            {budget_mb: partial(restorer.sharpen, picture) for budget_mb, restorer in restorers.items()},
            most_rounds=15,
            most_s=60,
        )
        cells = [f"{Timing.of(times[budget_mb]).median_ms:.1f} ({restorers[budget_mb].plan.count})" for budget_mb in BUDGETS_MB]
        table.add_row(str(size), *cells)
    out.print(table)


if __name__ == "__main__":
    main()
