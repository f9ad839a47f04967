"""The files that `setup` writes, and how it knows them again.

The first line of each carries the sha256 of the rest. So `--undo` can tell what it wrote from what a person has changed since, and
leaves the latter alone.
"""

import hashlib
import re
from enum import Enum

from sharpen_core.output.driver import LABEL
from sharpened_camera.diagnosis.modprobe import MODULE, Planned

MODULES_LOAD = "/etc/modules-load.d/sharpened-camera.conf"
UDEV = "/etc/udev/rules.d/70-sharpened-camera.rules"  # before 73-seat-late.rules, which acts on uaccess
MODPROBE = "/etc/modprobe.d/sharpened-camera.conf"
MODPROBE_LAST = "/etc/modprobe.d/zz-sharpened-camera.conf"  # where another file would have the last word
FILES = (MODULES_LOAD, UDEV, MODPROBE, MODPROBE_LAST)

_HEADER = '# Written by "sharpened-camera setup" as sha256 {}; "sharpened-camera setup --undo" removes it.'
_KNOWN = re.compile(r'# Written by "sharpened-camera setup" as sha256 ([0-9a-f]{64});')


class Author(Enum):
    """Who wrote a file."""

    NOBODY = "nobody"
    SETUP = "setup"
    EDITED = "setup, and a person has changed it since"
    OTHER = "somebody else"


def signed(body: str) -> str:
    """A file's text with our header in front."""
    return f"{_HEADER.format(_hash(body))}\n{body}"


def author_of(text: str | None) -> Author:
    """Who wrote a file of this text; None where there is no file."""
    if text is None:
        return Author.NOBODY
    header, _, body = text.partition("\n")
    known = _KNOWN.match(header)
    if not known:
        return Author.OTHER
    return Author.SETUP if _hash(body) == known[1] else Author.EDITED


def modules_load() -> str:
    """Has the module loaded when the computer starts."""
    return signed(f"{MODULE}\n")


def udev_rule() -> str:
    """Lets who sits at the screen use our camera, without a group."""
    return signed(f'SUBSYSTEM=="video4linux", KERNEL=="video[0-9]*", ATTR{{name}}=="{LABEL}", TAG+="uaccess"\n')


def modprobe_options(devices: list[Planned]) -> str:
    """Asks for these devices. v4l2loopback takes one list for each property, and `modprobe` the last of several lines."""
    numbers = ",".join(str(device.number) for device in devices)
    labels = ",".join(device.label for device in devices)
    flags = ",".join("1" if device.exclusive else "0" for device in devices)
    line = f'options {MODULE} devices={len(devices)} video_nr={numbers} card_label="{labels}" exclusive_caps={flags}\n'
    return signed(line)


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
