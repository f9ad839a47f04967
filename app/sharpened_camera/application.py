"""The composition root: the only place where cameras, models, engines and outputs are wired together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sharpen_core.capture.select import select_camera
from sharpen_core.engines.base import Engine
from sharpen_core.engines.select import select_engine
from sharpen_core.events import Event
from sharpen_core.frame import Size
from sharpen_core.model_store import Model, find_model
from sharpen_core.output.base import Output
from sharpen_core.output.file import FileRecorder
from sharpen_core.output.null import NullOutput
from sharpen_core.output.virtual_camera import VirtualCamera, virtual_camera_status
from sharpen_core.pipeline import Pipeline, PipelineOptions
from sharpen_core.restorer import Restorer


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a person asks for.

    Attributes:
        camera: name, number or path of a camera, a clip, or "test"; None takes the first camera, or the test picture.
        size: what the camera must deliver; None takes what it likes best.
        fps: wanted frames per second.
        outputs: "virtual", "none" or files, all of them; empty takes the virtual camera where there is one.
        outputs_required: whether the session ends when an output fails.
        model: name or folder; None takes the default.
        engine: "auto" or an engine's name.
        strength: 0 (untouched) to 1.
        mirror: whether the picture is flipped left to right.
        fastest: take every frame without pacing or dropping.
        frames, seconds: end after so many; None goes on, a clip taken as fast as possible ends with itself.
    """

    camera: str | None = None
    size: Size | None = None
    fps: float = 30.0
    outputs: tuple[str, ...] = ()
    outputs_required: bool = True
    model: str | None = None
    engine: str = "auto"
    strength: float = 1.0
    mirror: bool = False
    fastest: bool = False
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
        self.camera = select_camera(request.camera, request.size, request.fps, paced=not request.fastest, loop=endless)
        self.outputs = build_outputs(request.outputs)
        self.pipeline = Pipeline(
            self.camera,
            self._restorer_for,
            self.outputs,
            PipelineOptions(
                lossless=request.fastest,
                frame_limit=request.frames,
                seconds_limit=request.seconds,
                outputs_required=request.outputs_required,
            ),
            on_event,
        )
        self.pipeline.strength = request.strength
        self.pipeline.mirror = request.mirror

    def _restorer_for(self, size: Size) -> Restorer:
        self.engine = self.engine or select_engine(self.request.engine)
        self.restorer = Restorer(self.model, self.engine, size)
        return self.restorer


def build_outputs(names: tuple[str, ...]) -> list[Output]:
    """Returns the outputs of these names; by default the virtual camera if this system has one, else none."""
    if not names:
        return [VirtualCamera()] if virtual_camera_status().available else []
    return [_output(name) for name in dict.fromkeys(names)]


def _output(name: str) -> Output:
    if name == "virtual":
        return VirtualCamera()
    if name == "none":
        return NullOutput()
    return FileRecorder(Path(name))
