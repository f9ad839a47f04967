"""The cameras: whether they are there, may be opened, are free, and what they really deliver."""

import time
from functools import partial
from pathlib import Path

from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import CameraDevice
from sharpen_core.engines.select import default_threads
from sharpen_core.errors import CameraError
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import Finding, Kind, Level
from sharpened_camera.diagnosis.nodes import Rate
from sharpened_camera.diagnosis.openers import openers
from sharpened_camera.diagnosis.question import Question

LAYER = "camera"
MEASURE_S = 1.0
PATIENCE_S = (
    2.0 if default_threads() > 1 else 8.0
)  # for starting the camera and measuring it; with several cores the whole doctor takes less than 3 s
_OFFERS_S = 0.2  # after the measurement, during which it was asked
_SLOW = 0.7  # of the rate that the camera promises
_USB_VIDEO = "0e"

NONE = Kind(
    LAYER, "camera-none", Level.MISSING, "no camera is connected", "plug one in; until then the test picture takes its place: --camera test"
)
NO_DRIVER = Kind(LAYER, "camera-no-driver", Level.BROKEN, "'{name}' is plugged in, but has no driver", "run: sudo modprobe uvcvideo")
NOT_PASSED = Kind(
    LAYER, "camera-not-passed", Level.BROKEN, "'{name}' has no device file {node}", "in a container or sandbox, pass the device through"
)
DENIED = Kind(
    LAYER,
    "camera-denied",
    Level.BROKEN,
    "this user may not open '{name}' ({path})",
    "see the line about rights, or pass the device through",
)
BUSY = Kind(
    LAYER,
    "camera-busy",
    Level.BROKEN,
    "'{name}' ({path}) is used by {who}",
    "close that program's camera; calls should use Sharpened Camera",
)
OWN = Kind(LAYER, "camera-own", Level.GOOD, "'{name}' ({path}) is used by Sharpened Camera")
HELD = Kind(LAYER, "camera-held", Level.NOTE, "'{name}' ({path}) is open in {who}, which takes no pictures; so it was not measured")
LISTED = Kind(LAYER, "camera-listed", Level.GOOD, "'{name}' is connected")
MEASURED = Kind(LAYER, "camera-good", Level.GOOD, "'{name}' ({path}) delivers {size} {format}, measured {fps} frames a second; {offers}")
SLOW = Kind(
    LAYER, "camera-slow", Level.NOTE, "'{name}' ({path}) delivers {size} {format}, measured only {fps} of {promised} frames a second",
    "more light helps, since cameras expose longer in the dark; so does another USB port, or a smaller size",
)  # fmt: skip
SILENT = Kind(LAYER, "camera-silent", Level.BROKEN, "'{name}' ({path}) gives no picture: {problem}", "{hint}")
LATE = Kind(
    LAYER,
    "camera-late",
    Level.NOTE,
    "'{name}' ({path}) started too slowly to be measured",
    "start Sharpened Camera to see its picture",
)

KINDS = (NONE, NO_DRIVER, NOT_PASSED, DENIED, BUSY, OWN, HELD, LISTED, MEASURED, SLOW, SILENT, LATE)


def check(computer: Computer, patience_s: float = PATIENCE_S) -> list[Finding]:
    """What this layer finds. Free cameras are switched on for a second, all at once."""
    cameras = [camera for camera in computer.cameras() if not camera.is_virtual]
    give_up_s = time.monotonic() + patience_s
    looking = [Question(lambda camera=camera: _camera(computer, camera)) for camera in cameras]
    found = [
        look.result(give_up_s) or LATE.found(name=camera.name, path=camera.path) for look, camera in zip(looking, cameras, strict=True)
    ]
    found += [NO_DRIVER.found(name=name) for name in _without_driver(computer)]
    found += [NOT_PASSED.found(name=name, node=node) for name, node in _without_node(computer)]
    return found or [NONE.found()]


def _camera(computer: Computer, camera: CameraDevice) -> Finding:
    if computer.name != "Linux" or not camera.path.startswith("/dev/"):
        return LISTED.found(name=camera.name)
    node = computer.path(camera.path)
    facts = {"name": camera.name, "path": camera.path}
    if not computer.nodes.may_open(node):
        return DENIED.found(**facts)
    programs = [program for program in openers(computer, node) if not program.is_broker]
    who = ", ".join(sorted({program.name for program in programs}))
    if computer.nodes.is_streaming(node):
        own = any(program.is_ours for program in programs)
        return OWN.found(**facts) if own else BUSY.found(**facts, who=who or "a program of another user")
    if programs:
        return HELD.found(**facts, who=who)  # a call that is about to begin must find it free
    offers = Question(partial(computer.nodes.formats, camera))
    try:
        rate = computer.nodes.measure(camera, MEASURE_S)
    except CameraError as error:
        return SILENT.found(**facts, problem=error.message, hint=error.hint)
    return _rated(camera, rate, offers.result(time.monotonic() + _OFFERS_S) or [])


def _rated(camera: CameraDevice, rate: Rate, offers: list[CameraFormat]) -> Finding:
    sizes = list(dict.fromkeys(f"{offer.size} {offer.pixel_format}" for offer in offers))
    kind = SLOW if rate.fps < _SLOW * rate.format.fps else MEASURED
    return kind.found(
        name=camera.name,
        path=camera.path,
        size=rate.format.size,
        format=rate.format.pixel_format,
        fps=f"{rate.fps:.1f}",
        promised=f"{rate.format.fps:.4g}",
        offers=f"it offers {', '.join(sizes[:6])}{' and more' if len(sizes) > 6 else ''}"
        if sizes
        else "it does not tell what else it offers",
    )


def _without_driver(computer: Computer) -> list[str]:
    """USB devices that say they are cameras and that no driver has taken."""
    found: set[str] = set()
    for interface in computer.glob("/sys/bus/usb/devices/*:*"):
        if computer.text(_below(computer, interface / "bInterfaceClass")) == _USB_VIDEO and not computer.exists(
            _below(computer, interface / "driver")
        ):
            found.add(computer.text(f"/sys/bus/usb/devices/{interface.name.split(':')[0]}/product") or "a USB camera")
    return sorted(found)


def _without_node(computer: Computer) -> list[tuple[str, str]]:
    """Cameras that the kernel has and that have no device file here: each once, by the first of its nodes."""
    found: list[tuple[str, str]] = []
    for entry in computer.names("/sys/class/video4linux"):
        folder = f"/sys/class/video4linux/{entry}"
        has_hardware, is_first = computer.exists(f"{folder}/device"), computer.text(f"{folder}/index") in ("", "0")
        if entry.startswith("video") and has_hardware and is_first and not computer.exists(f"/dev/{entry}"):
            found.append((computer.text(f"{folder}/name") or entry, f"/dev/{entry}"))
    return found


def _below(computer: Computer, path: Path) -> str:
    return f"/{path.relative_to(computer.root)}"
