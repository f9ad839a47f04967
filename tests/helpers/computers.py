"""A healthy Linux computer below a folder, with a real camera, our virtual one, PipeWire and browsers; tests break one thing of it."""

import itertools
from pathlib import Path

from loopback_tree import make_computer, make_loopback

from sharpen_core.capture.base import CameraFormat
from sharpen_core.capture.devices import CameraDevice
from sharpen_core.frame import Size
from sharpen_core.output.driver import LABEL
from sharpen_core.output.pipewire.status import Surroundings
from sharpened_camera.camera_setup.files import modprobe_options, modules_load
from sharpened_camera.diagnosis.computer import Computer, User
from sharpened_camera.diagnosis.modprobe import Planned
from sharpened_camera.diagnosis.nodes import CAN_CAPTURE, CAN_OUTPUT, Rate

RELEASE = "6.1.0-9-amd64"
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
OURS = Planned(42, LABEL, exclusive=True)
UACCESS = 'SUBSYSTEM=="video4linux", TAG+="uaccess"\n'
FHD = Size(1080, 1920)


class FakeNodes:
    """Device nodes that answer what a test wants."""

    def __init__(self):
        self.closed = set()
        self.capabilities_of = {}
        self.streaming = set()
        self.rate = Rate(CameraFormat(FHD, 30.0, "MJPG"), 29.9)
        self.error = None
        self.measured = []

    def may_open(self, node):
        return node.name not in self.closed

    def capabilities(self, node):
        return self.capabilities_of.get(node.name)

    def is_streaming(self, node):
        return node.name in self.streaming

    def formats(self, camera):
        return [CameraFormat(FHD, 30.0, "MJPG"), CameraFormat(Size(720, 1280), 10.0, "YUYV")]

    def measure(self, camera, seconds):
        self.measured.append(camera.name)
        if self.error:
            raise self.error
        return self.rate


class Bench:
    """The computer; change its attributes and files, then look at `computer`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = "Linux"
        self.nodes = FakeNodes()
        self.nodes.capabilities_of["video42"] = CAN_OUTPUT
        self.cameras = [CameraDevice("Brio", 0, 200, "/dev/video0")]
        self.environment = {"DISPLAY": ":0", "XDG_RUNTIME_DIR": "/run/user/1000"}
        self.user = User("ada", 1000, frozenset({1000, 44}))
        self.answers = True
        self.pipewire = lambda: Surroundings("1.0.5", "WirePlumber", ("Brio",))
        self.tools = {"pkexec": "/usr/bin/pkexec", "sudo": "/usr/bin/sudo"}
        self.printed = {}
        self.registry = {}
        self._pids = itertools.count(100)
        make_computer(root, os_release="ID=debian\n", release=RELEASE, modules=f"{self.module_entry()}\n", loaded=True)
        self.write("sys/module/v4l2loopback/version", "0.15.0")
        self.write(f"lib/modules/{RELEASE}/updates/dkms/v4l2loopback.ko", "module")
        make_loopback(root, 42)
        self.write("sys/class/video4linux/video42/max_openers", "10")
        make_loopback(root, 0, "Brio")
        self.write("sys/class/video4linux/video0/index", "0")
        (root / "sys/class/video4linux/video0/device").mkdir()
        self.write("etc/modprobe.d/sharpened-camera.conf", modprobe_options([OURS]))
        self.write("etc/modules-load.d/sharpened-camera.conf", modules_load())
        self.write("etc/group", "root:x:0:\nvideo:x:44:ada\n")
        self.write("usr/lib/udev/rules.d/70-uaccess.rules", UACCESS)
        self.write("run/user/1000/pipewire-0", "")
        self.write("run/user/1000/bus", "")
        self.write("usr/share/dbus-1/services/org.freedesktop.portal.Desktop.service", "")
        self.write("usr/share/xdg-desktop-portal/portals/gtk.portal", "Interfaces=org.freedesktop.impl.portal.Access")

    @property
    def computer(self) -> Computer:
        """As it is now."""
        return Computer(
            name=self.name, root=self.root, environment=self.environment, home=Path("/home/ada"), user=self.user, pid=1, nodes=self.nodes,
            cameras=lambda: self.cameras, connects=lambda path: self.answers, pipewire=lambda: self.pipewire(),
            run=lambda command: self.printed.get(command[0]), which=self.tools.get, class_name=self.registry.get,
        )  # fmt: skip

    @staticmethod
    def module_entry(suffix: str = "") -> str:
        return f"updates/dkms/v4l2loopback.ko{suffix}: kernel/drivers/media/v4l2-core/videodev.ko"

    def write(self, path: str, text: str | bytes) -> Path:
        """Writes a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def remove(self, *paths: str) -> None:
        """Removes files, and folders with all that is in them."""
        import shutil

        for path in paths:
            target = self.root / path
            shutil.rmtree(target) if target.is_dir() else target.unlink()

    def run(self, name: str, node: str, *, command: str = "", flags: str = "0100002") -> int:
        """Starts a program that has a device open; returns its number."""
        pid = next(self._pids)
        (self.root / f"proc/{pid}/fd").mkdir(parents=True)
        self.write(f"proc/{pid}/comm", f"{name}\n")
        self.write(f"proc/{pid}/cmdline", command or f"/usr/bin/{name}\0")
        self.write(f"proc/{pid}/fdinfo/7", f"pos:\t0\nflags:\t{flags}\n")
        (self.root / f"proc/{pid}/fd/7").symlink_to(self.root / node.lstrip("/"))
        return pid

    def feed(self, number: int = 42) -> None:
        """Somebody writes to a loopback."""
        self.write(f"sys/class/video4linux/video{number}/format", "YU12:1280x720@30\n")
        self.nodes.capabilities_of[f"video{number}"] = CAN_CAPTURE

    def without_loopback(self) -> None:
        """v4l2loopback was never installed here."""
        self.remove("sys/module/v4l2loopback", "sys/class/video4linux/video42", "dev/video42", "etc/modprobe.d", "etc/modules-load.d")
        self.write(f"lib/modules/{RELEASE}/modules.dep", "")
