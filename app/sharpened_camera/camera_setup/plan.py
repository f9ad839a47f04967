"""What `setup` and `setup --undo` will do on Linux. Only reads."""

import hashlib
from dataclasses import dataclass
from enum import Enum

from sharpen_core.output.driver import LABEL
from sharpened_camera.camera_setup.errors import Conflict, SetupError
from sharpened_camera.camera_setup.files import (
    FILES,
    MODPROBE,
    MODPROBE_LAST,
    MODULES_LOAD,
    UDEV,
    Author,
    author_of,
    modprobe_options,
    modules_load,
    udev_rule,
)
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.kernel_module import check as check_module
from sharpened_camera.diagnosis.kernel_module import look_at_module
from sharpened_camera.diagnosis.loopbacks import Device, list_loopbacks
from sharpened_camera.diagnosis.modprobe import COMMAND_LINE, MOST_DEVICES, Options, Planned, basename, blacklisting, planned, read_options
from sharpened_camera.diagnosis.nodes import CAN_CAPTURE, CAN_OUTPUT
from sharpened_camera.diagnosis.openers import openers

USUAL_NUMBER = 42  # high, so that a real camera plugged in later does not take it
HIGHEST_NUMBER = 255  # of the video devices of Linux


class Now(Enum):
    """What happens to the module at once."""

    NOTHING = "nothing: the camera is there"
    LOAD = "load v4l2loopback"
    RELOAD = "load v4l2loopback again with these settings (it has no other camera, and nobody uses ours)"
    ADD = "add the camera to those that v4l2loopback has"
    UNLOAD = "unload v4l2loopback (it has no other camera, and nobody uses ours)"
    DELETE = "take the camera away from v4l2loopback"
    WAIT = "nothing: it takes effect when the computer starts again"


@dataclass(frozen=True, slots=True)
class Change:
    """A file to write, or to remove.

    Attributes:
        path: absolute.
        text: what it will contain; None removes it.
        before: sha256 of what it must contain now; None if it must not exist. Checked again as root.
    """

    path: str
    text: str | None
    before: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        changes: of files, in this order.
        now: what happens to the module.
        number: of our device.
        remarks: what a person should know before agreeing, one line each.
    """

    changes: tuple[Change, ...]
    now: Now
    number: int
    remarks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing needs root."""
        return not self.changes and self.now in (Now.NOTHING, Now.WAIT)


def plan_setup(computer: Computer, number: int | None = None) -> Plan:
    """Plans to make the camera.

    Args:
        computer: this computer.
        number: which /dev/video* it shall be; None keeps the one that it has, or takes 42 or the next one that is free.

    Raises:
        SetupError: v4l2loopback is not there; the hint is how to get it.
        Conflict: another program's settings or device are in the way.
    """
    _need_module(computer)
    number = _choose_number(computer, number)
    foreign = _foreign_options(computer)
    devices = _devices(foreign, number)
    remarks: list[str] = []
    wanted: dict[str, str | None] = {MODULES_LOAD: modules_load(), UDEV: udev_rule()}
    if foreign and Planned(number, LABEL, exclusive=True) in planned(foreign):
        wanted |= {MODPROBE: None, MODPROBE_LAST: None}
        remarks.append(f"{foreign[-1].file} asks for this camera already")
    else:
        place = _place(computer, foreign)
        wanted |= {MODPROBE: None, MODPROBE_LAST: None, place: modprobe_options(devices)}
        remarks += _merge_remarks(foreign, devices)
    changes, left = _changes(computer, wanted)
    return Plan(changes, _now(computer, number, devices), number, (*remarks, *left))


def plan_undo(computer: Computer) -> Plan:
    """Plans to remove what `setup` wrote, and nothing else."""
    changes, left = _changes(computer, dict.fromkeys(FILES))
    ours = [device for device in list_loopbacks(computer) if device.label == LABEL]
    number = ours[0].number if ours else USUAL_NUMBER
    if not changes or not ours:
        return Plan(changes, Now.NOTHING, number, left)
    if _is_free(computer, ours[0]):
        if _only_ours(computer):
            return Plan(changes, Now.UNLOAD, number, left)
        if _can_change_devices(computer):
            return Plan(changes, Now.DELETE, number, left)
    return Plan(changes, Now.WAIT, number, left)


def _need_module(computer: Computer) -> None:
    module = look_at_module(computer)
    if file := blacklisting(computer):
        raise Conflict(f"{file} keeps v4l2loopback from being loaded", f"take that line out of {file}, then run setup again")
    if not module.is_loaded and not module.file:
        finding = check_module(computer)[0]
        raise SetupError(finding.state, finding.fix.removesuffix("; then run: sharpened-camera setup"))


def _choose_number(computer: Computer, wanted: int | None) -> int:
    ours = [device.number for device in list_loopbacks(computer) if device.label == LABEL]
    if wanted is None:
        # Ours as it is now, else as it is asked for, else the usual one or the next.
        asked = [device.number for device in planned(read_options(computer)) if device.label == LABEL and device.number >= 0]
        taken = _taken_numbers(computer)
        free = (number for number in range(USUAL_NUMBER, HIGHEST_NUMBER + 1) if number not in taken)
        return next(iter([*ours, *(number for number in asked if number not in taken), *free]))
    if wanted in _taken_numbers(computer) and wanted not in ours:
        name = computer.text(f"/sys/class/video4linux/video{wanted}/name") or "another camera"
        raise Conflict(f"/dev/video{wanted} belongs to '{name}'", f"choose another number, such as: --number {wanted + 1}")
    return wanted


