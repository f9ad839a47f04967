"""Setting up on Windows and macOS: registering Unity Capture under our name, or the way to OBS. Neither was tried on a real machine yet."""

import plistlib
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from sharpen_core.errors import OutputError
from sharpen_core.output.driver import LABEL, OBS_NAME, Driver, find_driver
from sharpened_camera.camera_setup.errors import NotAllowed, SetupError
from sharpened_camera.camera_setup.linux import Surroundings, Wish
from sharpened_camera.diagnosis.computer import Computer

UNTRIED = "This part has not been tried on a real machine yet; please report what happens."
_LIBRARIES = ("UnityCaptureFilter32.dll", "UnityCaptureFilter64.dll")
_UNITY_PAGE = "https://github.com/schellingb/UnityCapture"
_OBS_PAGE = "https://obsproject.com/download"
_OLDEST_OBS = 30
_REFUSED = 1223  # ERROR_CANCELLED: the question for the administrator was answered by No

RunElevated = Callable[[Sequence[str]], int]


def run_elevated(command: Sequence[str]) -> int:
    """Runs a Windows command as administrator, after the system has asked; returns its exit code."""
    program, *arguments = (word.replace("'", "''") for word in command)
    listed = ",".join(f"'{word}'" for word in arguments)
    line = (
        f"try {{ $p = Start-Process '{program}' -ArgumentList {listed} -Verb RunAs -Wait -PassThru; exit $p.ExitCode }} "
        f"catch {{ exit {_REFUSED} }}"
    )
    return subprocess.run(["powershell", "-NoProfile", "-NonInteractive", "-Command", line], check=False).returncode  # noqa: S603, S607


def set_up_windows(wish: Wish, around: Surroundings, run: RunElevated = run_elevated) -> None:
    """Registers Unity Capture as our camera if its files are here, else tells what to install.

    Raises:
        SetupError: nothing can be done here, or it did not work.
    """
    around.say(UNTRIED)
    driver = _driver(around.computer)
    is_ours = driver is not None and driver.backend == "unitycapture"
    libraries = find_libraries(around.computer)
    if wish.undo:
        if not is_ours:
            around.say("Nothing to remove.")
            return
        _register(libraries, wish, around, run, undo=True)
    elif is_ours or (driver and not libraries):
        around.say(f"Nothing to do. Pick '{driver.name_to_pick if driver else LABEL}' in the call.")
    else:
        _register(libraries, wish, around, run, undo=False)


def _register(libraries: list[Path], wish: Wish, around: Surroundings, run: RunElevated, *, undo: bool) -> None:
    if not libraries:
        raise SetupError(
            "Unity Capture's files are not on this computer",
            f"download {_UNITY_PAGE} and unpack it in your Downloads folder, then run setup again; or install OBS Studio 28 or later "
            f"({_OBS_PAGE}) and pick '{OBS_NAME}' in the call",
        )
    for library in libraries:
        command = ["regsvr32", "/s", *(["/u"] if undo else [f'"/i:UnityCaptureName={LABEL}"']), f'"{library}"']
        around.say(f"As administrator: {' '.join(command)}")
        if wish.dry_run:
            continue
        if not wish.yes and not around.ask("Go on?"):
            raise NotAllowed("nothing was changed")
        code = run(command)
        if code == _REFUSED:
            raise NotAllowed("the permission was not given")
        if code:
            raise SetupError(
                f"regsvr32 refused {library.name} (exit code {code})", "move its folder to a place that stays, then run setup again"
            )
    if not wish.dry_run:
        around.say("Done." if undo else f"Done. Pick '{LABEL}' in the call. Its files must stay where they are.")


def find_libraries(computer: Computer) -> list[Path]:
    """Unity Capture's two libraries, where somebody has unpacked them."""
    places = [computer.environment.get(name) for name in ("ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA")]
    folders = [computer.path(place) for place in (*places, computer.home / "Downloads") if place]
    for folder in folders:
        for first in sorted([*folder.glob(f"UnityCapture*/{_LIBRARIES[1]}"), *folder.glob(f"UnityCapture*/**/{_LIBRARIES[1]}")]):
            return [library for name in _LIBRARIES if (library := first.with_name(name)).is_file()]
    return []


def set_up_mac(wish: Wish, around: Surroundings) -> None:
    """Tells which step to OBS's camera is missing; programs cannot take it for the user.

    Raises:
        SetupError: a step is missing.
    """
    around.say(UNTRIED)
    if wish.undo:
        around.say("Nothing to remove: OBS's camera is OBS's own.")
        return
    if driver := _driver(around.computer):
        around.say(f"Nothing to do. Pick '{driver.name_to_pick}' in the call.")
        return
    version = obs_version(around.computer)
    if version is None:
        raise SetupError("OBS Studio is not installed", f"install version {_OLDEST_OBS} or later from {_OBS_PAGE}, then run setup again")
    if int("".join(filter(str.isdigit, version.split(".")[0])) or 0) < _OLDEST_OBS:
        raise SetupError(f"OBS Studio {version} is too old", f"update it to version {_OLDEST_OBS} or later from {_OBS_PAGE}")
    raise SetupError(
        "OBS Studio has not installed its camera yet",
        "open OBS, press Start Virtual Camera once, allow it in System Settings (Login Items & Extensions, Camera Extensions), "
        f"press Stop, and quit OBS; then pick '{OBS_NAME}' in the call",
    )


def obs_version(computer: Computer) -> str | None:
    """The version of the installed OBS; None if there is none."""
    for place in ("/Applications/OBS.app", computer.home / "Applications/OBS.app"):
        if data := computer.data(Path(place) / "Contents/Info.plist"):
            try:
                return str(plistlib.loads(data).get("CFBundleShortVersionString", "0"))
            except (plistlib.InvalidFileException, ValueError):
                return "0"
    return None


def _driver(computer: Computer) -> Driver | None:
    try:
        return find_driver(LABEL, computer.system)
    except OutputError:
        return None
