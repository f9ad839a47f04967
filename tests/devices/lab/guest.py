"""The guest's side of the lab: does what the tests ask, one request after the other.

Host and guest share a folder. Request N is the file `ask-N.json`: {"do": ACTION, "with": {ARGUMENT: VALUE}}; its answer is
`answer-N.json`: {"value": ...} or {"error": TEXT}. Both appear whole, by being renamed. The guest ends when it is asked for "off".

Times are those of the guest's monotonic clock, in seconds, so that they compare with the times of frames.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARE = Path(sys.argv[1])
VIVID = Path("/sys/bus/platform/drivers/vivid")
CHROMIUM = [
    "/usr/bin/chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    "--in-process-gpu", "--enable-features=RunVideoCaptureServiceInBrowserProcess",
    "--use-fake-ui-for-media-stream", "--remote-debugging-pipe", "--js-flags=--expose-gc",
]  # fmt: skip

started: dict[int, subprocess.Popen[bytes]] = {}
actions: dict[str, Callable[..., Any]] = {}


def action(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function one of those that the tests may ask for."""
    actions[function.__name__] = function
    return function


# ---- processes ----------------------------------------------------------------------------------------------------------------


@action
def run(command: list[str], timeout_s: float = 60) -> dict[str, Any]:
    """Runs a command to its end."""
    began_s = time.monotonic()
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=timeout_s, stdin=subprocess.DEVNULL)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr, "took_s": time.monotonic() - began_s}


@action
def start(command: list[str], log: str, environment: dict[str, str] | None = None) -> int:
    """Starts a command that goes on; its output goes into LOG.out and LOG.err in the shared folder."""
    with (SHARE / f"{log}.out").open("wb") as out, (SHARE / f"{log}.err").open("wb") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True, env={**os.environ, **(environment or {})}
        )
    started[process.pid] = process
    return process.pid


@action
def end(pid: int, by: str | None, timeout_s: float = 30) -> int | None:
    """Ends a started command by a signal's name, or waits for its own end; returns its exit code, negative for a signal."""
    process = started[pid]
    if by is not None:
        process.send_signal(signal.Signals[by])
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    del started[pid]
    return code


@action
def is_running(pid: int) -> bool:
    """Whether a started command still runs."""
    return started[pid].poll() is None


@action
def tidy() -> None:
    """Ends whatever was started and still runs."""
    for process in started.values():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    started.clear()


# ---- files and modules ---------------------------------------------------------------------------------------------------------


@action
def read(path: str) -> str | None:
    """A text file of the guest; None if it is not there."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


@action
def write(path: str, text: str) -> None:
    """Writes a file of the guest."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


@action
def wait_for_text(path: str, text: str, timeout_s: float) -> bool:
    """Waits until a file contains a text."""
    give_up_s = time.monotonic() + timeout_s
    while text not in (read(path) or ""):
        if time.monotonic() > give_up_s:
            return False
        time.sleep(0.02)
    return True


@action
def now() -> float:
    """The monotonic clock."""
    return time.monotonic()


held_up: list[tuple[float, float]] = []


def feel() -> None:
    """Notes when this process wanted to go on, and how much later than that it could: a computer that is busy holds up the whole guest."""
    while True:
        wanted_s = time.monotonic() + 0.02
        time.sleep(0.02)
        late_s = time.monotonic() - wanted_s
        if late_s > 0.03:
            held_up.append((wanted_s, late_s))


@action
def lag(since_s: float) -> float:
    """For how long, since a time by the monotonic clock, the guest was held up."""
    return sum(late_s for wanted_s, late_s in held_up if wanted_s >= since_s)


# ---- the webcam ----------------------------------------------------------------------------------------------------------------


@action
def unplug() -> float:
    """Takes the webcam away; returns when, by the monotonic clock."""
    now_s = time.monotonic()
    if (VIVID / "vivid.0").exists():
        (VIVID / "unbind").write_text("vivid.0", encoding="utf-8")
    return now_s


@action
def plug() -> float:
    """Plugs the webcam in; returns when it was there, by the monotonic clock."""
    if not (VIVID / "vivid.0").exists():
        (VIVID / "bind").write_text("vivid.0", encoding="utf-8")
    return time.monotonic()


@action
def webcam() -> str | None:
    """The webcam's device node; None while it is unplugged."""
    for entry in sorted(Path("/sys/class/video4linux").glob("video*")):
        if (entry / "name").read_text(encoding="utf-8").startswith("vivid"):
            return f"/dev/{entry.name}"
    return None


@action
def set_control(name: str, value: int) -> None:
    """Sets one of the webcam's controls, by linuxpy's name."""
    from linuxpy.video.device import Device

    with Device(webcam()) as device:
        device.controls[name].value = value


@action
def grab(node: str, name: str) -> bool:
    """Reads a device for two seconds, as a simple program does, and keeps the last frame as NAME.png in the shared folder.

    A loopback whose writer has only just come is no camera yet; so it is tried again for some seconds.
    """
    import cv2

    give_up_s = time.monotonic() + 10
    capture = cv2.VideoCapture(node, cv2.CAP_V4L2)
    good, picture = capture.read() if capture.isOpened() else (False, None)
    while not good and time.monotonic() < give_up_s:
        time.sleep(0.2)
        good, picture = capture.read() if capture.open(node, cv2.CAP_V4L2) else (False, None)
    try:
        until_s = time.monotonic() + 2
        while good and time.monotonic() < until_s:
            good, picture = capture.read()
        return good and cv2.imwrite(str(SHARE / f"{name}.png"), picture)
    finally:
        capture.release()


