"""Our virtual camera: whether it is there, is as browsers want it, who feeds it, who watches it, and who else wants the module."""

from collections.abc import Iterable

from sharpen_core.errors import OutputError
from sharpen_core.output.driver import LABEL, find_driver
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import Finding, Kind, Level
from sharpened_camera.diagnosis.kernel_module import SETUP, look_at_module
from sharpened_camera.diagnosis.loopbacks import Device, list_loopbacks
from sharpened_camera.diagnosis.modprobe import MODULE, planned, read_options
from sharpened_camera.diagnosis.nodes import CAN_CAPTURE, CAN_OUTPUT
from sharpened_camera.diagnosis.openers import Opener, openers

LAYER = "virtual camera"

GOOD = Kind(LAYER, "camera-made", Level.GOOD, "'{label}' is {node} (number {number}, exclusive_caps {caps})")
NO_DEVICE = Kind(LAYER, "camera-not-made", Level.MISSING, "there is no virtual camera called '{label}'", SETUP)
NO_NODE = Kind(
    LAYER, "camera-no-node", Level.BROKEN, "'{label}' has no device file {node}", "in a container or sandbox, pass the device through"
)
TWICE = Kind(
    LAYER,
    "camera-twice",
    Level.NOTE,
    "{count} devices are called '{label}'; {node} is used",
    "calls list both: pick the first, or remove one",
)
VISIBLE_CAPS = Kind(
    LAYER, "camera-caps-off", Level.BROKEN, "{node} has exclusive_caps=0: Chrome, Chromium, Edge and Teams do not list it",
    f"{SETUP}, which sets exclusive_caps=1, and restart the computer",
)  # fmt: skip
LOCKED = Kind(
    LAYER, "camera-locked", Level.NOTE, "{node} takes no writer since its last one ended: a fault of v4l2loopback until 0.12.7 ({version})",
    "start Sharpened Camera, which unlocks it; for other programs upgrade v4l2loopback to 0.13 or later",
)  # fmt: skip
FREE = Kind(LAYER, "camera-idle", Level.GOOD, "nobody writes to {node} now")
FED = Kind(LAYER, "camera-fed", Level.GOOD, "Sharpened Camera writes to {node}")
TAKEN = Kind(
    LAYER, "camera-taken", Level.BROKEN, "another program writes to {node}: {who}", "close that program, or stop its virtual camera"
)
OPEN = Kind(LAYER, "camera-open", Level.NOTE, "{node} is open in {who}, while nobody writes to it")
WATCHED = Kind(LAYER, "camera-watched", Level.GOOD, "{node} is read by {who}")
NOT_AT_START = Kind(LAYER, "camera-not-kept", Level.NOTE, "'{label}' is not made when the computer starts", SETUP)
CONFLICT = Kind(
    LAYER, "options-conflict", Level.BROKEN, "the settings of v4l2loopback in {files} do not make '{label}' with exclusive_caps",
    f"{SETUP}, which asks for all of their devices and ours in one line and leaves those files as they are",
)  # fmt: skip
FOREIGN_OPTIONS = Kind(
    LAYER, "options-foreign", Level.NOTE, "{files} set up v4l2loopback for other cameras: loading it does not make '{label}'",
    f"{SETUP}, which asks for all of their devices and ours in one line and leaves those files as they are",
)  # fmt: skip
OTHERS = Kind(LAYER, "others", Level.NOTE, "virtual cameras of other programs, which are left alone: {devices}")
UNITY = Kind(LAYER, "unity-capture", Level.GOOD, "Unity Capture is registered as '{label}'")
OBS = Kind(LAYER, "obs", Level.GOOD, "OBS's camera is installed; calls show it as '{label}'")
NOT_ON_WINDOWS = Kind(
    LAYER,
    "windows-none",
    Level.MISSING,
    "this computer has no virtual camera",
    "run: sharpened-camera setup, or install OBS Studio 28 or later",
)
NOT_ON_MAC = Kind(
    LAYER, "mac-none", Level.MISSING, "this Mac has no virtual camera",
    "install OBS Studio 30 or later, start its virtual camera once, and allow it in System Settings",
)  # fmt: skip
UNKNOWN_SYSTEM = Kind(LAYER, "system-unknown", Level.MISSING, "no virtual camera is known for {system}", "record to a file instead")

KINDS = (
    GOOD, NO_DEVICE, NO_NODE, TWICE, VISIBLE_CAPS, LOCKED, FREE, FED, TAKEN, OPEN, WATCHED, NOT_AT_START, CONFLICT, FOREIGN_OPTIONS, OTHERS,
    UNITY, OBS, NOT_ON_WINDOWS, NOT_ON_MAC, UNKNOWN_SYSTEM,
)  # fmt: skip


def check(computer: Computer) -> list[Finding]:
    """What this layer finds."""
    return _on_linux(computer) if computer.name == "Linux" else [_elsewhere(computer)]


