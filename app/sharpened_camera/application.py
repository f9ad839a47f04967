"""The composition root: the only place where cameras, models, engines and outputs are wired together."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sharpen_core.capture.select import is_device, select_camera
from sharpen_core.crispness import USUAL_CRISPNESS
from sharpen_core.engines.base import Engine, Precision
from sharpen_core.engines.select import default_threads, select_engine
from sharpen_core.events import Event
from sharpen_core.frame import Size
from sharpen_core.governing.forecast import Limits
from sharpen_core.governing.lineup import Lineup
from sharpen_core.machine import one_thread_for_opencv, usable_cores
from sharpen_core.model_store import Model, find_family, find_model
from sharpen_core.output.base import Output
from sharpen_core.output.file import FileRecorder
from sharpen_core.output.null import NullOutput
from sharpen_core.output.pipewire.output import PipeWireOutput
from sharpen_core.output.pipewire.status import find_pipewire
from sharpen_core.output.virtual_camera import VirtualCamera, virtual_camera_status
from sharpen_core.pipeline import Pipeline, PipelineOptions
from sharpen_core.restorer import Restorer
from sharpen_core.tuning import known_ms, tune
from sharpen_core.tuning_cache import TuningCache


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a person asks for.

    Attributes:
        camera: name, number or path of a camera, a clip, or "test"; None takes the first camera, or the test picture.
        camera_path: the lasting path of the camera that is meant, should several have its name.
        size: what the camera must deliver; None takes what it likes best.
        fps: wanted frames per second.
        outputs: "virtual", "pipewire", "none" or files, all of them; empty takes the virtual cameras where there are any.
        outputs_required: whether the session ends when an output fails.
        model: name or folder, never replaced by another one; None takes the best one that this machine can hold, or the default where
            every frame is taken.
        engine: "auto" or an engine's name.
        precision: what to compute in; None takes the lightest for the processor that costs the picture next to nothing.
        strength: 0 (untouched) to 1.
        crispness: how much to raise the contrast of fine detail besides, 0 to 1; None is the usual.
        mirror: whether the picture is flipped left to right.
        cpu: share of the machine that may be used, 0 to 1; not for `fastest`, which takes what its threads can get.
        reuse: whether still parts keep what was added to them; not for `fastest`, which computes every frame anew.
        fastest: take every frame without pacing or dropping.
        reopen: whether a camera or virtual camera that vanishes is opened again when it is back; otherwise it ends the session.
        pause: whether to rest while nobody watches: the preview is hidden and no program takes frames.
        frames, seconds: end after so many; None goes on, a clip taken as fast as possible ends with itself.
    """

    camera: str | None = None
    camera_path: str | None = None
    size: Size | None = None
    fps: float = 30.0
    outputs: tuple[str, ...] = ()
    outputs_required: bool = True
    model: str | None = None
    engine: str = "auto"
    precision: Precision | None = None
    strength: float = 1.0
    crispness: float | None = None
    mirror: bool = False
    cpu: float = 0.5
    reuse: bool = True
    fastest: bool = False
    reopen: bool = True
    pause: bool = True
    frames: int | None = None
    seconds: float | None = None


class Session:
    """A pipeline and what it is made of.

    The engine is loaded by the pipeline's own thread, while the camera opens: its library alone takes a part of a second.
    """

    def __init__(self, request: SessionRequest, on_event: Callable[[Event], None] = lambda _: None) -> None:
        one_thread_for_opencv()
        self.request = request
        self.models = [find_model(request.model)] if request.model or request.fastest else find_family()
        self.engine: Engine | None = None
        self.restorers: dict[str, Restorer] = {}
        self._tuning = TuningCache()
        self.threads = default_threads(request.cpu)
        endless = not request.fastest or request.frames is not None or request.seconds is not None
        self.camera = select_camera(
            request.camera, request.size, request.fps, path=request.camera_path, paced=not request.fastest, loop=endless
        )
        self.outputs = build_outputs(request.outputs)
        if not (request.outputs or request.outputs_required or any(isinstance(output, VirtualCamera) for output in self.outputs)):
            self.outputs.append(VirtualCamera())  # none is there yet; one that is set up meanwhile is found by itself
        self.pipeline = Pipeline(
            self.camera,
            self._lineup(),
            self.outputs,
            PipelineOptions(
                lossless=request.fastest,
                frame_limit=request.frames,
                seconds_limit=request.seconds,
                outputs_required=request.outputs_required,
                reopen_camera=request.reopen and not request.fastest and is_device(self.camera),
                reopen_outputs=request.reopen and not request.fastest,
            ),
            on_event,
        )
        self.pipeline.strength = request.strength
        self.pipeline.crispness = USUAL_CRISPNESS if request.crispness is None else request.crispness
        self.pipeline.mirror = request.mirror
        self.pipeline.pausing = request.pause

    @property
    def model(self) -> Model:
        """The model in use: the chosen one, or that of the governor's choice."""
        rung = self.pipeline.rung
        wanted = rung.model if rung and rung.model else next(reversed(self.restorers), None)
        return next((model for model in self.models if model.name == wanted), self.models[-1])

    @property
    def restorer(self) -> Restorer | None:
        """What runs it; None while it is being loaded."""
        return self.restorers.get(self.model.name)

    def _lineup(self) -> Lineup:
        cores = usable_cores()
        return Lineup(
            {model.name: partial(self._restorer_for, model) for model in self.models},
            {model.name: model.manifest.kmac_per_px for model in self.models},
            lambda size: known_ms(self.models, self._engine(), size, self._tuning),
            limits=Limits(self.request.cpu, min(1.0, self.threads / cores)),
            cores=cores,
        )

    def _engine(self) -> Engine:
        self.engine = self.engine or select_engine(self.request.engine, self.threads, self.request.precision, light=True)
        return self.engine

    def _restorer_for(self, model: Model, size: Size) -> Restorer:
        engine = self._engine()
        # Where every frame is taken nothing goes out while tiles are measured: then only what is known counts.
        tuned = tune(model, engine, size, self._tuning, measure=not self.request.fastest)
        reuse = self.request.reuse and not self.request.fastest
        restorer = Restorer(model, engine, size, most_px=tuned.most_px if tuned else None, reuse=reuse, prompt=not self.request.fastest)
        self.restorers = {**self.restorers, model.name: restorer}
        return restorer


def build_outputs(names: tuple[str, ...]) -> list[Output]:
    """Returns the outputs of these names; by default every virtual camera that this system has, which may be none."""
    if not names:
        return [_output(kind) for kind in _virtual_kinds()]
    # A virtual camera that does not exist says what to install when it is opened.
    kinds = [kind for name in names for kind in ((_virtual_kinds() or ["driver"]) if name == "virtual" else [name])]
    return [_output(kind) for kind in dict.fromkeys(kinds)]


def _virtual_kinds() -> list[str]:
    """The virtual cameras that calls can see here: that of a driver, and on Linux that of PipeWire, both at once where both exist."""
    available = {"driver": virtual_camera_status().available, "pipewire": find_pipewire().available}
    return [kind for kind, is_there in available.items() if is_there]


def _output(kind: str) -> Output:
    if kind == "driver":
        return VirtualCamera()
    if kind == "pipewire":
        return PipeWireOutput()
    if kind == "none":
        return NullOutput()
    return FileRecorder(Path(kind))