def _taken_numbers(computer: Computer) -> set[int]:
    """Numbers of devices that are not ours, and of those that others ask for."""
    names = [name.removeprefix("video") for name in computer.names("/sys/class/video4linux") if name.startswith("video")]
    there = {int(name) for name in names if name.isdigit()}
    ours = {device.number for device in list_loopbacks(computer) if device.label == LABEL}
    foreign = _foreign_options(computer)
    asked = {device.number for device in planned(foreign) if foreign and device.label != LABEL}
    return (there - ours) | asked


def _foreign_options(computer: Computer) -> list[Options]:
    """The lines that others wrote; a file of ours that a person has changed is theirs."""
    return [line for line in read_options(computer) if author_of(_text(computer, line.file)) is not Author.SETUP]


def _devices(foreign: list[Options], number: int) -> list[Planned]:
    """Everybody's devices: theirs as they are, ours in its place or after them.

    Raises:
        Conflict: they cannot be written in one line.
    """
    ours = Planned(number, LABEL, exclusive=True)
    if not foreign:
        return [ours]
    theirs = planned(foreign)
    places = [place for place, device in enumerate(theirs) if device.label == LABEL]
    devices = [ours if place == places[0] else device for place, device in enumerate(theirs)] if places else [*theirs, ours]
    if len(devices) > MOST_DEVICES:
        raise Conflict(
            f"v4l2loopback makes {MOST_DEVICES} cameras at most, and {foreign[-1].file} asks for them all", "ask for fewer there"
        )
    strange = [device.label for device in devices if not device.label.isprintable() or set(device.label) & set("\"'\\$`")]
    if strange:
        raise Conflict(f"the name {strange[0]!r} in {foreign[-1].file} cannot be kept beside ours", "choose a plain name there")
    return devices


def _place(computer: Computer, foreign: list[Options]) -> str:
    """The file for our line: it must come after everybody else's, since the last one counts.

    Raises:
        Conflict: there is no such place.
    """
    if any(line.file == COMMAND_LINE for line in foreign):
        raise Conflict("the kernel's command line sets up v4l2loopback, and it has the last word", "take v4l2loopback.* out of it")
    last = max((basename(line.file) for line in foreign), default="")
    for place in (MODPROBE, MODPROBE_LAST):
        if basename(place) > last and author_of(_text(computer, place)) in (Author.NOBODY, Author.SETUP):
            return place
    raise Conflict(f"{foreign[-1].file} has the last word on v4l2loopback", f"rename it, so that it comes before {MODPROBE_LAST}")


def _merge_remarks(foreign: list[Options], devices: list[Planned]) -> list[str]:
    if not foreign:
        return []
    files = " and ".join(dict.fromkeys(line.file for line in foreign))
    names = ", ".join(f"'{device.label or 'without a name'}'" for device in devices)
    return [
        f"{files} sets up v4l2loopback too, and of two such lines only the last one counts",
        f"so ours asks for all cameras, theirs as they are now: {names}. {files} stays as it is; after changing it, run setup again",
    ]


def _changes(computer: Computer, wanted: dict[str, str | None]) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The changes that lead there, and what is left alone because a person wrote it."""
    changes: list[Change] = []
    left: list[str] = []
    for path, text in wanted.items():
        now = _text(computer, path)
        author = author_of(now)
        if author in (Author.EDITED, Author.OTHER):
            left.append(f"{path} stays as it is: it was written by {author.value}")
        elif now != text:
            changes.append(Change(path, text, None if now is None else hashlib.sha256(now.encode()).hexdigest()))
    return tuple(changes), tuple(left)


def _now(computer: Computer, number: int, devices: list[Planned]) -> Now:
    if not look_at_module(computer).is_loaded:
        return Now.LOAD
    ours = [device for device in list_loopbacks(computer) if device.label == LABEL]
    if ours and ours[0].number == number and _is_exclusive(computer, ours[0]):
        return Now.NOTHING
    if not ours and _can_change_devices(computer) and len(list_loopbacks(computer)) < MOST_DEVICES:
        return Now.ADD
    if _only_ours(computer) and all(_is_free(computer, device) for device in ours) and len(devices) == 1:
        return Now.RELOAD
    return Now.WAIT


def _is_exclusive(computer: Computer, device: Device) -> bool:
    capabilities = computer.nodes.capabilities(computer.path(device.node))
    return capabilities is None or not (capabilities & CAN_CAPTURE and capabilities & CAN_OUTPUT)


def _only_ours(computer: Computer) -> bool:
    return all(device.label == LABEL for device in list_loopbacks(computer))


def _is_free(computer: Computer, device: Device) -> bool:
    return not openers(computer, computer.path(device.node))


def _can_change_devices(computer: Computer) -> bool:
    """Whether the module, since 0.13, and its tool can add and delete single devices."""
    return computer.exists("/dev/v4l2loopback") and computer.which("v4l2loopback-ctl") is not None


def _text(computer: Computer, path: str) -> str | None:
    if not computer.exists(path) and not computer.path(path).is_symlink():
        return None
    return computer.data(path).decode("utf-8", "replace")
