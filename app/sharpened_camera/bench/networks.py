"""Networks alone: every installed model on every engine in every precision, and what people sharpen with otherwise."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

from sharpen_core.capture.testchart import TestChartCamera
from sharpen_core.engines.base import Precision
from sharpen_core.engines.openvino import shared_core
from sharpen_core.engines.select import select_engine
from sharpen_core.errors import EngineUnavailable, SharpenError
from sharpen_core.frame import Pixels, Size
from sharpen_core.model_store import Model
from sharpen_core.restorer import Restorer
from sharpen_core.timing import Timing, race
from sharpened_camera.bench.clips import blurred
from sharpened_camera.bench.graphs import onnx_graph, openvino_graph
from sharpened_camera.bench.nafnet import MULTIPLE_PX, PublishedStudent
from sharpened_camera.bench.options import BenchOptions, Progress
from sharpened_camera.bench.results import PUBLISHED, UNSHARP, NetworkRow

_BLUR_PX, _AMOUNT = 1.2, 1.0
_PUBLISHED_RUNS, _PUBLISHED_RUNS_QUICK = 3, 2

Call = Callable[[], object]


def measure_networks(options: BenchOptions, progress: Progress) -> Iterator[NetworkRow]:
    """Yields one row for each size, model, engine and precision, and one for the unsharp mask. Those of one size and model are raced."""
    for size in options.sizes:
        picture = chart(size)
        for model in options.models:
            progress(f"network: {model.name} at {size}")
            yield from _race_model(model, picture, options)
        timing = _time({UNSHARP: lambda picture=picture: unsharp(picture)}, options)[UNSHARP]
        yield _row(NetworkRow(UNSHARP, "", "", str(size)), timing)


def chart(size: Size) -> Pixels:
    """The test picture, soft: (height, width, 3) uint8 RGB."""
    camera = TestChartCamera(Size(max(64, size.height), max(64, size.width)), paced=False)
    camera.open()
    return blurred(camera.read()[: size.height, : size.width])


def unsharp(picture: Pixels) -> Pixels:
    """The unsharp mask of OpenCV, as programs use it: (H, W, 3) uint8 in and out."""
    blurred = cv2.GaussianBlur(picture, (0, 0), _BLUR_PX)
    return cv2.addWeighted(picture, 1 + _AMOUNT, blurred, -_AMOUNT, 0).astype(np.uint8, copy=False)


def ways(model: Model) -> list[tuple[str, Precision]]:
    """Engines and precisions that a model promises."""
    offered: list[tuple[str, Precision]] = [("openvino", precision) for precision in model.precisions]
    return [*offered, ("onnxruntime", "f32")] if model.onnx_file in model.manifest.files else offered


def _race_model(model: Model, picture: Pixels, options: BenchOptions) -> list[NetworkRow]:
    """Times a model's ways against each other; one that this machine has not got says why."""
    size, kmac_per_px = Size.of(picture), model.manifest.kmac_per_px
    rows: dict[tuple[str, Precision], NetworkRow] = {}
    calls: dict[tuple[str, Precision], Call] = {}
    for name, precision in ways(model):
        way = (name, precision)
        rows[way] = NetworkRow(model.name, name, precision, str(size), kmac_per_px=kmac_per_px)
        try:
            restorer = Restorer(model, select_engine(name, options.threads, precision), size)
        except SharpenError as error:
            rows[way] = NetworkRow(model.name, name, precision, str(size), kmac_per_px=kmac_per_px, note=error.message)
            continue
        rows[way] = NetworkRow(model.name, name, precision, str(size), restorer.plan.count, kmac_per_px)
        calls[way] = lambda restorer=restorer: restorer.sharpen(picture)
    timings = _time(calls, options)
    return [_row(row, timings[way]) if way in timings else row for way, row in rows.items()]


def _time(calls: "dict[Any, Call]", options: BenchOptions) -> dict[Any, Timing]:
    times = race(calls, most_rounds=options.rounds, most_s=options.most_s, least_rounds=3) if calls else {}
    return {name: Timing.of(took_ms) for name, took_ms in times.items()}


def _row(row: NetworkRow, timing: Timing) -> NetworkRow:
    figures = (timing.median_ms, timing.p95_ms, timing.fps, timing.runs)
    return NetworkRow(row.model, row.engine, row.precision, row.size, row.tiles, row.kmac_per_px, *figures)


def measure_published(options: BenchOptions, progress: Progress) -> Iterator[NetworkRow]:
    """Yields the published student's rows: a whole frame, float32, as its authors deploy it (ONNX Runtime on the CPU) and in OpenVINO."""
    size = Size(*(-(-side // MULTIPLE_PX) * MULTIPLE_PX for side in options.size))
    picture = np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)
    runs = _PUBLISHED_RUNS_QUICK if options.quick else _PUBLISHED_RUNS
    for engine, prepare in (("onnxruntime", _published_in_onnxruntime), ("openvino", _published_in_openvino)):
        progress(f"published student in {engine} at {size}, seconds per frame")
        student = PublishedStudent()
        try:
            call = prepare(student, size, options.threads, picture)
        except EngineUnavailable as error:
            yield NetworkRow(PUBLISHED, engine, "f32", str(size), note=f"{error.message}: {error.hint}")
            continue
        timing = Timing.of(race({engine: call}, most_rounds=runs, most_s=1e9)[engine])
        yield _row(NetworkRow(PUBLISHED, engine, "f32", str(size), kmac_per_px=round(student.kmac_per_px, 2)), timing)


def _published_in_onnxruntime(student: PublishedStudent, size: Size, threads: int, picture: Any) -> Call:
    try:
        import onnxruntime

        model = onnx_graph(student, size)
    except ImportError as error:
        raise EngineUnavailable(f"{error.name} is not installed", "pip install onnx onnxruntime") from error
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = threads
    session: Any = onnxruntime.InferenceSession(model, session_options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"picture": picture})


def _published_in_openvino(student: PublishedStudent, size: Size, threads: int, picture: Any) -> Call:
    core = shared_core()
    options = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(openvino_graph(student, size), "CPU", options).create_infer_request()
    return lambda: request.infer([picture], share_inputs=True, share_outputs=True)
