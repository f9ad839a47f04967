"""The survey's page in a real browser: Chromium, driven through its DevTools protocol over a pair of pipes."""

import base64
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.evaluation.survey import KEY, PAGE, Key, SurveyOptions, make_survey
from sharpen_train.evaluation.survey_tally import tally

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which is not installed")

# Chromium reads commands from descriptor 3 and writes answers to 4.
PLACE_PIPES = "import os, sys; a, b = map(os.dup, map(int, sys.argv[1:3])); c, d = os.dup(a), os.dup(b)\n"
PLACE_PIPES += "os.dup2(c, 3); os.dup2(d, 4); os.execv(sys.argv[3], sys.argv[3:])"
PATIENCE_MS = 30_000


class Browser:
    """A headless Chromium with one page in it."""

    def __init__(self, profile: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"]
        command += ["--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}", "about:blank"]
        place = [sys.executable, "-c", PLACE_PIPES, str(commands), str(answers)]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([*place, *command], pass_fds=(commands, answers), **silent)
        os.close(commands)
        os.close(answers)
        self._unread = b""
        self._number = 0
        self._loaded = False
        self._session: str | None = None
        self.complaints: list[str] = []
        pages = [target for target in self.call("Target.getTargets")["targetInfos"] if target["type"] == "page"]
        self._session = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        self.call("Runtime.enable")
        self.call("Page.enable")

    def close(self) -> None:
        os.close(self._commands)  # which Chromium takes as a goodbye
        self._process.wait(20)
        os.close(self._answers)

    def call(self, method: str, **params: object) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> dict:
        while b"\0" not in self._unread:
            data = os.read(self._answers, 1 << 20)
            assert data, "the browser went away"
            self._unread += data
        raw, self._unread = self._unread.split(b"\0", 1)
        message = json.loads(raw)
        self._loaded = self._loaded or message.get("method") == "Page.loadEventFired"
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(message["params"]))
        return message

    def run(self, expression: str) -> object:
        """Evaluates JavaScript, waiting for promises."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_until(self, condition: str) -> None:
        promise = f"""new Promise((done, fail) => {{
            const since = performance.now();
            const look = () => {condition} ? done() : performance.now() - since > {PATIENCE_MS} ? fail("never") : setTimeout(look, 5);
            look();
        }})"""
        self.run(promise)

    def open(self, page: Path) -> None:
        self._loaded = False
        self.call("Page.navigate", url=page.as_uri())
        while not self._loaded:
            self._read()

    def press(self, key: str) -> None:
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector: str) -> None:
        """Clicks with the mouse in the middle of an element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.run(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def look(self, file: Path, width: int, height: int, dark: bool = False) -> None:
        """Writes a screenshot."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def survey(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for number in range(3):
        cv2.imwrite(str(data / f"{number}.png"), sharp_picture(Size(150, 200), number))
    make_survey({"student": lambda p: p, "other": lambda p: 255 - p}, data, tmp_path / "out", SurveyOptions(3, ["heavy"]), lambda _: None)
    return tmp_path / "out"


def shown(browser):
    """The random name of the picture on the screen."""
    browser.wait_until("ready")
    return browser.run("document.querySelector('#stage img').src.match(/([0-9a-f]+)\\.png$/)[1]")


def rate_everything(browser, key, opinions, first=0):
    """Rates what is left by keys and clicks in turn."""
    for number in range(first, len(key.pictures)):
        value = opinions[key.pictures[shown(browser)].system]
        if number % 2:
            browser.press(str(value))
        else:
            browser.click(f".scale button[value='{value}']")
        browser.wait_until(f"state.at === {number + 1}")


def test_a_person_rates_everything_and_the_answers_are_tallied(browser, survey, tmp_path):
    key = Key.model_validate_json((survey / KEY).read_bytes())
    opinions = {"input": 2, "student": 4, "other": 1, "truth": 5}
    browser.open(survey / PAGE / "index.html")
    browser.click("#start")
    rate_everything(browser, key, opinions)
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.wait_until("!part('end').hidden")
    for width in (390, 1280):
        browser.look(tmp_path / "end.png", width, 800)
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.click("#download")
    file = tmp_path / f"answers-{browser.run('state.rater')}.json"
    # The browser names the file when it is complete; asking it something gives it the time to.
    for _ in range(2000):
        if file.exists():
            break
        browser.wait_until("true")
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(browser.run("part('answers').value"))
    result = tally([file], survey / KEY)
    assert {opinion.system: opinion.mean for opinion in result.opinions} == opinions
    assert all(opinion.ratings == 3 for opinion in result.opinions)
    assert browser.complaints == []


def test_a_reload_loses_nothing(browser, survey):
    page = survey / PAGE / "index.html"
    browser.open(page)
    browser.click("#start")
    key = Key.model_validate_json((survey / KEY).read_bytes())
    first = shown(browser)
    browser.press("3")
    browser.wait_until("state.at === 1")
    second = shown(browser)
    browser.open(Path("/nonexistent").parent)
    browser.open(page)
    assert shown(browser) == second
    assert browser.run("state.ratings") == {first: 3}
    browser.press("ArrowLeft")
    assert shown(browser) == first
    assert browser.run("document.querySelector('.scale [aria-pressed=true]').value") == "3"
    rate_everything(browser, key, dict.fromkeys(key.systems, 4))
    assert set(json.loads(browser.run("part('answers').value"))["ratings"].values()) == {4}


def test_zoom_doubles_the_picture(browser, survey):
    browser.open(survey / PAGE / "index.html")
    browser.click("#start")
    shown(browser)
    width = "document.querySelector('#stage img').getBoundingClientRect().width"
    assert browser.run(width) == 200
    browser.press("z")
    assert browser.run(width) == 400
    browser.click("label[for=zoom1]")
    assert browser.run(width) == 200


def test_versions_of_a_scene_do_not_follow_each_other(browser, survey):
    browser.open(survey / PAGE / "index.html")
    script = "Array.from({length: 200}, () => drawOrder().map(id => pictures.get(id).scene))"
    orders = browser.run(script)
    assert len({tuple(order) for order in orders}) > 150
    for order in orders:
        assert sorted(order) == sorted(list(range(3)) * 4)
        assert all(one != other for one, other in pairwise(order))


def test_a_missing_picture_is_said(browser, survey):
    browser.open(survey / PAGE / "index.html")
    for file in (survey / PAGE / "pictures").iterdir():
        file.unlink()
    browser.click("#start")
    browser.wait_until("!part('trouble').hidden")
    assert "missing" in browser.run("part('trouble').textContent")
    browser.press("5")
    assert browser.run("state.ratings") == {}


def test_everything_that_can_be_used_has_a_name(browser, survey):
    browser.open(survey / PAGE / "index.html")
    browser.click("#start")
    shown(browser)
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    usable = [node for node in tree if node["role"]["value"] in {"button", "radio", "progressbar", "image", "textbox"}]
    assert len(usable) >= 10
    assert all(node["name"]["value"] for node in usable if not node["ignored"])


def test_it_fits_on_a_phone(browser, survey, tmp_path):
    browser.open(survey / PAGE / "index.html")
    browser.click("#start")
    shown(browser)
    browser.look(tmp_path / "phone.png", 360, 640)
    picture = cv2.imread(str(tmp_path / "phone.png"))
    assert picture.shape[:2] == (640, 360)
    assert np.ptp(picture) > 100
    assert browser.run("document.documentElement.scrollWidth") <= 360
    lowest = browser.run("Math.max(...Array.from(document.querySelectorAll('.scale button'), b => b.getBoundingClientRect().bottom))")
    assert lowest <= 640
    browser.call("Emulation.clearDeviceMetricsOverride")
