"""Whether programs can be reached through PipeWire, and under which name."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from sharpen_core.errors import OutputDriverMissing, OutputError
from sharpen_core.output.driver import LABEL, System
from sharpen_core.output.loopback import find_loopback
from sharpen_core.pipewire import library as pw
from sharpen_core.pipewire.connection import CLIENT, NODE, START_HINT, Connection
from sharpen_core.pipewire.daemon import answers

_SESSION_MANAGERS = ("WirePlumber", "pipewire-media-session")
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class PipeWireStatus:
    """Whether frames can reach programs through PipeWire.

    Attributes:
        available: its library is installed and its daemon runs.
        name_to_pick: what to pick in the call.
        problem: what is wrong, one line; empty when available.
        install_hint: what to install or run, one line; empty when available.
    """

    available: bool
    name_to_pick: str
    problem: str = ""
    install_hint: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the daemon tells about itself, for someone who looks for a fault.

    Attributes:
        daemon_version: such as "1.0.5".
        session_manager: which program links cameras to readers; None if none does, and then no picture arrives anywhere.
        cameras: names of the cameras in the graph, of all programs.
    """

    daemon_version: str
    session_manager: str | None
    cameras: tuple[str, ...]


def name_to_pick(label: str = LABEL, system: System | None = None) -> str:
    """The label, told apart where a loopback of ours shows in the same lists."""
    system = system or System()
    try:
        find_loopback(label, system.root)
    except OutputError:
        return label
    return f"{label} (PipeWire)"


def find_pipewire(label: str = LABEL, system: System | None = None, environment: Mapping[str, str] = os.environ) -> PipeWireStatus:
    """Looks for the library and knocks at the daemon's socket; takes milliseconds.

    Args:
        label: the name of our camera.
        system: where to look for a loopback of ours; this computer if not given.
        environment: where the daemon's socket is said to be.
    """
    system = system or System()
    name = name_to_pick(label, system)
    if system.name != "Linux" or platform.system() != "Linux":
        return PipeWireStatus(False, name, "PipeWire exists on Linux only", "use the virtual camera of this system")
    try:
        pw.library()
    except OutputDriverMissing as exc:
        return PipeWireStatus(False, name, exc.message, exc.hint)
    if not answers(environment):
        return PipeWireStatus(False, name, "PipeWire does not run for this user", START_HINT)
    return PipeWireStatus(True, name)


def look_around(timeout_s: float = _PATIENCE_S) -> Surroundings:
    """Asks the daemon what is there; takes some 10 ms.

    Raises:
        OutputDriverMissing: PipeWire is not installed or does not run.
        OutputError: the daemon does not answer.
    """
    with Connection() as connection:
        if not connection.wait_known(timeout_s):
            raise OutputError(f"PipeWire did not answer within {timeout_s:.0f} s", "run: systemctl --user restart pipewire wireplumber")
        known = connection.globals().values()
        clients = [one.properties.get("application.name", "") for one in known if one.kind == CLIENT]
        nodes = [one.properties for one in known if one.kind == NODE]
        cameras = [node for node in nodes if node.get("media.class") == "Video/Source"]
        return Surroundings(
            connection.daemon_version,
            next((name for name in _SESSION_MANAGERS if name in clients), None),
            tuple(node.get("node.description") or node.get("node.name", "") for node in cameras),
        )
