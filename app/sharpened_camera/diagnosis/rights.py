"""Whether this user may open the video devices: udev's uaccess for who sits at the screen, the group `video` for the others."""

import re

from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.finding import Finding, Kind, Level

LAYER = "rights"

GOOD = Kind(LAYER, "rights-good", Level.GOOD, "this user may open {nodes}")
NO_NODES = Kind(LAYER, "rights-no-devices", Level.NOTE, "there are no video devices to open")
NOT_IN_GROUP = Kind(
    LAYER, "rights-not-in-group", Level.BROKEN, "this user may not open {nodes}, which need the group '{group}'",
    "run: sudo usermod -aG {group} {user}, then log out and in",
)  # fmt: skip
LOG_IN_AGAIN = Kind(
    LAYER, "rights-log-in-again", Level.BROKEN, "this user is in the group '{group}', but has not logged in since and may not open {nodes}",
    "log out and in, or restart the computer",
)  # fmt: skip
CLOSED = Kind(
    LAYER, "rights-closed", Level.BROKEN, "this user may not open {nodes}, although it is in their group",
    "run: sudo udevadm trigger --subsystem-match=video4linux; in a container or sandbox, pass the devices through",
)  # fmt: skip
NO_UACCESS = Kind(
    LAYER, "rights-no-uaccess", Level.NOTE, "no udev rule gives video devices to who sits at the screen; the group decides",
    "nothing has to be done; sharpened-camera setup writes a rule for our camera",
)  # fmt: skip

KINDS = (GOOD, NO_NODES, NOT_IN_GROUP, LOG_IN_AGAIN, CLOSED, NO_UACCESS)

_RULES = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
_VIDEO_UACCESS = re.compile(r'^[^#\n]*video4linux[^\n]*TAG\+="uaccess"', re.MULTILINE)


def check(computer: Computer) -> list[Finding]:
    """What this layer finds."""
    if computer.name != "Linux":
        return []
    nodes = [f"/dev/{name}" for name in computer.names("/dev") if re.fullmatch(r"video\d+", name)]
    closed = [node for node in nodes if not computer.nodes.may_open(computer.path(node))]
    if not nodes:
        return [NO_NODES.found()]
    found = [_closed(computer, closed)] if closed else [GOOD.found(nodes=", ".join(nodes))]
    if computer.user.uid != 0 and not _has_uaccess(computer):
        found.append(NO_UACCESS.found())
    return found


def _closed(computer: Computer, nodes: list[str]) -> Finding:
    group, number, members = _group_of(computer, nodes[0])
    facts = {"nodes": ", ".join(nodes), "group": group, "user": computer.user.name or "$USER"}
    if number in computer.user.groups:
        return CLOSED.found(**facts)
    return (LOG_IN_AGAIN if computer.user.name in members else NOT_IN_GROUP).found(**facts)


def _group_of(computer: Computer, node: str) -> tuple[str, int, list[str]]:
    """Name, number and members of the group that a device belongs to; `video` where that cannot be seen, or is root's."""
    try:
        number = computer.path(node).stat().st_gid
    except OSError:
        number = 0
    lines = [line.split(":") for line in computer.text("/etc/group").splitlines()]
    groups = {line[0]: line for line in lines if len(line) == 4 and line[2].isdigit()}
    owner = next((name for name, line in groups.items() if int(line[2]) == number and number != 0), "video")
    line = groups.get(owner, [owner, "", "-1", ""])
    return owner, int(line[2]), line[3].split(",")


def _has_uaccess(computer: Computer) -> bool:
    return any(
        _VIDEO_UACCESS.search(computer.text(f"{folder}/{name}"))
        for folder in _RULES
        for name in computer.names(folder)
        if name.endswith(".rules") and ("uaccess" in name or "camera" in name)
    )
