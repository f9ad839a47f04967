"""Whether a PipeWire daemon runs for this user."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path


def answers(environment: Mapping[str, str] = os.environ) -> bool:
    """Knocks at the daemon's socket; takes milliseconds, and loads nothing."""
    return hasattr(socket, "AF_UNIX") and any(_answers(path) for path in _sockets(environment))


def _sockets(environment: Mapping[str, str]) -> list[Path]:
    """Where libpipewire would look, in its order."""
    remote = Path(environment.get("PIPEWIRE_REMOTE") or "pipewire-0")
    folders = [environment[key] for key in ("PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR") if environment.get(key)]
    return [Path(folder) / remote for folder in folders[:1]] or ([remote] if remote.is_absolute() else [])


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        try:
            knocking.connect(str(path))
        except OSError:
            return False
    return True
