"""PipeWire: whether the camera can be published there, and whether browsers can ask for it through the camera portal."""

import time

from sharpen_core.errors import OutputDriverMissing, OutputError
from sharpen_core.output.driver import LABEL
from sharpen_core.output.pipewire.status import name_to_pick
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.distribution import commands
from sharpened_camera.diagnosis.finding import Finding, Kind, Level
from sharpened_camera.diagnosis.question import Question

LAYER = "PipeWire"
_PATIENCE_S = 1.2

GOOD = Kind(LAYER, "pipewire-good", Level.GOOD, "PipeWire {version} answers; '{name}' is published there without root")
ABSENT = Kind(
    LAYER, "pipewire-absent", Level.NOTE, "PipeWire does not run for this user",
    "nothing has to be done where there is a virtual camera; otherwise start it: systemctl --user start pipewire wireplumber",
)  # fmt: skip
SILENT = Kind(
    LAYER, "pipewire-silent", Level.BROKEN, "PipeWire's socket {socket} is there, but nothing answers",
    "run: systemctl --user restart pipewire wireplumber",
)  # fmt: skip
NO_LIBRARY = Kind(
    LAYER, "pipewire-no-library", Level.NOTE, "PipeWire answers, but its library libpipewire-0.3.so.0 is not installed",
    "install it with your distribution's package manager (Debian and Ubuntu: sudo apt install libpipewire-0.3-0)",
)  # fmt: skip
NO_SESSION = Kind(
    LAYER, "pipewire-no-session", Level.BROKEN, "PipeWire answers, but no session manager connects programs with cameras",
    "run: systemctl --user start wireplumber",
)  # fmt: skip
PORTAL = Kind(LAYER, "portal-good", Level.GOOD, "the camera portal is installed")
NO_PORTAL = Kind(
    LAYER,
    "portal-absent",
    Level.NOTE,
    "the camera portal is not installed: browsers and Flatpaks cannot ask PipeWire for a camera",
    "{install}",
)
NO_DIALOG = Kind(
    LAYER, "portal-no-dialog", Level.NOTE, "the camera portal has nothing to ask the user with, so it refuses every program", "{install}"
)
NO_BUS = Kind(
    LAYER, "portal-no-bus", Level.NOTE, "there is no D-Bus session, so the camera portal cannot be reached",
    "start the program from the desktop, or with: dbus-run-session",
)  # fmt: skip

KINDS = (GOOD, ABSENT, SILENT, NO_LIBRARY, NO_SESSION, PORTAL, NO_PORTAL, NO_DIALOG, NO_BUS)

_SERVICE = "dbus-1/services/org.freedesktop.portal.Desktop.service"
_SHARES = ("/usr/share", "/usr/local/share", "/run/current-system/sw/share")


def check(computer: Computer) -> list[Finding]:
    """What this layer finds."""
    if computer.name != "Linux":
        return []
    socket = socket_path(computer)
    if not computer.exists(socket):
        return [ABSENT.found()]
    if not computer.connects(computer.path(socket)):
        return [SILENT.found(socket=socket)]
    return [*_daemon(computer, socket), _portal(computer)]


def socket_path(computer: Computer) -> str:
    """Where the daemon listens, as libpipewire looks for it."""
    remote = computer.environment.get("PIPEWIRE_REMOTE") or "pipewire-0"
    folder = computer.environment.get("PIPEWIRE_RUNTIME_DIR") or computer.runtime_folder
    return remote if remote.startswith("/") else f"{folder}/{remote}"


def _daemon(computer: Computer, socket: str) -> list[Finding]:
    try:
        seen = Question(computer.pipewire).result(time.monotonic() + _PATIENCE_S)
    except OutputDriverMissing:
        return [NO_LIBRARY.found()]
    except OutputError:
        seen = None
    if seen is None:
        return [SILENT.found(socket=socket)]
    good = GOOD.found(version=seen.daemon_version, name=name_to_pick(LABEL, computer.system))
    return [good] if seen.session_manager else [good, NO_SESSION.found()]


def _portal(computer: Computer) -> Finding:
    install = commands(computer).portal
    bus = computer.environment.get("DBUS_SESSION_BUS_ADDRESS") or computer.exists(f"{computer.runtime_folder}/bus")
    if not any(computer.exists(f"{share}/{_SERVICE}") for share in _SHARES):
        return NO_PORTAL.found(install=install)
    if not any("impl.portal.Access" in computer.text(file) for file in _backends(computer)):
        return NO_DIALOG.found(install=install)
    return PORTAL.found() if bus else NO_BUS.found()


def _backends(computer: Computer) -> list[str]:
    folders = [f"{share}/xdg-desktop-portal/portals" for share in _SHARES]
    return [f"{folder}/{name}" for folder in folders for name in computer.names(folder)]
