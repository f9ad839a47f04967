"""The computer as the doctor sees it: files below a root, and the few questions that files do not answer.

Nothing here raises: what cannot be read counts as not there. Tests build a tree of their own and answer the questions.
"""

import contextlib
import getpass
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sharpen_core.capture.devices import CameraDevice, list_cameras
from sharpen_core.output.driver import System, read_class_name
from sharpen_core.output.pipewire.status import Surroundings, look_around
from sharpened_camera.diagnosis.nodes import DeviceNodes, Nodes

_TOOL_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class User:
    """Who runs the program.

    Attributes:
        name: login name.
        uid: 0 is root; None on systems without.
        groups: numbers of the groups that this process is in, which may lag behind /etc/group until the next login.
    """

    name: str
    uid: int | None
    groups: frozenset[int]

    @classmethod
    def this(cls) -> "User":
        """The user of this process."""
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):  # a number without an account, as in some containers
            name = ""
        groups = frozenset((*os.getgroups(), os.getgid())) if hasattr(os, "getgroups") else frozenset[int]()
        return cls(name, os.getuid() if hasattr(os, "getuid") else None, groups)


def connects(path: Path) -> bool:
    """Whether something answers on a Unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(0.5)
        client.connect(str(path))
        return True
    return False


def run_tool(command: Sequence[str]) -> str | None:
    """What a tool prints; None if it is not installed, fails or hangs."""
    try:
        done = subprocess.run([*command], capture_output=True, encoding="utf-8", errors="replace", timeout=_TOOL_PATIENCE_S, check=True)  # noqa: S603  (fixed commands)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


@dataclass(frozen=True, slots=True)
class Computer:
    """Where everything about this computer is read.

    Attributes:
        name: as `platform.system()` says it.
        root: where its files begin.
        environment: the variables of this process.
        home: the user's folder, below the root.
        user: who runs the program.
        pid: this process.
        nodes: questions to device nodes.
        cameras: lists what can be captured.
        connects: whether something answers on a Unix socket.
        pipewire: asks PipeWire's daemon what is there; raises OutputError.
        run: what a tool prints.
        which: where a tool is, None if it is not installed.
        class_name: reads Windows' registry.
    """

    name: str = field(default_factory=platform.system)
    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    home: Path = field(default_factory=Path.home)
    user: User = field(default_factory=User.this)
    pid: int = field(default_factory=os.getpid)
    nodes: Nodes = field(default_factory=DeviceNodes)
    cameras: Callable[[], list[CameraDevice]] = list_cameras
    connects: Callable[[Path], bool] = connects
    pipewire: Callable[[], Surroundings] = look_around
    run: Callable[[Sequence[str]], str | None] = run_tool
    which: Callable[[str], str | None] = shutil.which
    class_name: Callable[[str], str | None] = read_class_name

    @property
    def system(self) -> System:
        """The same computer, as the outputs see it."""
        return System(self.name, self.root, self.class_name)

    def path(self, path: str | Path) -> Path:
        """Where a file with this absolute path is."""
        return self.root / str(path).lstrip("/")

    def text(self, path: str | Path) -> str:
        """A text file's content, stripped; empty if it is not there or cannot be read."""
        return self.data(path).decode("utf-8", "replace").replace("\0", "").strip()

    def data(self, path: str | Path) -> bytes:
        """A file's bytes; empty if it is not there or cannot be read."""
        try:
            return self.path(path).read_bytes()
        except (OSError, ValueError):
            return b""

    def exists(self, path: str | Path) -> bool:
        """Whether there is such a file; a folder that may not be looked into has none."""
        try:
            return self.path(path).exists()
        except (OSError, ValueError):  # no name of a file
            return False

    def names(self, path: str | Path) -> list[str]:
        """What is in a folder, sorted; nothing if it is none or cannot be read."""
        try:
            return sorted(entry.name for entry in self.path(path).iterdir())
        except (OSError, ValueError):
            return []

    def glob(self, pattern: str) -> list[Path]:
        """The files below the root that fit, sorted."""
        try:
            return sorted(self.root.glob(pattern.lstrip("/")))
        except (OSError, ValueError):
            return []

    @property
    def release(self) -> str:
        """The running kernel's release."""
        return self.text("/proc/sys/kernel/osrelease")

    @property
    def runtime_folder(self) -> str:
        """Where the user's sockets are."""
        return self.environment.get("XDG_RUNTIME_DIR") or f"/run/user/{self.user.uid}"
