"""A PipeWire of the test's own: bus, daemon and session manager in a folder that goes with it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sharpen_core.errors import OutputError
from sharpen_core.output.pipewire.status import look_around
from sharpen_core.pipewire.library import library

PROGRAMS = ("pipewire", "wireplumber", "dbus-daemon")
READER = Path(__file__).with_name("pipewire_reader.py")
PATIENCE_S = 20


def missing():
    """Why no session can be started here; empty if one can."""
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    try:
        library()
    except OutputError as error:
        absent.append(error.message)
    return ", ".join(absent)


def until(condition, what, patience_s=PATIENCE_S):
    """Waits until something holds, and returns it."""
    give_up_s = time.monotonic() + patience_s
    while time.monotonic() < give_up_s:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s} s in vain: {what}")


@contextlib.contextmanager
def pipewire_session(folder):
    """A session that this process belongs to as well, until the end of the block."""
    patch = pytest.MonkeyPatch()
    for name in ("PIPEWIRE_REMOTE", "PIPEWIRE_RUNTIME_DIR"):
        patch.delenv(name, raising=False)
    patch.setenv("XDG_RUNTIME_DIR", str(folder))
    session = PipeWireSession(folder)
    try:
        session.start_bus()
        session.start_pipewire()
        yield session
    finally:
        session.close()
        patch.undo()


class PipeWireSession:
    """Processes in a runtime folder; `environment` is what a program needs to find them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.environment = {
            "XDG_RUNTIME_DIR": str(self.folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.folder}/bus",
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }
        self._running = {}
        self._readings = []

    def start_bus(self):
        """Starts the bus on which portals are found."""
        self.start("dbus-daemon", "--session", "--nofork", f"--address={self.environment['DBUS_SESSION_BUS_ADDRESS']}")
        until(lambda: (self.folder / "bus").exists(), "the bus")

    def start(self, *command, **environment):
        """Starts a program in the session; its output goes to a file of its name in the folder."""
        with (self.folder / f"{Path(command[0]).name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=os.environ | self.environment | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._running[command[0]] = process
        return process

    def start_pipewire(self):
        """Starts the daemon and the session manager, and waits until they are ready."""
        self.start("pipewire")
        until(lambda: (self.folder / "pipewire-0").exists(), "the daemon's socket")
        self.start("wireplumber")
        until(lambda: self._looked(), "the session manager")

    def _looked(self):
        with contextlib.suppress(OutputError):
            return look_around().session_manager
        return None

    def stop(self, *names):
        """Ends programs of the session."""
        for name in names:
            process = self._running.pop(name)
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop_pipewire(self):
        """Ends the daemon and the session manager, as a restart or a crash does."""
        self.stop("wireplumber", "pipewire")

    def close(self):
        """Ends everything, the last first."""
        self.stop(*reversed(self._running))

    def read(self, camera, fourcc, size, count, *options):
        """Starts a reader of a camera."""
        self._readings.append(Reading(self, [camera, fourcc, str(size), str(count), *map(str, options)]))
        return self._readings[-1]

    def end_readers(self):
        """Ends the readers that still run."""
        for reading in self._readings:
            reading.kill()
        self._readings.clear()


class Reading:
    """A reader in a process of its own."""

    def __init__(self, session, arguments):
        self._seen = None
        command = [sys.executable, str(READER), *arguments]
        self.process = subprocess.Popen(command, env=os.environ | session.environment, stdout=subprocess.PIPE, encoding="utf-8")
        assert self.process.stdout.readline() == "ready\n"

    def is_over(self):
        return self.process.poll() is not None

    def result(self):
        """What it saw."""
        if self._seen is None:
            printed, _ = self.process.communicate(timeout=PATIENCE_S)
            self._seen = json.loads(printed.splitlines()[-1])
        return self._seen

    def kill(self):
        """Ends it without a chance to say goodbye."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
