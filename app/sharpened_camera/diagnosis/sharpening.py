"""The models and the engines: each is really tried, since being installed does not mean that it works."""

from sharpen_core.engines.select import AUTOMATIC, select_engine
from sharpen_core.errors import ModelError, SharpenError
from sharpen_core.frame import Size
from sharpen_core.model_store import Model, find_family, list_models
from sharpen_core.restorer import Restorer
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import Finding, Kind, Level

ENGINE, MODEL = "engine", "model"
_TRIAL = Size(64, 64)

WORKS = Kind(ENGINE, "engine-good", Level.GOOD, "{name} ({precision})")
FAILS = Kind(ENGINE, "engine-failed", Level.BROKEN, "{name}: {problem}", "{hint}")
UNTRIED = Kind(
    ENGINE, "engine-untried", Level.NOTE, "{name} was not tried, because the model cannot be loaded", "see the line about the model"
)
WHOLE = Kind(MODEL, "model-good", Level.GOOD, "{name}, {title}")
DAMAGED = Kind(MODEL, "model-damaged", Level.BROKEN, "{problem}", "{hint}")
NONE = Kind(MODEL, "model-none", Level.BROKEN, "no model is installed", "install the program again")

KINDS = (WORKS, FAILS, UNTRIED, WHOLE, DAMAGED, NONE)


def check_engines(_: Computer) -> list[Finding]:
    """Sharpens nothing yet: loads the lightest model into each engine."""
    return [_engine(name) for name in AUTOMATIC]


def check_models(_: Computer) -> list[Finding]:
    """Reads every file of every model, and compares it with what the manifest promises."""
    found, damaged = list_models()
    findings = [DAMAGED.found(problem=error.message, hint=error.hint) for error in damaged]
    return [*findings, *map(_model, found)] or [NONE.found()]


def _engine(name: str) -> Finding:
    try:
        restorer = Restorer(find_family()[-1], select_engine(name, light=True), _TRIAL)
    except ModelError:
        return UNTRIED.found(name=name)
    except SharpenError as error:
        return FAILS.found(name=name, problem=error.message, hint=error.hint)
    return WORKS.found(name=name, precision=restorer.precision)


def _model(model: Model) -> Finding:
    try:
        for name in model.manifest.files:
            model.file(name)
    except SharpenError as error:
        return DAMAGED.found(problem=error.message, hint=error.hint)
    return WHOLE.found(name=model.name, title=model.manifest.title)
