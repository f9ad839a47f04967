"""Loopback cameras of Linux (v4l2loopback): finding ours, watching it, and what to install.

Everything is read from files below a root, so that tests can bring their own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sharpen_core.errors import OutputDriverMissing, OutputError
from sharpen_core.frame import Size

_CLASS = Path("sys/class/video4linux")
_LOADED = Path("sys/module/v4l2loopback")
_SETUP = "sharpened-camera setup"

# v4l2loopback needs the running kernel's headers where it is built on the spot.
_INSTALL_COMMANDS = {
    "debian": "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)",
    "fedora": "sudo dnf install akmod-v4l2loopback",
    "arch": "sudo pacman -S v4l2loopback-dkms linux-headers",
    "suse": "sudo zypper install v4l2loopback-kmp-default",
}
_FAMILIES = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse", "sles": "suse", "archlinux": "arch"}


@dataclass(frozen=True, slots=True)
class Loopback:
    """A loopback device.

    Attributes:
        label: the name that apps show.
        node: its device file.
        entry: its folder in sysfs.
    """

    label: str
    node: Path
    entry: Path

    def is_there(self) -> bool:
        """Whether the device still exists and has its label."""
        return self.node.exists() and _read(self.entry / "name") == self.label

    def size(self) -> Size | None:
        """The size that readers of the device get now; None where the driver does not say.

        v4l2loopback's `format` is such as "YU12:1280x720@30", empty while nobody writes.
        """
        match = re.search(r":(\d+)x(\d+)(?:@|$)", _read(self.entry / "format"))
        return Size(height=int(match[2]), width=int(match[1])) if match else None

    def pixel_format(self) -> str | None:
        """The pixel format that readers get now, such as "YU12", which is I420; None where the driver does not say."""
        match = re.match(r"(\w{4}):", _read(self.entry / "format"))
        return match[1] if match else None


def find_loopback(label: str, root: Path = Path("/")) -> Loopback:
    """Finds our device by its label; of several, the one with the lowest number.

    Raises:
        OutputDriverMissing: no device has the label; the hint is the command that makes one.
        OutputError: sysfs lists the device, but its node is missing, as in a container.
    """
    entries = [entry for entry in (root / _CLASS).glob("video*") if _read(entry / "name") == label]
    if not entries:
        raise OutputDriverMissing(f"this computer has no virtual camera called {label}", setup_hint(root))
    entry = min(entries, key=lambda entry: (len(entry.name), entry.name))
    node = root / "dev" / entry.name
    if not node.exists():
        raise OutputError(f"the virtual camera {label} has no device {node}", "in a container or sandbox, pass the device through")
    return Loopback(label, node, entry)


def setup_hint(root: Path = Path("/")) -> str:
    """One line: what to run so that our camera appears."""
    if (root / _LOADED).exists() or _is_installed(root):
        return f"run: {_SETUP}"
    family = _family(root)
    if family is None:
        return f"install v4l2loopback with your distribution's package manager; then run: {_SETUP}"
    source = "enable RPM Fusion (rpmfusion.org), then run" if family == "fedora" else "run"
    return f"{source}: {_INSTALL_COMMANDS[family]}; then run: {_SETUP}"


def _is_installed(root: Path) -> bool:
    """Whether the running kernel has the module."""
    release = _read(root / "proc/sys/kernel/osrelease")
    return bool(release) and "v4l2loopback.ko" in _read(root / "lib/modules" / release / "modules.dep")


def _family(root: Path) -> str | None:
    """Which kind of distribution this is, from /etc/os-release; None if unknown."""
    fields = dict(re.findall(r'^(ID|ID_LIKE)="?([^"\n]*)"?$', _read(root / "etc/os-release"), re.MULTILINE))
    for name in [fields.get("ID", ""), *fields.get("ID_LIKE", "").split()]:
        family = _FAMILIES.get(name.split("-")[0], name)
        if family in _INSTALL_COMMANDS:
            return family
    return None


def _read(path: Path) -> str:
    """A small text file, stripped; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
