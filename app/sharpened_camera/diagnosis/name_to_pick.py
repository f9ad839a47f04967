"""What all layers come to: the name to pick in the call."""

from collections.abc import Sequence

from sharpen_core.output.driver import LABEL, OBS_NAME
from sharpened_camera.diagnosis import browsers, pipewire, virtual_camera
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import Finding, Kind, Level
from sharpened_camera.diagnosis.kernel_module import SETUP

LAYER = "name to pick"

GOOD = Kind(LAYER, "name-good", Level.GOOD, "pick '{name}' in the call")
PIPEWIRE_ONLY = Kind(
    LAYER, "name-pipewire", Level.NOTE, "pick '{name}' in browsers that read cameras through PipeWire; Zoom and others do not see it",
    f"for every program {SETUP}",
)  # fmt: skip
UNSEEN = Kind(
    LAYER,
    "name-unseen",
    Level.MISSING,
    "'{name}' can be published through PipeWire, but without the camera portal no browser gets it",
    SETUP,
)
NONE = Kind(LAYER, "name-none", Level.MISSING, "others cannot see you yet; the preview and recordings work. Later pick '{name}'", "{fix}")

KINDS = (GOOD, PIPEWIRE_ONLY, UNSEEN, NONE)

_MADE = {kind.code for kind in (virtual_camera.GOOD, virtual_camera.VISIBLE_CAPS, virtual_camera.UNITY, virtual_camera.OBS)}


def has_loopback(findings: Sequence[Finding]) -> bool:
    """Whether these findings say that there is a virtual camera."""
    return any(finding.code in _MADE for finding in findings)


def has_pipewire(findings: Sequence[Finding]) -> bool:
    """Whether these findings say that the camera can be published through PipeWire."""
    codes = {finding.code for finding in findings}
    return pipewire.GOOD.code in codes and pipewire.NO_SESSION.code not in codes


def name(computer: Computer) -> str:
    """What to pick in the call, now or after following the fixes."""
    if computer.name == "Linux":
        return LABEL
    registered = computer.name == "Windows" and any(finding.code == virtual_camera.UNITY.code for finding in virtual_camera.check(computer))
    return LABEL if registered else OBS_NAME


def check(computer: Computer, findings: Sequence[Finding]) -> list[Finding]:
    """What this layer finds, from what the others found; the browsers' settings matter only where they must look elsewhere."""
    loopback, pipes = has_loopback(findings), has_pipewire(findings)
    found = browsers.check(computer, has_loopback=loopback, has_pipewire=pipes)
    if loopback:
        return [*found, GOOD.found(name=name(computer))]
    if pipes:
        portal = any(finding.code == pipewire.PORTAL.code for finding in findings)
        return [*found, (PIPEWIRE_ONLY if portal else UNSEEN).found(name=name(computer))]
    fixes = [finding.fix for finding in findings if finding.layer == virtual_camera.LAYER and finding.fix]
    return [*found, NONE.found(name=name(computer), fix=fixes[0] if fixes else SETUP)]
