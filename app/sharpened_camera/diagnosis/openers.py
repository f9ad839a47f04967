"""Which programs have a device open, and whether one of them is this program."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from sharpened_camera.diagnosis.computer import Computer

# They open every camera to offer it to others; that alone takes nothing away.
_BROKERS = ("pipewire", "wireplumber", "pipewire-media-")
_OUR_COMMANDS = ("sharpened-camera", "sharpened_camera")


@dataclass(frozen=True, slots=True)
class Opener:
    """A process that has a device open.

    Attributes:
        pid: its number.
        name: of its program.
        is_ours: whether it is Sharpened Camera.
        only_writes: whether it opened the device for writing alone, so that it must be the one that feeds it.
    """

    pid: int
    name: str
    is_ours: bool
    only_writes: bool

    @property
    def is_broker(self) -> bool:
        """Whether it is PipeWire or its session manager."""
        return self.name.startswith(_BROKERS)


def openers(computer: Computer, node: Path) -> list[Opener]:
    """Who has a device open, as far as this user may see."""
    wanted = os.path.realpath(node)
    found: list[Opener] = []
    for process in computer.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            handles = [link.name for link in (process / "fd").iterdir() if os.path.realpath(link) == wanted]
            if handles:
                found.append(_opener(computer, process, handles))
    return found


def _opener(computer: Computer, process: Path, handles: list[str]) -> Opener:
    pid = int(process.name)
    command = computer.data(f"/proc/{pid}/cmdline").decode("utf-8", "replace").split("\0")
    modes = [_access_mode(computer.text(f"/proc/{pid}/fdinfo/{handle}")) for handle in handles]
    return Opener(
        pid,
        computer.text(f"/proc/{pid}/comm") or f"process {pid}",
        pid == computer.pid or any(Path(word).name in _OUR_COMMANDS for word in command[:3]),
        all(mode == os.O_WRONLY for mode in modes),
    )


def _access_mode(fdinfo: str) -> int | None:
    for line in fdinfo.splitlines():
        name, _, value = line.partition(":")
        if name == "flags":
            with contextlib.suppress(ValueError):
                return int(value, 8) & 3
    return None
