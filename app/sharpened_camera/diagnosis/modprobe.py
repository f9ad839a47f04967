"""What the settings in modprobe.d make of v4l2loopback when it is loaded.

modprobe joins all `options` lines of a module, in the order of their files' names, whatever folder they are in; a file hides those of
the same name in later folders; what the kernel's command line says comes last. Of a parameter that is given twice the kernel takes the
last value, a list as a whole: so two programs that each ask for a device of their own do not get two devices (modprobe.d(5)).
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from sharpened_camera.diagnosis.computer import Computer

MODULE = "v4l2loopback"
FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
COMMAND_LINE = "/proc/cmdline"
MOST_DEVICES = 8  # v4l2loopback's MAX_DEVICES

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Options:
    """An `options v4l2loopback` line.

    Attributes:
        file: where it is written; `COMMAND_LINE` for the kernel's.
        parameters: names and values, as written, without quotes.
    """

    file: str
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Planned:
    """A device that v4l2loopback will make when it is loaded.

    Attributes:
        number: of /dev/video*; -1 leaves it to the kernel.
        label: its name; empty leaves it to the module.
        exclusive: whether it has exclusive_caps.
    """

    number: int
    label: str
    exclusive: bool


def read_options(computer: Computer) -> list[Options]:
    """Every `options v4l2loopback` line, in the order in which they apply."""
    found = [
        Options(file, _parameters(words[2:]))
        for file in _files(computer)
        for words in _lines(computer, file)
        if len(words) > 2 and words[0] == "options" and words[1].replace("-", "_") == MODULE
    ]
    given = _parameters([word.removeprefix(f"{MODULE}.") for word in _split(computer.text(COMMAND_LINE)) if word.startswith(f"{MODULE}.")])
    return [*found, Options(COMMAND_LINE, given)] if given else found


def blacklisting(computer: Computer) -> str | None:
    """The file that keeps v4l2loopback from being loaded when the computer starts; None if there is none."""
    for file in _files(computer):
        for words in _lines(computer, file):
            if [word.replace("-", "_") for word in words[:2]] in (["blacklist", MODULE], ["install", MODULE]):
                return file
    return None


def planned(options: list[Options]) -> list[Planned]:
    """The devices that v4l2loopback makes of these lines."""
    values = dict(parameter for line in options for parameter in line.parameters)
    numbers = [_number(text) for text in values.get("video_nr", "").split(",") if text]
    labels = values["card_label"].split(",") if values.get("card_label") else []
    exclusive = [text.strip().lower() in ("1", "y", "yes", "on", "true") for text in values.get("exclusive_caps", "").split(",")]
    count = _number(values.get("devices", "-1"))
    if count < 0:
        count = max((place + 1 for place, number in enumerate(numbers) if number >= 0), default=1)
    return [
        Planned(
            numbers[place] if place < len(numbers) else -1,
            labels[place] if place < len(labels) else "",
            exclusive[place] if place < len(exclusive) else False,
        )
        for place in range(min(count, MOST_DEVICES))
    ]


def _files(computer: Computer) -> list[str]:
    by_name: dict[str, str] = {}
    for folder in FOLDERS:
        for name in computer.names(folder):
            if name.endswith(".conf"):
                by_name.setdefault(name, f"{folder}/{name}")
    return [by_name[name] for name in sorted(by_name)]


def _lines(computer: Computer, file: str) -> list[list[str]]:
    text = re.sub(r"\\\n", " ", computer.text(file))
    return [_split(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line, posix=True)
    except ValueError:  # a quote without its end
        return line.replace('"', "").split()


def _parameters(words: list[str]) -> Parameters:
    pairs = [word.split("=", 1) for word in words]
    return tuple((name.replace("-", "_"), value) for name, value in (pair for pair in pairs if len(pair) == 2))


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return -1


def basename(file: str) -> str:
    """A file's name without its folder: what decides about its place in the order."""
    return Path(file).name
