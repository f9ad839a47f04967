"""Who holds a device file open."""

import contextlib
import os
from pathlib import Path


def holders(node: Path, proc: Path = Path("/proc")) -> list[str]:
    """Names the other programs that have a device open, as far as this user may see. Linux only, elsewhere empty.

    Args:
        node: the device's file, or a link to it.
        proc: where the kernel lists processes; looking through it may take tens of milliseconds.
    """
    wanted = os.path.realpath(node)
    names: set[str] = set()
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            if any(os.path.realpath(link) == wanted for link in (process / "fd").iterdir()):
                names.add(_name(process))
    return sorted(names)


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"process {process.name}"
