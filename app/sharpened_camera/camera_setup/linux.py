"""Setting up on Linux: the plan, the question, the step as root, and what came of it."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sharpen_core.output.driver import LABEL
from sharpened_camera.camera_setup.errors import Conflict, NotAllowed, SetupError
from sharpened_camera.camera_setup.plan import Now, Plan, plan_setup, plan_undo
from sharpened_camera.camera_setup.script import CHANGED, NOT_WRITTEN, SYSTEM_FOLDERS, write_script
from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.kernel_module import UNSIGNED, takes_signed_only
from sharpened_camera.diagnosis.loopbacks import list_loopbacks

_REFUSED_BY_PKEXEC = (126, 127)
_APPEARS_S = 3.0
_KEY_WORDS = ("key was rejected", "required key not available", "operation not permitted")

Say = Callable[[str], None]
Ask = Callable[[str], bool]
RunAsRoot = Callable[[Sequence[str], str], "subprocess.CompletedProcess[str]"]


def run_shell(command: Sequence[str], script: str) -> "subprocess.CompletedProcess[str]":
    """Runs a shell that reads the script from its standard input; what it complains about is captured."""
    return subprocess.run([*command, "/bin/sh", "-s"], input=script, encoding="utf-8", errors="replace", capture_output=True, check=False)  # noqa: S603  (pkexec, sudo or nothing)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user typed.

    Attributes:
        number: which /dev/video* to make; None leaves it to the program.
        undo: take everything away again.
        dry_run: only show what would be done.
        yes: do not ask.
    """

    number: int | None = None
    undo: bool = False
    dry_run: bool = False
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What setting up needs from outside; tests give their own.

    Attributes:
        computer: this computer.
        say: prints a line.
        ask: asks a question that is answered by yes or no.
        run: runs a script with a command in front that makes it root's.
        folders: where root's commands are looked for.
        clock: monotonic seconds.
        sleep: waits for seconds.
    """

    say: Say
    ask: Ask
    computer: Computer = field(default_factory=Computer)
    run: RunAsRoot = run_shell
    folders: str = SYSTEM_FOLDERS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def set_up(wish: Wish, around: Surroundings) -> None:
    """Does what the user wishes, on Linux.

    Raises:
        SetupError: it cannot be done, was not allowed, or did not work.
    """
    if around.computer.exists("/.flatpak-info"):
        raise SetupError("inside Flatpak the system's settings cannot be reached", "run setup outside, from the program's own package")
    plan = plan_undo(around.computer) if wish.undo else plan_setup(around.computer, wish.number)
    if plan.is_empty:
        for remark in plan.remarks:
            around.say(remark)
        around.say(_nothing_to_do(plan, undo=wish.undo))
        return
    script = write_script(plan, around.computer.root, around.folders)
    _show(plan, around.say)
    command = _elevation(around.computer)
    if wish.dry_run:
        around.say(f"\nThis would run as root ({' '.join([*command, '/bin/sh', '-s'])}), and nothing else:\n\n{script}")
        return
    if not wish.yes and not around.ask("Go on?"):
        raise NotAllowed("nothing was changed")
    _judge(around.run(command, script), plan, around.computer)
    around.say(_outcome(plan, around, undo=wish.undo))


def _nothing_to_do(plan: Plan, *, undo: bool) -> str:
    if undo:
        return "Nothing to remove."
    if plan.now is Now.WAIT:
        return (
            "Everything is written already. Restart the computer: a program uses the cameras of v4l2loopback, which must be loaded again."
        )
    return f"Nothing to do. Pick '{LABEL}' in the call."


def _show(plan: Plan, say: Say) -> None:
    for remark in plan.remarks:
        say(f"Note: {remark}.")
    for change in plan.changes:
        say(f"Remove {change.path}" if change.text is None else f"Write {change.path}:")
        for line in (change.text or "").splitlines():
            say(f"    {line}")
    say(f"Now: {plan.now.value} (/dev/video{plan.number})")


def _elevation(computer: Computer) -> list[str]:
    """What makes a command root's: nothing for root, a dialog on a desktop, else sudo.

    Raises:
        NotAllowed: there is no way.
    """
    if computer.user.uid == 0:
        return []
    has_screen = any(computer.environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if has_screen and computer.which("pkexec"):
        return ["pkexec"]
    if computer.which("sudo"):
        return ["sudo", "--"]
    raise NotAllowed("this needs root's permission, and neither pkexec nor sudo is installed", "as root run: sharpened-camera setup")


def _judge(done: "subprocess.CompletedProcess[str]", plan: Plan, computer: Computer) -> None:
    """Turns the script's end into an error that says what to do.

    Raises:
        SetupError: it did not do everything.
    """
    words = " ".join(done.stderr.split())
    if done.returncode == 0:
        return
    if done.returncode == CHANGED:
        raise Conflict(words or "a file changed meanwhile", "run setup again")
    if done.returncode == NOT_WRITTEN:
        raise SetupError(f"a file could not be written: {words}", "look at the space and the permissions of /etc")
    if done.returncode in _REFUSED_BY_PKEXEC or "password" in words.lower() or "not in the sudoers" in words:
        raise NotAllowed("the permission was not given; nothing was changed", "as root run: sharpened-camera setup")
    kept = "the files are written" if plan.changes else "nothing was changed"
    if any(key in words.lower() for key in _KEY_WORDS) and (takes_signed_only(computer) or "key" in words.lower()):
        raise SetupError(f"{kept}, but the kernel refuses v4l2loopback: it takes signed modules only (Secure Boot)", UNSIGNED.fix)
    if "in use" in words.lower() or "busy" in words.lower():
        raise SetupError(f"{kept}, but a program uses the camera", "close the programs that use it, or restart the computer")
    raise SetupError(
        f"{kept}, but v4l2loopback did not obey: {words or f'exit code {done.returncode}'}",
        "restart the computer, then: sharpened-camera doctor",
    )


def _outcome(plan: Plan, around: Surroundings, *, undo: bool) -> str:
    if plan.now is Now.WAIT:
        return "Done. Restart the computer: other programs' cameras, or programs that use ours, are not disturbed now."
    if undo:
        return "Done. What setup wrote is gone."
    give_up_s = around.clock() + _APPEARS_S
    while not _is_usable(around.computer):
        if around.clock() >= give_up_s:
            return f"The files are written, but '{LABEL}' has not appeared. Restart the computer, then: sharpened-camera doctor"
        around.sleep(0.1)
    return f"Done. Pick '{LABEL}' in the call."


def _is_usable(computer: Computer) -> bool:
    return any(device.label == LABEL and computer.exists(device.node) for device in list_loopbacks(computer))
