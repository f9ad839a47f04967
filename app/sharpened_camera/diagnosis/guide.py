"""docs/troubleshooting.md, and the table in the README, made from the same table as the doctor's lines.

python -m sharpened_camera.diagnosis.guide > docs/troubleshooting.md
python -m sharpened_camera.diagnosis.guide --faults        the README's table
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import astuple

from sharpened_camera.diagnosis.distribution import COMMANDS
from sharpened_camera.diagnosis.finding import Kind, Level
from sharpened_camera.diagnosis.report import KINDS

_HEAD = """\
# Troubleshooting

`sharpened-camera doctor` looks at every layer between the lens and the call and says which one is at fault, what to do about it, and the
name to pick. The window shows the same under **Check my set-up**. `doctor --json` is for programs, and the exit code is that of the worst
line: 0 (`ok`, `note`), 3 (`missing`) or 4 (`broken`).

On Linux, `sharpened-camera setup` makes the virtual camera for good: it shows what it will write, asks for root once, and
`sharpened-camera setup --undo` takes away just that.

These are all the lines that the doctor has, layer by layer. Words in *italics* stand for what it finds on your computer; the commands of
your distribution are at the end.
<!-- Made by: python -m sharpened_camera.diagnosis.guide -->
"""

_LEVELS = {Level.GOOD: "ok", Level.NOTE: "note", Level.MISSING: "**missing**", Level.BROKEN: "**broken**"}


def render(kinds: Iterable[Kind] = KINDS) -> str:
    """The page."""
    layers: dict[str, list[Kind]] = {}
    for kind in kinds:
        layers.setdefault(kind.layer, []).append(kind)
    return "\n".join([_HEAD, *(_chapter(layer, rows) for layer, rows in layers.items()), _commands()])


def render_faults(kinds: Iterable[Kind] = KINDS) -> str:
    """The lines behind which there is no picture in the call, as one table: layer, what it says, what to do."""
    faults = [kind for kind in kinds if kind.level in (Level.MISSING, Level.BROKEN)]
    rows = [f"| {kind.layer} | {_words(kind.state)} | {_words(kind.fix)} |" for kind in faults]
    return "\n".join(["| layer | what the doctor says | what to do |", "|---|---|---|", *rows, ""])


def _commands() -> str:
    rows = [
        f"| {family} | " + " | ".join(f"`{text.format(release='$(uname -r)')}`" for text in astuple(todo)) + " |"
        for family, todo in COMMANDS.items()
    ]
    return "\n".join(
        ["## Commands by distribution", "", "| | *install* | *headers* | *rebuild* | portal |", "|---|---|---|---|---|", *rows, ""]
    )


def _chapter(layer: str, kinds: list[Kind]) -> str:
    rows = [f"| {_LEVELS[kind.level]} | {_words(kind.state)} | {_words(kind.fix) or 'nothing'} |" for kind in kinds]
    return "\n".join([f"## {layer[:1].upper()}{layer[1:]}", "", "| | what it says | what to do |", "|---|---|---|", *rows, ""])


def _words(text: str) -> str:
    """Facts in italics, options of the command line not joined into dashes, columns kept apart."""
    escaped = text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return re.sub(r"\{(\w+)\}", lambda fact: f"*{fact[1]}*", escaped.replace("_", "\\_"))


if __name__ == "__main__":
    sys.stdout.write(render_faults() if "--faults" in sys.argv else render())
