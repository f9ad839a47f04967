"""Looks at every layer and tells what it found."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial

from sharpen_core.engines.select import default_threads
from sharpened_camera.diagnosis import (
    browsers,
    camera,
    kernel_module,
    name_to_pick,
    pipewire,
    rights,
    sharpening,
    surroundings,
    virtual_camera,
)
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import EXIT_CODES, Finding, Kind, Level, worst

log = logging.getLogger(__name__)

FORMAT = 1
"""Of the JSON: grows when a field changes its meaning; new fields and new codes may come without that."""

UNREADABLE = Kind(
    "{layer}", "layer-failed", Level.BROKEN, "it could not be looked at: {problem}", "run it again with SHARPENED_CAMERA_LOG=debug"
)

Check = Callable[[Computer], list[Finding]]

LAYERS: dict[str, Check] = {
    "system": surroundings.check,
    "camera": camera.check,
    "rights": rights.check,
    "kernel module": kernel_module.check,
    "virtual camera": virtual_camera.check,
    "PipeWire": pipewire.check,
    "engine": sharpening.check_engines,
    "model": sharpening.check_models,
}
"""In the order of the lines. Browsers and the name to pick come after them: they follow from the others."""

KINDS: tuple[Kind, ...] = (
    *surroundings.KINDS, *camera.KINDS, *rights.KINDS, *kernel_module.KINDS, *virtual_camera.KINDS, *pipewire.KINDS,
    *browsers.KINDS, *sharpening.KINDS, *name_to_pick.KINDS,
)  # fmt: skip
"""Everything that can be said of a layer."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in all layers.

    Attributes:
        name_to_pick: what to pick in the call, now or after following the fixes.
        findings: in the order of the layers.
    """

    name_to_pick: str
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst of all."""
        return worst(self.findings)

    @property
    def exit_code(self) -> int:
        """0, 3 if something is missing, 4 if something is broken."""
        return EXIT_CODES[self.level]

    def as_text(self) -> str:
        """A line for each finding, and one for its fix."""
        lines: list[str] = []
        for finding in self.findings:
            lines.append(f"{finding.level:8s} {finding.layer}: {finding.state}")
            lines += [f"{'':9s}→ {finding.fix}"] if finding.fix else []
        return "\n".join(lines)

    def as_json(self) -> str:
        """The same for programs; see `FORMAT`."""
        findings = [asdict(finding) for finding in self.findings]
        whole = {"format": FORMAT, "level": self.level, "exit_code": self.exit_code, "name_to_pick": self.name_to_pick}
        return json.dumps(whole | {"findings": findings}, ensure_ascii=False)


def diagnose(computer: Computer | None = None) -> Report:
    """Looks at everything at once; takes about as long as measuring a camera, and never raises."""
    computer = computer or Computer()
    # With one core to share, loading the engines would keep the camera's frames from being counted.
    at_once = len(LAYERS) if default_threads() > 1 else 1
    with ThreadPoolExecutor(at_once, "diagnosis") as pool:
        asked = [pool.submit(_look, layer, check, computer) for layer, check in LAYERS.items()]
        findings = [finding for question in asked for finding in question.result()]
    findings += _look("name to pick", partial(name_to_pick.check, findings=tuple(findings)), computer)
    return Report(name_to_pick.name(computer), tuple(findings))


def _look(layer: str, check: Check, computer: Computer) -> list[Finding]:
    try:
        return check(computer)
    except Exception as error:  # whatever a layer stumbles over, the others are still told
        log.exception("cannot look at: %s", layer)
        found = UNREADABLE.found(layer=layer, problem=repr(error))
        return [Finding(layer, found.code, found.level, found.state, found.fix)]
