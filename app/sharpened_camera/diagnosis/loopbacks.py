"""The loopback devices of this computer."""

import contextlib
import os
from dataclasses import dataclass

from sharpen_core.output.driver import LABEL
from sharpened_camera.diagnosis.computer import Computer

_CLASS = "/sys/class/video4linux"


@dataclass(frozen=True, slots=True)
class Device:
    """A loopback device.

    Attributes:
        label: the name that apps show.
        number: of its node.
    """

    label: str
    number: int

    @property
    def node(self) -> str:
        """Its device file."""
        return f"/dev/video{self.number}"

    @property
    def entry(self) -> str:
        """Its folder in sysfs."""
        return f"{_CLASS}/video{self.number}"


def list_loopbacks(computer: Computer) -> list[Device]:
    """Every loopback device, ours and others', lowest number first. A device with our label counts whatever makes it."""
    found: list[Device] = []
    for name in computer.names(_CLASS):
        with contextlib.suppress(ValueError):
            device = Device(computer.text(f"{_CLASS}/{name}/name"), int(name.removeprefix("video")))
            if name.startswith("video") and (device.label == LABEL or _is_loopback(computer, device)):
                found.append(device)
    return sorted(found, key=lambda device: device.number)


def _is_loopback(computer: Computer, device: Device) -> bool:
    """v4l2loopback's devices have no hardware behind them, and a file `max_openers`."""
    return computer.exists(f"{device.entry}/max_openers") or "/devices/virtual/" in os.path.realpath(computer.path(device.entry))