@action
def wait_for_light(node: str, timeout_s: float) -> float | None:
    """Opens a device, and returns how long it took until a picture came whose lower left is bright, as no placeholder's is."""
    import cv2

    began_s = time.monotonic()
    capture = cv2.VideoCapture(node, cv2.CAP_V4L2)
    try:
        while time.monotonic() - began_s < timeout_s:
            good, picture = capture.read()
            if good and picture[-picture.shape[0] // 5, picture.shape[1] // 16].min() > 150:
                return time.monotonic() - began_s
        return None
    finally:
        capture.release()


# ---- the browser ---------------------------------------------------------------------------------------------------------------


class Browser:
    """Chromium without a window, driven over its debugging pipe: messages are JSON, each ended by a zero byte."""

    def __init__(self, page: str, log: str) -> None:
        # The browser wants to read from descriptor 3 and to write to 4; bash puts them there.
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 50) for end in (to_read, to_write)]
        command = ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash", *CHROMIUM, f"--user-data-dir=/tmp/{log}", page]
        with (SHARE / f"{log}.log").open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=ends, start_new_session=True
            )
        for end in (to_read, to_write, *ends):
            os.close(end)
        self._number, self._rest = 0, b""
        self._session: dict[str, str] = {}
        self._attach(page)

    def _attach(self, page: str) -> None:
        give_up_s = time.monotonic() + 90
        while time.monotonic() < give_up_s:
            for target in [] if self._session else self._ask("Target.getTargets", 90)["targetInfos"]:
                if target["type"] == "page" and target["url"] == page:
                    answer = self._ask("Target.attachToTarget", 60, targetId=target["targetId"], flatten=True)
                    self._session = {"sessionId": answer["sessionId"]}
            if self._session and self._shows(page):
                return
            time.sleep(0.2)
        raise TimeoutError("the browser does not show the page")

    def _shows(self, page: str) -> bool:
        try:
            return self.evaluate("document.readyState + ' ' + location", 60) == f"complete {page}"
        except RuntimeError:  # on its way to the page
            return False

    def evaluate(self, expression: str, timeout_s: float) -> Any:
        """Evaluates JavaScript in the page, and waits for what it promises."""
        answer = self._ask("Runtime.evaluate", timeout_s, expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description") or json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def _ask(self, method: str, timeout_s: float, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        give_up_s = time.monotonic() + timeout_s
        while True:
            while b"\0" in self._rest:
                text, self._rest = self._rest.split(b"\0", 1)
                answer = json.loads(text)
                if answer.get("id") == self._number:
                    if "error" in answer:
                        raise RuntimeError(f"{method}: {answer['error']}")
                    return answer["result"]
            if not select.select([self._from], [], [], max(0.0, give_up_s - time.monotonic()))[0]:
                raise TimeoutError(f"the browser does not answer {method}")
            data = os.read(self._from, 1 << 20)
            if not data:
                raise RuntimeError("the browser has ended")
            self._rest += data

    def close(self) -> None:
        """Ends the browser with all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        os.close(self._to)
        os.close(self._from)


browser: Browser | None = None


@action
def open_browser(page: str, log: str) -> None:
    """Opens the page in a browser, unless one is open already: that takes most of a minute on a busy computer."""
    global browser
    if browser is None or browser.process.poll() is not None:
        browser = Browser(page, log)


@action
def leave_call() -> None:
    """Lets the browser, if one is open, let go of the camera; one that does not answer is closed."""
    global browser
    if browser is not None:
        try:
            browser.evaluate("leave()", 10)
        except (RuntimeError, TimeoutError, OSError):
            browser.close()
            browser = None


@action
def evaluate(expression: str, timeout_s: float = 60) -> Any:
    """Evaluates JavaScript in the open page."""
    assert browser is not None, "no browser is open"
    return browser.evaluate(expression, timeout_s)


# ---- requests ------------------------------------------------------------------------------------------------------------------


def bring_up_network() -> None:
    """Switches the loopback network on: programs talk to themselves over it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0x1 | 0x40)  # up, running
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Does what is asked; whatever goes wrong is told to the test."""
    try:
        return {"value": actions[request["do"]](**request["with"])}
    except Exception:
        return {"error": traceback.format_exc()}


def serve() -> None:
    """Answers one request after the other until the last."""
    number = 0
    while True:
        asked = SHARE / f"ask-{number}.json"
        if not asked.exists():
            time.sleep(0.03)
            continue
        request = json.loads(asked.read_text(encoding="utf-8"))
        if request["do"] == "off":
            return
        part = SHARE / f"answer-{number}.part"
        part.write_text(json.dumps(answer(request)), encoding="utf-8")
        part.rename(SHARE / f"answer-{number}.json")
        number += 1


def switch_off() -> None:
    """Ends the guest."""
    os.sync()
    ctypes.CDLL(None).reboot(0x4321FEDC)  # RB_POWER_OFF


if __name__ == "__main__":
    bring_up_network()
    threading.Thread(target=feel, daemon=True).start()
    serve()
    switch_off()
