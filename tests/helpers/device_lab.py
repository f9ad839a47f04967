"""The host's side of the device lab: boots a guest, starts the program in it, joins a call, looks at what arrives there."""

import base64
import itertools
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

REPOSITORY = Path(__file__).parents[2]
LAB = REPOSITORY / "tests/devices/lab"
PYTHON = sys.executable
PROGRAM = str(Path(sys.executable).parent / "sharpened-camera")
NAME = "Sharpened Camera"
STANDARD = {"video_nr": "42", "card_label": f'"{NAME}"', "exclusive_caps": "1"}
WEBCAM = "n_devs=1 node_types=1 num_inputs=1 input_types=0 no_error_inj=1"

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8 RGB."""


class Machine:
    """A guest: a user-mode kernel with the host's files, a webcam and one version of v4l2loopback."""

    def __init__(self, made: Path, loopback: str, folder: Path) -> None:
        self.loopback, self.folder, self.share = loopback, folder, folder / "share"
        self._made = made
        self._numbers: Iterator[int] = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self.undoing: list[str] = []

    def boot(self) -> None:
        """Starts it, unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        shutil.rmtree(self.share, ignore_errors=True)
        self.share.mkdir(parents=True)
        roomy = Path("/dev/shm")
        memory = roomy if roomy.is_dir() and shutil.disk_usage(roomy).free > 4 << 30 else self.folder
        # Kernel and programs of the guest are processes of the host that take turns. On one processor a turn takes a quarter of the time.
        processor = max(os.sched_getaffinity(0))
        command = [
            "taskset", "--cpu-list", processor,
            self._made / "linux", "mem=3G", "root=none", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
            "con=null", "con1=null,fd:1", "console=tty1", "init=/bin/sh", "--",
            LAB / "init.sh", self.share, sys.executable, self._made / f"modules-{self.loopback}",
        ]  # fmt: skip
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True, env={**os.environ, "TMPDIR": str(memory)},
            )  # fmt: skip
        self._numbers = itertools.count()
        self.undoing.clear()
        self.ask("run", 90, command=["modprobe", "vivid", *WEBCAM.split()])

    def ask(self, action: str, patience_s: float = 90, **arguments: Any) -> Any:
        """Has the guest do something, see lab/guest.py; returns what comes of it."""
        number = next(self._numbers)
        asked, answered = self.share / f"ask-{number}.json", self.share / f"answer-{number}.json"
        part = asked.with_suffix(".part")
        part.write_text(json.dumps({"do": action, "with": arguments}), encoding="utf-8")
        part.rename(asked)
        give_up_s = time.monotonic() + patience_s
        while not answered.exists():
            assert self._process is not None
            if self._process.poll() is not None:
                pytest.fail(f"the guest has ended with {self._process.returncode}; see {self.folder}/console.log")
            if time.monotonic() > give_up_s:
                self.kill()
                pytest.fail(f"the guest has not answered within {patience_s:.0f} s: {action} {arguments}")
            time.sleep(0.02)
        answer = json.loads(answered.read_text(encoding="utf-8"))
        answered.unlink()
        asked.unlink()
        if "error" in answer:
            pytest.fail(f"{action} {arguments}: {answer['error']}")
        return answer["value"]

    def off(self) -> None:
        """Shuts it down."""
        if self._process is None or self._process.poll() is not None:
            return
        (self.share / f"ask-{next(self._numbers)}.json").write_text(json.dumps({"do": "off", "with": {}}), encoding="utf-8")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends a guest that hangs; the next test boots a new one."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


@dataclass(frozen=True)
class Look:
    """A frame as the call got it.

    Attributes:
        at_s: when it was there.
        sent_s: when it was written to our device, by the guest's monotonic clock. A slow browser has no part in it.
        size: (width, height).
        number: differs between pictures.
        bars: the colours in the middle of the webcam's eight bars.
    """

    at_s: float
    sent_s: float
    size: tuple[int, int]
    number: int
    bars: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, row: list[Any]) -> "Look":
        """Reads what call.html tells."""
        at_s, sent_s, width, height, number, colours = row
        return cls(at_s, sent_s, (width, height), number, tuple((red, green, blue) for red, green, blue in colours))

    def is_camera(self, within: int = 8) -> bool:
        """Whether it shows the webcam's colour bars: at 75 %, from white to black."""
        return all(
            abs(got - want) <= within for bar, right in zip(self.bars, BARS, strict=True) for got, want in zip(bar, right, strict=True)
        )


BARS = tuple(
    (191 * r, 191 * g, 191 * b) for r, g, b in [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]
)


