"""What browsers get from our PipeWire camera, through the camera portal: no root, no kernel module."""

import contextlib
import http.server
import json
import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pipewire_session import missing, pipewire_session, until

from sharpen_core.frame import Frame, Size
from sharpen_core.output.pipewire.output import PipeWireOutput

pytestmark = [pytest.mark.devices, pytest.mark.timeout(180)]

LABEL = "Sharpened Camera"
SIZE, FPS, SECONDS = Size(720, 1280), 30, 5
BARS = ((190, 191, 1), (0, 191, 0), (189, 1, 0), (0, 0, 0))
STRIP_PX = 32  # at the top, where the number of the frame is shown as a grey
PORTAL = Path("/usr/libexec")
PROGRAMS = {"the camera portal": PORTAL / "xdg-desktop-portal", "its dialogues": PORTAL / "xdg-desktop-portal-gtk"}
DESKTOP = {"xdg-desktop-portal-gtk": "org.freedesktop.impl.portal.desktop.gtk", "xdg-desktop-portal": "org.freedesktop.portal.Desktop"}
STORE_NAME = ("-d", "org.freedesktop.impl.portal.PermissionStore", "-o", "/org/freedesktop/impl/portal/PermissionStore")

CHROMIUM = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required", "--enable-features=WebRtcPipeWireCamera",
)  # fmt: skip
FIREFOX = {
    "media.webrtc.camera.allow-pipewire": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
}


@pytest.fixture(scope="module")
def desktop(tmp_path_factory):
    """PipeWire and the camera portal, in which every program has been allowed to use cameras."""
    absent = [what for what, program in PROGRAMS.items() if not program.exists()]
    absent += [program for program in ("Xvfb", "gdbus") if not shutil.which(program)]
    if reason := ", ".join([*absent, *filter(None, [missing()])]):
        pytest.skip(f"not installed: {reason}")
    with pipewire_session(tmp_path_factory.mktemp("desktop")) as session, screen() as display:
        session.environment |= {"DISPLAY": display, "XDG_CURRENT_DESKTOP": "gnome", "GIO_USE_VFS": "local"}
        # One after the other: a name that is asked for before it has an owner would start a second program without a screen.
        for program, owns in DESKTOP.items():
            session.start(str(PORTAL / program))
            waiting = ["gdbus", "wait", "--session", "--timeout", "30", owns]
            subprocess.run(waiting, env=os.environ | session.environment, check=True)
        method = "org.freedesktop.impl.portal.PermissionStore.SetPermission"
        until(lambda: gdbus(session, *STORE_NAME, "-m", method, "devices", "true", "camera", "", "['yes']"), "the permission store")
        yield session


@contextlib.contextmanager
def screen():
    """A screen that nobody sees; its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"]
    with os.fdopen(reading) as number, subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as process:
        os.close(writing)
        yield f":{number.readline().strip()}"
        process.terminate()


def gdbus(session, *arguments):
    command = ["gdbus", "call", "--session", *arguments]
    answer = subprocess.run(command, env=os.environ | session.environment, capture_output=True, encoding="utf-8", check=False)
    return answer.stdout.strip()


@pytest.fixture
def camera(desktop):
    """Our camera, sending bars and a strip that changes with every frame, as the program does."""
    output = PipeWireOutput(LABEL)
    output.open(SIZE, FPS)
    over = threading.Event()
    picture = np.repeat(np.repeat(np.array([BARS], np.uint8), SIZE.width // len(BARS), axis=1), SIZE.height, axis=0)

    def send():
        began_s = time.monotonic()
        number = 0
        while not over.wait(max(0.0, began_s + number / FPS - time.monotonic())):
            pixels = picture.copy()
            pixels[:STRIP_PX] = 30 + number % 50 * 4
            output.send(Frame(pixels, number, time.monotonic_ns()))
            number += 1

    sending = threading.Thread(target=send)
    sending.start()
    yield output
    over.set()
    sending.join()
    output.close()


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = Path(__file__).with_name("pipewire_page.html").read_bytes()
        self.send_response(200 if self.path.startswith("/?") else 404)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(page)

    def do_POST(self):
        self.server.saw.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def page():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    server.saw = queue.Queue()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server
    server.shutdown()
    server.server_close()
    serving.join()


@contextlib.contextmanager
def browsing(session, *command):
    process = session.start(*command)
    try:
        yield process
    finally:
        session.stop(command[0])


def chromium(url, folder):
    return ("chromium", *CHROMIUM, f"--user-data-dir={folder}", url)


def firefox(url, folder):
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in FIREFOX.items()]
    (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
    return ("firefox-esr", "--headless", "--no-remote", "--profile", str(folder), url)


@pytest.mark.parametrize("browser", [chromium, firefox])
def test_a_browser_sees_our_camera_through_the_portal(desktop, camera, page, tmp_path, browser):
    url = f"http://127.0.0.1:{page.server_port}/?seconds={SECONDS}&bars={len(BARS)}"
    command = browser(url, tmp_path)
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    with browsing(desktop, *command):
        saw = page.saw.get(timeout=60)
    print(json.dumps(saw))
    assert "error" not in saw, saw
    assert saw["labels"] == [saw["label"]] == [LABEL]
    assert saw["size"] == [SIZE.width, SIZE.height]
    assert saw["different"] >= 10
    assert saw["frames"] >= 0.3 * FPS * SECONDS  # all of them on a machine that has nothing else to do
    assert np.abs(np.array(saw["colours"]) - BARS).max() <= 8
    until(lambda: camera.watchers() == 0, "the browser let go")
