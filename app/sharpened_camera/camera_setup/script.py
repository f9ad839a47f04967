"""The only thing that runs as root: a shell script of fixed commands, with nothing in it but paths, hashes and texts of the plan.

It first makes sure that no file has changed since the plan was shown. Files are written whole or not at all.
"""

import re
import shlex
from pathlib import Path

from sharpen_core.output.driver import LABEL
from sharpened_camera.camera_setup.files import FILES
from sharpened_camera.camera_setup.plan import HIGHEST_NUMBER, Change, Now, Plan
from sharpened_camera.diagnosis.modprobe import MODULE

SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
CHANGED, NOT_WRITTEN, NOT_DONE = 10, 11, 12
"""Exit codes: a file changed since it was looked at; a file could not be written; the module did not obey."""

_HEAD = """\
# sharpened-camera setup, as root
set -eu
umask 022
export PATH={path} LC_ALL=C
unchanged() {{ # FILE SHA256 (- for no file)
    if [ "$2" = - ]; then [ ! -e "$1" ] && [ ! -L "$1" ]; else [ ! -L "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; fi ||
        {{ echo "$1 has changed meanwhile" >&2; exit {changed}; }}
}}
put() {{ # FILE, its text from standard input
    mkdir -p "${{1%/*}}" && new=$(mktemp "$1.XXXXXX") || exit {not_written}
    if cat >"$new" && chmod 644 "$new" && mv -f "$new" "$1"; then :; else rm -f "$new"; exit {not_written}; fi
}}
"""

_NOW = {
    Now.LOAD: f"modprobe {MODULE}",
    Now.RELOAD: f"modprobe -r {MODULE} && modprobe {MODULE}",
    Now.ADD: f"v4l2loopback-ctl add -n {shlex.quote(LABEL)} -x 1 /dev/video{{number}}",
    Now.UNLOAD: f"modprobe -r {MODULE}",
    Now.DELETE: "v4l2loopback-ctl delete /dev/video{number}",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_END = "END-OF-FILE"


def write_script(plan: Plan, root: Path = Path("/"), folders: str = SYSTEM_FOLDERS) -> str:
    """The script that carries a plan out.

    Args:
        plan: what to do; checked again here, because root will do it.
        root: where the files begin.
        folders: where commands are looked for.

    Raises:
        ValueError: the plan touches a file that is not ours, or contains what cannot be written.
    """
    _check(plan)
    lines = [_HEAD.format(path=shlex.quote(folders), changed=CHANGED, not_written=NOT_WRITTEN)]
    paths = {change.path: shlex.quote(str(root / change.path.lstrip("/"))) for change in plan.changes}
    lines += [f"unchanged {paths[change.path]} {change.before or '-'}\n" for change in plan.changes]
    lines += [_write(change, paths[change.path]) for change in plan.changes]
    lines.append("if command -v udevadm >/dev/null; then udevadm control --reload || true; fi\n")
    if command := _NOW.get(plan.now):
        lines.append(f"{{ {command.format(number=plan.number)}; }} || exit {NOT_DONE}\n")
    if plan.now in (Now.LOAD, Now.RELOAD, Now.ADD):
        lines.append("if command -v udevadm >/dev/null; then udevadm settle --timeout=5 || true; fi\n")
    return "".join(lines)


def _write(change: Change, path: str) -> str:
    if change.text is None:
        return f"rm -f {path}\n"
    return f"put {path} <<'{_END}'\n{change.text}{_END}\n"


def _check(plan: Plan) -> None:
    if not 0 <= plan.number <= HIGHEST_NUMBER:
        raise ValueError(f"no device has the number {plan.number}")
    for change in plan.changes:
        if change.path not in FILES:
            raise ValueError(f"{change.path} is not ours")
        if change.before is not None and not _SHA256.fullmatch(change.before):
            raise ValueError("not a sha256")
        lines = (change.text or "\n").split("\n")
        if lines[-1] or not all(line.isprintable() and line != _END for line in lines):
            raise ValueError(f"the text for {change.path} cannot be written")