class Call:
    """A call program: headless Chromium."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine, self._folder = machine, folder
        self.frames: list[Look] = []
        self.endings: list[float | str] = []

    def open(self) -> None:
        """Opens the browser, unless an earlier test has."""
        self._machine.ask("open_browser", 180, page=(LAB / "call.html").as_uri(), log="chromium")

    def do(self, expression: str, timeout_s: float = 60) -> Any:
        """Evaluates JavaScript in the call's page."""
        return self._machine.ask("evaluate", timeout_s + 10, expression=expression, timeout_s=timeout_s)

    def cameras(self) -> list[str]:
        """The names that the call offers to pick from."""
        return self.do("cameras()")

    def join(self, name: str = NAME) -> str | None:
        """Joins with this camera, waiting until it is listed; returns the browser's error, if any."""
        self.frames, self.endings = [], []
        give_up_s = time.monotonic() + 30
        while (error := self.do(f"join({json.dumps(name)})")) == "NotListed" and time.monotonic() < give_up_s:
            time.sleep(0.5)
        return error

    def look(self) -> list[Look]:
        """The frames since the last look."""
        taken = self.do("taken()")
        new = [Look.of(row) for row in taken["frames"]]
        self.frames += new
        self.endings += taken["endings"]
        return new

    def watch(self, seconds: float) -> list[Look]:
        """The frames of the next seconds."""
        self.look()
        time.sleep(seconds)
        return self.look()

    def wait_for(self, is_so: Callable[[Look], bool], timeout_s: float = 30) -> Look:
        """Waits for a frame of which something is so."""
        give_up_s = time.monotonic() + timeout_s
        while time.monotonic() < give_up_s:
            for frame in self.look():
                if is_so(frame):
                    return frame
            time.sleep(0.1)
        pytest.fail(f"the call got no such frame within {timeout_s:.0f} s; the last were {self.frames[-3:]}, and ended: {self.endings}")

    def picture(self, name: str) -> Pixels:
        """The newest frame, kept as a file too."""
        data = base64.b64decode(self.do("picture()").split(",")[1])
        (self._folder / f"{name}.png").write_bytes(data)
        return read_png(self._folder / f"{name}.png")

    def leave(self) -> None:
        """Lets go of the camera."""
        self.do("leave()")


def code_of_reader(node: str) -> str:
    """Python that takes pictures from a device for ever."""
    return f"""
import cv2
capture = cv2.VideoCapture({node!r}, cv2.CAP_V4L2)
print("reading" if capture.read()[0] else "failed", flush=True)
while capture.read()[0]:
    pass
"""


def code_of_writer(node: str, picture: str = "") -> str:
    """Python that writes a picture to a loopback device for ever: from a file, or a grey one."""
    return f"""
import cv2, numpy, pyvirtualcam
picture = cv2.imread({picture!r}) if {picture!r} else numpy.full((240, 320, 3), 90, numpy.uint8)
height, width = picture.shape[:2]
with pyvirtualcam.Camera(width, height, 20, fmt=pyvirtualcam.PixelFormat.BGR, device={node!r}, backend="v4l2loopback") as camera:
    print("writing", flush=True)
    while True:
        camera.send(picture)
        camera.sleep_until_next_frame()
"""


# Ends well once somebody connects PipeWire's programs with its cameras.
_WAIT_FOR_MANAGER = """
import sys, time
from sharpen_core.output.pipewire.status import look_around
for _ in range(100):
    if look_around().session_manager:
        sys.exit()
    time.sleep(0.2)
sys.exit("there is no session manager")
"""


