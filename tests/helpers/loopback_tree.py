"""A Linux file tree with loopback cameras in it, and a pyvirtualcam driver that keeps what it gets."""

import os

import pyvirtualcam

from sharpen_core.output.driver import LABEL

received = []
"""Every `RecordingDriver` that was opened, newest last."""


def make_loopback(root, number, label=LABEL, fmt=""):
    """Adds /dev/video<number> and its sysfs entry below `root`; returns the entry."""
    entry = root / f"sys/class/video4linux/video{number}"
    entry.mkdir(parents=True)
    (entry / "name").write_text(f"{label}\n", encoding="utf-8")
    (entry / "format").write_text(fmt, encoding="utf-8")
    node = root / f"dev/video{number}"
    node.parent.mkdir(exist_ok=True)
    node.touch()
    return entry


def make_computer(root, *, os_release="", release="6.1.0", modules="", loaded=False):
    """Adds what says which Linux this is and which modules it has."""
    for path, text in {
        "etc/os-release": os_release,
        "proc/sys/kernel/osrelease": f"{release}\n",
        f"lib/modules/{release}/modules.dep": modules,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    if loaded:
        (root / "sys/module/v4l2loopback").mkdir(parents=True)


class RecordingDriver:
    """What pyvirtualcam asks of a driver; keeps a copy of every frame, and writes it to the device, if there is one.

    With `silent` set it loses frames as pyvirtualcam does: without a word.
    """

    def __init__(self, *, width, height, fps, fourcc, device, **_):
        self.width, self.height, self.fps, self.fourcc = width, height, fps, fourcc
        self._device = device
        self.frames = []
        self.closed = 0
        self.silent = False
        self._file = open(device, "wb", buffering=0) if os.path.exists(device) else None  # noqa: SIM115  (closed by `close`)
        received.append(self)

    def send(self, frame):
        self.frames.append(frame.copy())
        if self._file and not self.silent:
            self._file.seek(0)
            self._file.write(frame)

    def close(self):
        self.closed += 1
        if self._file:
            self._file.close()

    def device(self):
        return self._device

    def native_fourcc(self):
        return self.fourcc


def register_camera(driver=RecordingDriver):
    """Registers a driver with the real pyvirtualcam and returns its name."""
    name = f"test-{driver.__name__}"
    pyvirtualcam.register_backend(name, driver)
    return name


def refusing_driver(text):
    """A driver that cannot be opened, saying `text`."""

    def refuse(self, **_):
        raise RuntimeError(text)

    return type("RefusingDriver", (RecordingDriver,), {"__init__": refuse})
