"""The composition root: the only place where cameras, models, engines and outputs are wired together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sharpen_core.capture.select import is_device, select_camera
from sharpen_core.engines.base import Engine, Precision
from sharpen_core.engines.select import select_engine
from sharpen_core.events import Event
from sharpen_core.frame import Size
from sharpen_core.model_store import Model, find_model
from sharpen_core.output.base import Output
from sharpen_core.output.file import FileRecorder
from sharpen_core.output.null import NullOutput
from sharpen_core.output.pipewire.output import PipeWireOutput
from sharpen_core.output.pipewire.status import find_pipewire
from sharpen_core.output.virtual_camera import VirtualCamera, virtual_camera_status
from sharpen_core.pipeline import Pipeline, PipelineOptions
from sharpen_core.restorer import Restorer


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
        model: name or folder; None takes the default.
        engine: "auto" or an engine's name.
        precision: what to compute in; None leaves it to the engine.
        strength: 0 (untouched) to 1.
        mirror: whether the picture is flipped left to right.
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
    mirror: bool = False
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
        self.request = request
        self.model: Model = find_model(request.model)
        self.engine: Engine | None = None
        self.restorer: Restorer | None = None
        endless = not request.fastest or request.frames is not None or request.seconds is not None
        self.camera = select_camera(
            request.camera, request.size, request.fps, path=request.camera_path, paced=not request.fastest, loop=endless
        )
        self.outputs = build_outputs(request.outputs)
        if not (request.outputs or request.outputs_required or any(isinstance(output, VirtualCamera) for output in self.outputs)):
            self.outputs.append(VirtualCamera())  # none is there yet; one that is set up meanwhile is found by itself
        self.pipeline = Pipeline(
            self.camera,
            self._restorer_for,
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
        self.pipeline.mirror = request.mirror
        self.pipeline.pausing = request.pause

    def _restorer_for(self, size: Size) -> Restorer:
        self.engine = self.engine or select_engine(self.request.engine, precision=self.request.precision)
        self.restorer = Restorer(self.model, self.engine, size)
        return self.restorer


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
