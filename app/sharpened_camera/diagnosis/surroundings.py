"""Whether the program runs in a box that keeps devices from it, and whether it has a screen."""

import os
import platform

from sharpen_core.engines.select import default_threads
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import Finding, Kind, Level

LAYER = "system"

SYSTEM = Kind(LAYER, "system", Level.GOOD, "Python {python}, {system} {release} {machine}, inference on {threads} of {cores} cores")
FLATPAK = Kind(
    LAYER, "in-flatpak", Level.NOTE, "the program runs inside Flatpak", "if devices are missing: flatpak override --user --device=all {app}"
)
SNAP = Kind(LAYER, "in-snap", Level.NOTE, "the program runs inside a Snap", "if devices are missing: sudo snap connect {app}:camera")
CONTAINER = Kind(
    LAYER, "in-container", Level.NOTE, "the program runs inside a container", "pass the devices through, such as: --device /dev/video42"
)
SCREEN = Kind(LAYER, "screen", Level.GOOD, "the window can open")
NO_SCREEN = Kind(LAYER, "no-screen", Level.NOTE, "there is no screen to open the window on", "without one use: sharpened-camera run")

KINDS = (SYSTEM, FLATPAK, SNAP, CONTAINER, SCREEN, NO_SCREEN)


def check(computer: Computer) -> list[Finding]:
    """What this layer finds."""
    found = [
        SYSTEM.found(
            python=platform.python_version(),
            system=computer.name,
            release=computer.release,
            machine=platform.machine(),
            threads=default_threads(),
            cores=os.cpu_count() or 1,
        )
    ]
    if computer.exists("/.flatpak-info"):
        found.append(FLATPAK.found(app=computer.environment.get("FLATPAK_ID", "ID")))
    elif snap := computer.environment.get("SNAP_NAME"):
        found.append(SNAP.found(app=snap))
    elif computer.exists("/run/.containerenv") or computer.exists("/.dockerenv"):
        found.append(CONTAINER.found())
    seen = computer.name != "Linux" or any(computer.environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return [*found, (SCREEN if seen else NO_SCREEN).found()]
