"""`doctor`: one line for each layer between the lens and the call, with the fix for what is missing."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from sharpen_core.capture.devices import list_cameras
from sharpen_core.engines.select import AUTOMATIC, default_threads, select_engine
from sharpen_core.errors import SharpenError
from sharpen_core.frame import Size
from sharpen_core.model_store import find_model, list_models
from sharpen_core.output.virtual_camera import virtual_camera_status
from sharpen_core.restorer import Restorer


class Level(StrEnum):
    """How bad a finding is."""

    GOOD = "ok"
    MISSING = "missing"
    BROKEN = "broken"


EXIT_CODES = {Level.GOOD: 0, Level.MISSING: 3, Level.BROKEN: 4}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one layer, and what to do about it."""

    layer: str
    level: Level
    state: str
    fix: str = ""


def print_findings(*, as_json: bool) -> int:
    """Prints every finding and returns the exit code: 0, 3 if something is missing, 4 if something is broken."""
    findings = [finding for check in CHECKS for finding in check()]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            print(f"{finding.level:8s} {finding.layer}: {finding.state}" + (f"\n{'':9s}→ {finding.fix}" if finding.fix else ""))
    return max(EXIT_CODES[finding.level] for finding in findings)


def _system() -> list[Finding]:
    cores = f"inference on {default_threads()} of {os.cpu_count()} cores"
    state = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores}"
    return [Finding("system", Level.GOOD, state)]


def _cameras() -> list[Finding]:
    cameras = list_cameras()
    if not cameras:
        return [Finding("camera", Level.MISSING, "none found", "Plug one in, or use the test picture: --camera test")]
    return [Finding("camera", Level.GOOD, f"{camera.name} ({camera.path})") for camera in cameras]


def _models() -> list[Finding]:
    found, damaged = list_models()
    findings = [Finding("model", Level.BROKEN, error.message, error.hint) for error in damaged]
    for model in found:
        try:
            for name in model.manifest.files:
                model.file(name)
        except SharpenError as error:
            findings.append(Finding("model", Level.BROKEN, error.message, error.hint))
        else:
            findings.append(Finding("model", Level.GOOD, f"{model.name}, {model.manifest.title}"))
    return findings or [Finding("model", Level.BROKEN, "none installed", "Install the program again.")]


def _engines() -> list[Finding]:
    """Tries each engine on a small picture with the default model: that it is installed does not mean that it works."""
    findings: list[Finding] = []
    for name in AUTOMATIC:
        try:
            restorer = Restorer(find_model(None), select_engine(name), Size(64, 64))
        except SharpenError as error:
            findings.append(Finding("engine", Level.BROKEN, f"{name}: {error.message}", error.hint))
        else:
            findings.append(Finding("engine", Level.GOOD, f"{name} ({restorer.precision})"))
    return findings


def _virtual_camera() -> list[Finding]:
    status = virtual_camera_status()
    if status.available:
        return [Finding("virtual camera", Level.GOOD, f"pick '{status.name_to_pick}' in the call")]
    return [Finding("virtual camera", Level.MISSING, f"{status.problem}; the preview and recordings work", status.install_hint)]


def _display() -> list[Finding]:
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return [Finding("display", Level.GOOD, "the window can open")]
    return [Finding("display", Level.MISSING, "no DISPLAY or WAYLAND_DISPLAY", "Without a screen use: sharpened-camera run")]


CHECKS: tuple[Callable[[], list[Finding]], ...] = (_system, _cameras, _engines, _models, _virtual_camera, _display)
