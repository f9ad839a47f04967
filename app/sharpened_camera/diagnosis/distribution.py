"""The commands of this Linux distribution for what no program should install by itself."""

import re
from dataclasses import dataclass

from sharpened_camera.diagnosis.computer import Computer


@dataclass(frozen=True, slots=True)
class Commands:
    """What to type on one family of distributions.

    Attributes:
        install: v4l2loopback for the running kernel.
        headers: what a module is built against.
        rebuild: builds the modules that are missing for the running kernel.
        portal: the camera portal of desktop programs.
    """

    install: str
    headers: str
    rebuild: str
    portal: str


COMMANDS = {
    "debian": Commands(
        "sudo apt install v4l2loopback-dkms linux-headers-{release}",
        "sudo apt install linux-headers-{release}",
        "sudo dkms autoinstall",
        "sudo apt install xdg-desktop-portal xdg-desktop-portal-gtk",
    ),
    "fedora": Commands(
        "sudo dnf install akmod-v4l2loopback  (from rpmfusion.org)",
        "sudo dnf install kernel-devel-{release}",
        "sudo akmods --force",
        "sudo dnf install xdg-desktop-portal xdg-desktop-portal-gtk",
    ),
    "arch": Commands(
        "sudo pacman -S v4l2loopback-dkms linux-headers",
        "sudo pacman -S linux-headers",
        "sudo dkms autoinstall",
        "sudo pacman -S xdg-desktop-portal xdg-desktop-portal-gtk",
    ),
    "suse": Commands(
        "sudo zypper install v4l2loopback-kmp-default",
        "sudo zypper install kernel-default-devel",
        "sudo zypper install --force v4l2loopback-kmp-default",
        "sudo zypper install xdg-desktop-portal xdg-desktop-portal-gtk",
    ),
}
"""By the family's name, as /etc/os-release has it. {release} is the running kernel's."""

_UNKNOWN = Commands(
    "install v4l2loopback with your distribution's package manager",
    "install the headers of kernel {release} with your distribution's package manager",
    "sudo dkms autoinstall",
    "install xdg-desktop-portal with your distribution's package manager",
)
_FAMILIES = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse", "sles": "suse", "archlinux": "arch"}


def commands(computer: Computer) -> Commands:
    """The commands for this computer, with its kernel's release filled in."""
    known = COMMANDS.get(_family(computer) or "", _UNKNOWN)
    release = computer.release or "$(uname -r)"
    return Commands(*(text.format(release=release) for text in (known.install, known.headers, known.rebuild, known.portal)))


def _family(computer: Computer) -> str | None:
    fields = dict(re.findall(r'^(ID|ID_LIKE)="?([^"\n]*)"?$', computer.text("/etc/os-release"), re.MULTILINE))
    for name in [fields.get("ID", ""), *fields.get("ID_LIKE", "").split()]:
        family = _FAMILIES.get(name.split("-")[0], name)
        if family in COMMANDS:
            return family
    return None
