"""Which cameras are in PipeWire's graph, and not under a device node that this user may read."""

import os
from dataclasses import dataclass

from sharpen_core.errors import OutputDriverMissing
from sharpen_core.pipewire.connection import NODE, Connection
from sharpen_core.pipewire.daemon import answers

PREFIX = "pipewire:"
_REAL = ("libcamera_input.", "v4l2_input.")  # how session managers name the nodes of real cameras
_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class CameraNode:
    """A camera of the graph.

    Attributes:
        name: what people see.
        number: in the graph; another one after the daemon was started again.
        path: "pipewire:" and the node's name, which lasts.
    """

    name: str
    number: int
    path: str


def list_nodes() -> list[CameraNode]:
    """Lists the cameras of the graph that cannot be read from a device node; none where PipeWire does not run. Takes some 10 ms."""
    if not answers():
        return []
    try:
        with Connection() as connection:
            if not connection.wait_known(_PATIENCE_S):
                return []
            return _nodes(connection)
    except OutputDriverMissing:  # not installed, or it ended just now
        return []


def find_node(connection: Connection, path: str) -> str | None:
    """What to ask PipeWire for to get the camera of this path; None if it is not there."""
    nodes = {node.path: node for node in _nodes(connection)}
    if path not in nodes:
        return None
    properties = connection.globals()[nodes[path].number].properties
    return properties.get("object.serial") or properties["node.name"]


def is_real(path: str) -> bool:
    """Whether a lens, not a program, feeds the camera of this path."""
    return path.removeprefix(PREFIX).startswith(_REAL)


def _nodes(connection: Connection) -> list[CameraNode]:
    found = [(number, one.properties) for number, one in connection.globals().items() if one.kind == NODE]
    cameras = [(number, node) for number, node in found if node.get("media.class") == "Video/Source" and not _has_device(node)]
    return [
        CameraNode(node.get("node.description") or node["node.name"], number, PREFIX + node["node.name"])
        for number, node in cameras
        if "node.name" in node
    ]


def _has_device(node: dict[str, str]) -> bool:
    """Whether it stands for a device node that this user may read: then that is the shorter way."""
    system, _, device = node.get("object.path", "").partition(":")
    return system == "v4l2" and os.access(device, os.R_OK | os.W_OK)
