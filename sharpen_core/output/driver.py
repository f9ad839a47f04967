"""Which virtual camera this system has, and what to install where it has none."""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sharpen_core.errors import OutputDriverMissing
from sharpen_core.output.loopback import Loopback, find_loopback

LABEL = "Sharpened Camera"
OBS_NAME = "OBS Virtual Camera"

# pyvirtualcam looks at the same keys: https://github.com/letmaik/pyvirtualcam, native_windows_*/virtual_output.h
_OBS_CLASS = r"CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
_UNITY_CLASS = r"CLSID\{{5C2CD55C-92AD-4999-8666-912BD3E700{:02X}}}"
_UNITY_CAMERAS = 10


def read_class_name(key: str) -> str | None:
    """The default value of a key under Windows' HKEY_CLASSES_ROOT; None if there is none, and on other systems."""
    if sys.platform == "win32":
        import winreg  # exists on Windows only

        try:
            return winreg.QueryValue(winreg.HKEY_CLASSES_ROOT, key)
        except OSError:
            return None
    return None


@dataclass(frozen=True, slots=True)
class System:
    """The operating system as this room sees it; tests give their own.

    Attributes:
        name: as `platform.system()` says it.
        root: where its files begin.
        class_name: reads Windows' registry, as `read_class_name` does.
    """

    name: str = field(default_factory=platform.system)
    root: Path = Path("/")
    class_name: Callable[[str], str | None] = read_class_name


@dataclass(frozen=True, slots=True)
class Driver:
    """A virtual camera that is installed.

    Attributes:
        backend: what pyvirtualcam calls its driver.
        device: which of the driver's cameras, as pyvirtualcam wants it.
        name_to_pick: what the user sees in the call.
        loopback: the device to watch, on Linux.
    """

    backend: str
    device: str
    name_to_pick: str
    loopback: Loopback | None = None


def find_driver(label: str = LABEL, system: System | None = None) -> Driver:
    """Finds the virtual camera to send to.

    Linux: the loopback device whose label is `label`, never another program's. Windows: Unity Capture registered as
    `label`, else OBS. macOS: OBS.

    Raises:
        OutputDriverMissing: none is installed; the hint says what to do on this system.
        OutputError: it is installed but not usable, such as a device without its node.
    """
    system = system or System()
    if system.name == "Linux":
        loopback = find_loopback(label, system.root)
        return Driver("v4l2loopback", str(loopback.node), label, loopback)
    if system.name == "Windows":
        return _find_on_windows(label, system)
    if system.name == "Darwin":
        return _find_on_macos(system)
    raise OutputDriverMissing(f"no virtual camera is known for {system.name}", "record to a file instead")


def _find_on_windows(label: str, system: System) -> Driver:
    if label in _unity_names(system):
        return Driver("unitycapture", label, label)
    if system.class_name(_OBS_CLASS) is not None:
        return Driver("obs", OBS_NAME, OBS_NAME)
    raise OutputDriverMissing(
        "this computer has no virtual camera",
        f'install OBS Studio 28 or later (pick "{OBS_NAME}" in the call), or Unity Capture with: '
        f'regsvr32 "/i:UnityCaptureName={label}" UnityCaptureFilter64.dll',
    )


def _unity_names(system: System) -> list[str]:
    offset = 0x10 if sys.maxsize > 2**32 else 0x20
    # The number after the first is reserved by Unity Capture's library.
    keys = [_UNITY_CLASS.format(offset + number + bool(number)) for number in range(_UNITY_CAMERAS)]
    return [name.strip() for name in map(system.class_name, keys) if name]


def _find_on_macos(system: System) -> Driver:
    extension = "Library/SystemExtensions/*/com.obsproject.obs-studio.mac-camera-extension.systemextension"
    plugin = "Library/CoreMediaIO/Plug-Ins/DAL/obs-mac-virtualcam.plugin"  # OBS before 30
    if any(system.root.glob(extension)) or (system.root / plugin).exists():
        return Driver("obs", OBS_NAME, OBS_NAME)
    raise OutputDriverMissing(
        "this Mac has no virtual camera",
        f'install OBS Studio 30 or later, start its virtual camera once, allow it in System Settings; pick "{OBS_NAME}" in the call',
    )