def write_png(path: Path, picture: Pixels) -> None:
    """Keeps a picture as a file."""
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def read_png(path: Path) -> Pixels:
    """A picture file."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert picture is not None, f"{path} is no picture"
    return picture


def read_xwd(data: bytes) -> Pixels:
    """A picture as X servers keep it (XWD, 32 bits a pixel): a header of big-endian numbers, colours, rows."""
    fields = struct.unpack_from(">25I", data)
    start, width, height, row_bytes, colours = fields[0], fields[4], fields[5], fields[12], fields[19]
    rows = np.frombuffer(data, np.uint8, row_bytes * height, start + 12 * colours).reshape(height, row_bytes)
    return rows.reshape(height, -1, 4)[:, :width, 2::-1].copy()


def psnr(one: Pixels, other: Pixels) -> float:
    """How alike two pictures are, in dB."""
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((one.astype(float) - other) ** 2))))


@dataclass(frozen=True)
class Ended:
    """How the program ended; the report is what `--json` prints."""

    code: int | None
    report: dict[str, Any]
    said: str


class Program:
    """Sharpened Camera, running in the guest."""

    def __init__(self, machine: Machine, log: str, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self._machine, self._log = machine, log
        # First in the guest, as on a machine with a core for itself: a browser without a GPU takes all that is left.
        command = ["nice", "-n", "-10", PROGRAM, *arguments]
        self.pid: int = machine.ask("start", command=command, log=log, environment=environment)

    @property
    def said(self) -> str:
        """What it has printed for people."""
        return (self._machine.share / f"{self._log}.err").read_text(encoding="utf-8")

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._machine.ask("is_running", pid=self.pid)

    def wait_until(self, text: str, timeout_s: float = 60, times: int = 1) -> "Program":
        """Waits until it has printed a text, perhaps several times."""
        give_up_s = time.monotonic() + timeout_s
        while self.said.count(text) < times:
            if not self.is_running:
                pytest.fail(f"the program ended instead of saying '{text}': {self.said}")
            if time.monotonic() > give_up_s:
                pytest.fail(f"the program has not said '{text}' within {timeout_s:.0f} s, but: {self.said}")
            time.sleep(0.1)
        return self

    def wait_until_live(self) -> "Program":
        """Waits until frames go out."""
        return self.wait_until(f"output: {NAME}")

    def end(self, by: str | None = "SIGINT", timeout_s: float = 30) -> Ended:
        """Ends it by a signal, or waits for its own end."""
        code = self._machine.ask("end", timeout_s + 30, pid=self.pid, by=by, timeout_s=timeout_s)
        assert code is not None, f"the program did not end within {timeout_s:.0f} s: {self.said}"
        out = (self._machine.share / f"{self._log}.out").read_text(encoding="utf-8").strip()
        return Ended(code, json.loads(out.splitlines()[-1]) if out.startswith("{") else {}, self.said)


class Lab:
    """What a test works with: the guest, the call, and the program."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.folder = machine, folder
        self.call = Call(machine, folder)
        self._logs = itertools.count(1)
        self.figures: dict[str, Any] = {}

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> Program:
        """Starts the program with any arguments."""
        return Program(self.machine, f"program-{next(self._logs)}", arguments, environment or {})

    def run(self, *arguments: str) -> Program:
        """Starts `sharpened-camera run` on the webcam, unless the arguments say otherwise: few frames, for the guest has one slow core."""
        return self.start("run", "--json", "--camera", "vivid", "--size", "640x360", "--fps", "10", *arguments)

    def load(self, **options: str) -> None:
        """Loads v4l2loopback with our usual options, or others."""
        self.unload()
        words = [f"{name}={value}" for name, value in {**STANDARD, **options}.items()]
        done = self.machine.ask("run", command=["modprobe", "v4l2loopback", *words])
        assert done["code"] == 0, done["err"]
        self.sh("udevadm settle --timeout=10")

    def unload(self) -> None:
        """Unloads v4l2loopback, whoever held it having just ended."""
        for _ in range(50):
            done = self.machine.ask("run", command=["modprobe", "-r", "v4l2loopback"])
            if done["code"] == 0:
                return
            time.sleep(0.1)
        pytest.fail(f"v4l2loopback cannot be unloaded: {done['err']}")

    def reads_camera(self) -> bool:
        """Whether a simple program that reads our virtual camera gets the webcam's picture."""
        picture = self.grab("/dev/video42", "read")
        points = [tuple(int(c) for c in picture[-72, (2 * bar + 1) * picture.shape[1] // 16]) for bar in range(8)]
        return Look(0, 0, picture.shape[1::-1], 0, tuple(points)).is_camera()

    def grab(self, node: str, name: str) -> Pixels:
        """A picture from a device, taken by OpenCV and kept as a file."""
        assert self.machine.ask("grab", node=node, name=name), f"{node} gives no picture"
        shutil.copy(self.machine.share / f"{name}.png", self.folder / f"{name}.png")
        return read_png(self.folder / f"{name}.png")

    def open_screen(self) -> str:
        """Starts an X server of 1280x800 that keeps its picture in a file; returns what DISPLAY must be."""
        command = ["Xvfb", ":97", "-screen", "0", "1280x800x24", "-fbdir", "/run/user"]
        self.machine.ask("start", command=command, log="xvfb")
        for _ in range(100):
            if self.machine.ask("run", command=["test", "-S", "/tmp/.X11-unix/X97"])["code"] == 0:
                return ":97"
            time.sleep(0.1)
        pytest.fail("the X server does not start")

    def screenshot(self, name: str) -> Pixels:
        """What the screen shows, kept as a file."""
        done = self.machine.ask("run", command=["cp", "/run/user/Xvfb_screen0", "/run/share/screen.xwd"])
        assert done["code"] == 0, done["err"]
        picture = read_xwd((self.machine.share / "screen.xwd").read_bytes())
        write_png(self.folder / f"{name}.png", picture)
        return picture

    def sh(self, script: str) -> str:
        """Runs a line of shell in the guest; returns what it prints."""
        done = self.machine.ask("run", command=["sh", "-c", script])
        assert done["code"] == 0, f"{script}: {done['err']}"
        return done["out"]

    def start_other(self, code: str, until: str, **environment: str) -> int:
        """Starts a Python program that is not ours, and waits until it has printed a word."""
        log = f"other-{next(self._logs)}"
        pid = self.machine.ask("start", command=[PYTHON, "-c", code], log=log, environment=environment)
        assert self.machine.ask("wait_for_text", path=f"/run/share/{log}.out", text=until, timeout_s=40), f"the other program: {log}"
        return pid

    def change(self, script: str, undo: str) -> None:
        """Runs a line of shell in the guest, and keeps the line that undoes it for when the next test begins."""
        self.machine.undoing.append(undo)
        self.sh(script)

    def hide(self, path: str) -> None:
        """Makes a file or folder of the guest empty."""
        self.change(
            f"mkdir -p /run/nothing; if [ -d {path} ]; then mount --bind /run/nothing {path}; else mount --bind /dev/null {path}; fi",
            undo=f"umount {path}",
        )

    def remove(self, path: str) -> None:
        """Takes a file of the guest away."""
        kept = f"/run/removed-{len(self.machine.undoing)}"
        self.change(f"mv {path} {kept}", undo=f"mv {kept} {path}")

    def put(self, path: str, text: str = "") -> None:
        """Writes a file that the guest does not have."""
        self.machine.undoing.append(f"rm -f {path}")
        self.machine.ask("write", path=path, text=text)

    def hide_module(self, other_kernel: str = "") -> None:
        """Takes v4l2loopback out of the running kernel's modules, perhaps into those of another one."""
        self.unload()
        if other_kernel:
            folder = f"/lib/modules/{other_kernel}"
            self.change(f"mkdir {folder} && cp /lib/modules/$(uname -r)/v4l2loopback.ko {folder}", undo=f"rm -r {folder}")
        self.change("mount -t tmpfs hidden /lib/modules/$(uname -r)", undo="umount /lib/modules/$(uname -r)")

    def replace_webcam(self, options: str) -> None:
        """Takes the webcam away for good, and plugs in what vivid makes with these options."""
        self.machine.ask("unplug")
        self.change(f"modprobe -r vivid && modprobe vivid {options}", undo=f"modprobe -r vivid; modprobe vivid {WEBCAM}")
        self.sh("udevadm settle --timeout=10")

    def start_pipewire(self, *, manager: bool = True, bus: bool = True) -> None:
        """Starts PipeWire for the guest's user, whole or in part."""
        self.machine.undoing.append("rm -f /run/user/pipewire-0* /run/user/bus")
        if bus:
            self._start_until("/run/user/bus", "dbus-daemon", "--session", "--nofork", "--address=unix:path=/run/user/bus")
        self._start_until("/run/user/pipewire-0", "pipewire")
        if manager:
            # WirePlumber 0.4 ends where systemd-logind has left nothing to look at.
            self.sh("mkdir -p /run/systemd/seats /run/systemd/sessions /run/systemd/users /run/systemd/machines")
            self.machine.ask(
                "start", command=["wireplumber"], log="wireplumber", environment={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/bus"}
            )
            self.sh(f"{PYTHON} -c '{_WAIT_FOR_MANAGER}'")

    def _start_until(self, appears: str, *command: str) -> None:
        self.machine.ask("start", command=command, log=command[0])
        self.sh(f"for i in $(seq 300); do [ -S {appears} ] && exit; sleep 0.1; done; exit 1")

    def mend(self) -> None:
        """Undoes what a test may have broken: everything is plugged in, loaded, free and as it was installed."""
        while self.machine.undoing:
            self.machine.ask("run", command=["sh", "-c", self.machine.undoing.pop()])
        self.load()
        self.machine.ask("unplug")
        self.machine.ask("plug")
        self.sh("udevadm settle --timeout=10")

    def doctor(self, user: str = "root", groups: str = "", **environment: str) -> dict[str, Any]:
        """What `doctor --json` finds, for some user who may be in groups."""
        command = ["env", *(f"{name}={value}" for name, value in environment.items()), PROGRAM, "doctor", "--json"]
        if user != "root":
            for folder in (*Path(PYTHON).parents, *Path(PYTHON).resolve().parents):
                self.machine.ask("run", command=["chmod", "a+rx", str(folder)])
            belongs = f"--groups={groups}" if groups else "--clear-groups"
            command = ["setpriv", f"--reuid={user}", belongs, "env", "HOME=/tmp", *command]
        done = self.machine.ask("run", 150, command=command, timeout_s=120)
        (self.folder / "doctor.json").write_text(done["out"], encoding="utf-8")
        assert done["out"].startswith("{"), done["err"]
        report = json.loads(done["out"])
        assert done["code"] == report["exit_code"]
        return report

    def keep(self, name: str, **figures: Any) -> None:
        """Keeps measured figures, shown at the end of the run."""
        self.figures[name] = figures
