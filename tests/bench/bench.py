"""`make bench`: every speed and memory figure of the README, measured on this machine in one run.

Whole programs are measured from the outside, as a person starts them, on clips that the bench records itself from the
test picture. Medians of several runs; the spread is printed too. Leave the machine alone meanwhile.
"""

import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import psutil
from rich.console import Console
from rich.table import Table

from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.engines.base import Engine
from sharpen_core.engines.onnxruntime import OnnxRuntimeEngine
from sharpen_core.engines.openvino import OpenVINOEngine
from sharpen_core.engines.select import default_threads
from sharpen_core.errors import EngineUnavailable
from sharpen_core.frame import Frame, Pixels, Size
from sharpen_core.model_store import find_model
from sharpen_core.output.file import FileRecorder
from sharpen_core.restorer import Restorer

RUNS = 5
PROGRAM = str(Path(sys.executable).with_name("sharpened-camera"))
SIZES = {"640x480": Size(480, 640), "1280x720": Size(720, 1280), "1920x1080": Size(1080, 1920)}
out = Console(width=140, highlight=False)


def main() -> None:
    """Runs every chapter."""
    out.print(f"{_cpu()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}, Python {platform.python_version()}", markup=False)
    with tempfile.TemporaryDirectory() as scratch:
        clips = {name: _record(Path(scratch) / f"{name}.mp4", size) for name, size in SIZES.items()}
        throughput(clips)
        paced(clips)
        start(clips)
        window()
    network()
    tiles()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def _record(path: Path, size: Size) -> Path:
    """Records 150 frames of the test picture."""
    camera, recorder = TestChartCamera(size, paced=False), FileRecorder(path)
    camera.open()
    recorder.open(size, 30)
    for number in range(150):
        recorder.send(Frame(camera.read(), number, round(number * 1e9 / 30)))
    recorder.close()
    camera.close()
    return path


def _run(*options: object) -> dict:
    """Runs `sharpened-camera run --json` and returns its report."""
    command = [PROGRAM, "run", "--json", "--output", "none", *map(str, options)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return json.loads(done.stdout.splitlines()[-1])


def _spread(values: list[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", title_style="bold")


def throughput(clips: dict[str, Path]) -> None:
    """Frames per second from decoded clip to sent frame, nothing dropped."""
    table = _table(f"every frame of a clip, --fastest --output none (median of {RUNS})", "size", "engine", "fps", "CPU %", "peak RSS MiB")
    for name, clip in clips.items():
        for engine in ("auto", "onnxruntime"):
            reports = [_run("--camera", clip, "--fastest", "--frames", 150, "--engine", engine) for _ in range(RUNS)]
            table.add_row(
                name,
                f"{reports[0]['engine']} {reports[0]['precision']}",
                _spread([report["fps"] for report in reports]),
                _spread([report["cpu_percent"] for report in reports], 0),
                _spread([report["peak_rss_mb"] for report in reports], 0),
            )
    out.print(table)


def paced(clips: dict[str, Path]) -> None:
    """Latency of a camera's 30 frames per second."""
    table = _table(
        "paced at 30 fps for 20 s", "size", "latency p50/p95/p99 ms", "sharpen p50/p95/p99 ms", "dropped", "sent", "CPU %", "peak RSS MiB"
    )
    for name, clip in clips.items():
        report = _run("--camera", clip, "--seconds", 20)
        times = [
            "/".join(f"{values[p]:.1f}" for p in ("p50", "p95", "p99")) for values in (report["latency_ms"], report["stage_ms"]["sharpen"])
        ]
        counts = (report["frames_dropped"], report["frames_sent"], report["cpu_percent"], report["peak_rss_mb"])
        table.add_row(name, *times, *map(str, counts))
    out.print(table)


def start(clips: dict[str, Path]) -> None:
    """From the start of the process to its end after one sharpened frame: an upper bound of the time to the first frame."""
    _run("--camera", clips["1280x720"], "--fastest", "--frames", 1)
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        _run("--camera", clips["1280x720"], "--fastest", "--frames", 1)
        took.append(time.perf_counter() - began)
    out.print(f"start to first sharpened 720p frame and exit, warm cache: {_spread(took, 2)} s", markup=False)


def window() -> None:
    """Memory of the window with the test picture at 720p, without a screen."""
    environment = os.environ | {"QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen([PROGRAM], env=environment | {"XDG_CONFIG_HOME": home}, stderr=subprocess.DEVNULL)
        time.sleep(12)
        cpu = psutil.Process(process.pid).cpu_percent(interval=5)
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    out.print(f"window, test picture at 720p30: {peak_kb / 1024:.0f} MiB at most, {cpu:.0f} % CPU", markup=False)


def _median_ms(restorer: Restorer, picture: Pixels, count: int = 15) -> float:
    restorer.sharpen(picture)
    took = []
    for _ in range(count):
        began = time.perf_counter()
        restorer.sharpen(picture)
        took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


def _picture(size: Size) -> Pixels:
    camera = TestChartCamera(size, paced=False)
    camera.open()
    return camera.read()


def _engines() -> dict[str, Engine]:
    threads = default_threads()
    engines: dict[str, Engine] = {}
    with contextlib.suppress(EngineUnavailable):  # a CPU without bf16
        engines["OpenVINO bf16"] = OpenVINOEngine(threads, "bf16")
    return engines | {"OpenVINO f32": OpenVINOEngine(threads, "f32"), "ONNX Runtime f32": OnnxRuntimeEngine(threads)}


def network() -> None:
    """The network alone, against what people sharpen with otherwise."""
    table = _table(f"ms per frame, {default_threads()} threads (median of 15)", "what", *SIZES)
    for name, engine in _engines().items():
        table.add_row(name, *(f"{_median_ms(Restorer(find_model(None), engine, size), _picture(size)):.1f}" for size in SIZES.values()))
    row = []
    for size in SIZES.values():
        picture, took = _picture(size), []
        for _ in range(15):
            began = time.perf_counter()
            cv2.addWeighted(picture, 2.0, cv2.GaussianBlur(picture, (0, 0), 1.2), -1.0, 0)
            took.append(time.perf_counter() - began)
        row.append(f"{1000 * statistics.median(took):.1f}")
    table.add_row("OpenCV unsharp mask", *row)
    out.print(table)


def tiles() -> None:
    """What the tile size costs: the choice in `tiling.TILE_WORKING_BYTES` is made from this."""
    model = find_model(None)
    budgets = [4, 8, 16, 32, 48, 64, 128, 256]
    table = _table("ms per frame by working memory of a tile, MiB (tiles in brackets)", "size", "precision", *map(str, budgets))
    for name, size in SIZES.items():
        for precision, engine in [(name, engine) for name, engine in _engines().items() if name.startswith("OpenVINO")]:
            cells = []
            for budget in budgets:
                restorer = Restorer(model, engine, size, most_px=int((budget << 20) / model.manifest.working_bytes_per_px))
                cells.append(f"{_median_ms(restorer, _picture(size)):.1f} ({restorer.plan.count})")
            table.add_row(name, precision, *cells)
    out.print(table)


if __name__ == "__main__":
    main()
