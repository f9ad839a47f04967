"""Who holds a device file open."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def holders(node: Path, proc: Path = Path("/proc")) -> list[str]:
    """Names the other programs that have a device open, as far as this user may see. Linux only, elsewhere empty.

    Args:
        node: the device's file, or a link to it.
        proc: where the kernel lists processes; looking through it may take tens of milliseconds.
    """
    return sorted({_name(process) for process in _openings(node, proc)})


def open_files(node: Path, proc: Path = Path("/proc")) -> int:
    """How many times other programs have a device open, as far as this user may see; the arguments are those of `holders`."""
    return sum(1 for _ in _openings(node, proc))


def _openings(node: Path, proc: Path) -> Iterator[Path]:
    """The process of each opening; one that has it open twice comes twice."""
    wanted = os.path.realpath(node)
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            for link in os.scandir(process / "fd"):
                if os.readlink(link) == wanted:  # noqa: PTH115  (thousands of them; the kernel gives the real path)
                    yield process


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"process {process.name}"