def _elsewhere(computer: Computer) -> Finding:
    try:
        driver = find_driver(LABEL, computer.system)
    except OutputError:
        kind = {"Windows": NOT_ON_WINDOWS, "Darwin": NOT_ON_MAC}.get(computer.name, UNKNOWN_SYSTEM)
        return kind.found(system=computer.name)
    return (UNITY if driver.backend == "unitycapture" else OBS).found(label=driver.name_to_pick)


def _on_linux(computer: Computer) -> list[Finding]:
    loopbacks = list_loopbacks(computer)
    ours = [device for device in loopbacks if device.label == LABEL]
    found = _device(computer, ours) if ours else [NO_DEVICE.found(label=LABEL)]
    found += _settings(computer, made=bool(ours))
    if others := [f"{device.label} ({device.node})" for device in loopbacks if device.label != LABEL]:
        found.append(OTHERS.found(devices=", ".join(others)))
    return found


def _device(computer: Computer, ours: list[Device]) -> list[Finding]:
    device = ours[0]
    if not computer.exists(device.node):
        return [NO_NODE.found(label=LABEL, node=device.node)]
    exclusive = _is_exclusive(computer, device)
    caps = {True: "1", False: "0", None: "unknown"}[exclusive]
    found = [GOOD.found(label=LABEL, node=device.node, number=device.number, caps=caps)]
    if exclusive is False:
        found = [VISIBLE_CAPS.found(node=device.node)]
    if len(ours) > 1:
        found.append(TWICE.found(count=len(ours), label=LABEL, node=device.node))
    return [*found, *_use(computer, device)]


def _is_exclusive(computer: Computer, device: Device) -> bool | None:
    """Whether the device has exclusive_caps=1: as the device says itself, else as the module was told; None if neither tells."""
    capabilities = computer.nodes.capabilities(computer.path(device.node))
    if capabilities is not None:
        return not (capabilities & CAN_CAPTURE and capabilities & CAN_OUTPUT)
    numbers = computer.text(f"/sys/module/{MODULE}/parameters/video_nr").split(",")
    flags = computer.text(f"/sys/module/{MODULE}/parameters/exclusive_caps").split(",")
    told = dict(zip(numbers, flags, strict=False)).get(str(device.number))
    return None if told is None else told == "Y"


def _use(computer: Computer, device: Device) -> list[Finding]:
    node, version = device.node, look_at_module(computer).version
    programs = [program for program in openers(computer, computer.path(node)) if not program.is_broker]
    capabilities = computer.nodes.capabilities(computer.path(node))
    if capabilities is not None and not capabilities & (CAN_CAPTURE | CAN_OUTPUT):
        return [LOCKED.found(node=node, version=version)]
    # Only while somebody writes does a device have a format.
    if not computer.text(f"{device.entry}/format"):
        return [OPEN.found(node=node, who=_names(programs)) if programs else FREE.found(node=node)]
    writers = _writers(programs)
    readers = [program for program in programs if program not in writers]
    if any(writer.is_ours for writer in writers):
        found = [FED.found(node=node)]
    elif writers or not readers:
        found = [TAKEN.found(node=node, who=_names(writers) or "one that this user may not see")]
    else:
        found = [TAKEN.found(node=node, who=f"one of {_names(readers)}")]
        readers = []
    return [*found, WATCHED.found(node=node, who=_names(readers))] if readers else found


def _writers(programs: list[Opener]) -> list[Opener]:
    """Who feeds the device: ourselves, or who opened it for writing alone, or else the only one that has it open."""
    certain = [program for program in programs if program.is_ours or program.only_writes]
    return certain or (programs if len(programs) == 1 else [])


def _settings(computer: Computer, *, made: bool) -> list[Finding]:
    options = read_options(computer)
    if options and not any(device.label == LABEL and device.exclusive for device in planned(options)):
        wanted = any(device.label == LABEL for line in options for device in planned([line]))
        files = " and ".join(dict.fromkeys(line.file for line in options))
        return [(CONFLICT if wanted else FOREIGN_OPTIONS).found(files=files, label=LABEL)]
    if made and not (options and is_loaded_at_start(computer)):
        return [NOT_AT_START.found(label=LABEL)]
    return []


def is_loaded_at_start(computer: Computer) -> bool:
    """Whether a file in modules-load.d, or /etc/modules, names v4l2loopback."""
    folders = ("/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d")
    files = ["/etc/modules", *(f"{folder}/{name}" for folder in folders for name in computer.names(folder) if name.endswith(".conf"))]
    return any(line.strip().split(" ")[0].replace("-", "_") == MODULE for file in files for line in computer.text(file).splitlines())


def _names(programs: Iterable[Opener]) -> str:
    return ", ".join(sorted({"Sharpened Camera" if program.is_ours else program.name for program in programs}))
