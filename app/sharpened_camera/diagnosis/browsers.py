"""Browsers: which settings of theirs decide whether they see the camera."""

import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import Finding, Kind, Level

LAYER = "browsers"
_FLAG = "chrome://flags/#enable-webrtc-pipewire-camera"
_PREFERENCE = "media.webrtc.camera.allow-pipewire"

DIRECT = Kind(LAYER, "browsers-direct", Level.GOOD, "{names}: the virtual camera is listed without any setting, once Sharpened Camera runs")
FLAG_ON = Kind(LAYER, "chromium-flag-on", Level.GOOD, "{name} reads cameras through PipeWire")
FLAG_OFF = Kind(
    LAYER, "chromium-flag-off", Level.NOTE, "the camera exists in PipeWire only, and {name} does not read cameras there",
    f"open {_FLAG} in it and choose Enabled, or start it with --enable-features=WebRtcPipeWireCamera; or run: sharpened-camera setup",
)  # fmt: skip
PREFERENCE_ON = Kind(LAYER, "firefox-pipewire-on", Level.GOOD, "Firefox reads cameras through PipeWire")
PREFERENCE_OFF = Kind(
    LAYER, "firefox-pipewire-off", Level.NOTE, "the camera exists in PipeWire only, and Firefox does not read cameras there",
    f"open about:config in it and set {_PREFERENCE} to true; or run: sharpened-camera setup",
)  # fmt: skip
PREFERENCE_ALONE = Kind(
    LAYER, "firefox-pipewire-alone", Level.NOTE, "Firefox reads cameras through PipeWire only, where the virtual camera may not show",
    f"open about:config in it and set {_PREFERENCE} to false, or start PipeWire",
)  # fmt: skip
SNAP = Kind(
    LAYER,
    "browser-snap",
    Level.NOTE,
    "{name} is a Snap, which sees cameras only if it is allowed to",
    "run: sudo snap connect {name}:camera",
)
FLATPAK = Kind(
    LAYER, "browser-flatpak", Level.NOTE, "{name} is a Flatpak, which sees cameras only if it is allowed to",
    "run: flatpak override --user --device=all {name}",
)  # fmt: skip

KINDS = (DIRECT, FLAG_ON, FLAG_OFF, PREFERENCE_ON, PREFERENCE_OFF, PREFERENCE_ALONE, SNAP, FLATPAK)

# Program, and the folder of its settings below ~/.config.
_CHROMIUMS = {
    "google-chrome": "google-chrome",
    "chromium": "chromium",
    "brave-browser": "BraveSoftware/Brave-Browser",
    "microsoft-edge": "microsoft-edge",
    "vivaldi": "vivaldi",
    "opera": "opera",
}
_FIREFOXES = ("firefox", "firefox-esr")
_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/google/chrome")
_FLATPAKS = re.compile(
    r"^(org\.mozilla\.firefox|org\.chromium\.Chromium|com\.(google\.Chrome|brave\.Browser|microsoft\.Edge|vivaldi\.Vivaldi))$"
)


def check(computer: Computer, *, has_loopback: bool, has_pipewire: bool) -> list[Finding]:
    """What this layer finds.

    Args:
        computer: this computer.
        has_loopback: whether our camera is a video device.
        has_pipewire: whether it can be published through PipeWire.
    """
    if computer.name != "Linux":
        return []
    chromiums, firefox = _installed(computer, _CHROMIUMS), bool(_installed(computer, _FIREFOXES))
    found: list[Finding] = []
    if has_loopback and (chromiums or firefox):
        found.append(DIRECT.found(names=", ".join([*chromiums, *(["firefox"] if firefox else [])])))
    elif has_pipewire:
        found += [(FLAG_ON if _flag_is_on(computer, name) else FLAG_OFF).found(name=name) for name in chromiums]
        if firefox:
            found.append((PREFERENCE_ON if _preference_is_on(computer) else PREFERENCE_OFF).found())
    if has_loopback and not has_pipewire and firefox and _preference_is_on(computer):
        found.append(PREFERENCE_ALONE.found())
    return [*found, *_boxed(computer)]


def _installed(computer: Computer, names: Sequence[str] | dict[str, str]) -> list[str]:
    return [name for name in names if any(computer.exists(f"{folder}/{name}") for folder in _FOLDERS)]


def _flag_is_on(computer: Computer, name: str) -> bool:
    """Whether the flag is switched on in the browser's own settings; "@1" is how they write Enabled."""
    state: Any = {}
    with contextlib.suppress(ValueError):
        state = json.loads(computer.text(computer.home / ".config" / _CHROMIUMS[name] / "Local State") or "{}")
    flags = _get(_get(state, "browser"), "enabled_labs_experiments")
    return isinstance(flags, list) and "enable-webrtc-pipewire-camera@1" in flags


def _get(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, dict) else None


def _preference_is_on(computer: Computer) -> bool:
    pattern = re.compile(rf'"{re.escape(_PREFERENCE)}",\s*true')
    home = str(computer.home).lstrip("/")
    files = [*computer.glob(f"{home}/.mozilla/firefox/*/prefs.js"), *computer.glob(f"{home}/.mozilla/firefox/*/user.js")]
    return any(pattern.search(computer.text(f"/{file.relative_to(computer.root)}")) for file in files)


def _boxed(computer: Computer) -> list[Finding]:
    snaps = [name for name in computer.names("/snap/bin") if name in ("firefox", "chromium", "brave", "opera")]
    flatpaks = {name for folder in ("/var/lib/flatpak/app", computer.home / ".local/share/flatpak/app") for name in computer.names(folder)}
    return [
        *(SNAP.found(name=name) for name in snaps),
        *(FLATPAK.found(name=name) for name in sorted(flatpaks) if _FLATPAKS.match(name)),
    ]
