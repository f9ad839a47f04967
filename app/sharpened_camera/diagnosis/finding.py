"""What a layer is found to be, and the table of everything that can be found."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    GOOD = "ok"
    NOTE = "note"
    MISSING = "missing"
    BROKEN = "broken"


EXIT_CODES = {Level.GOOD: 0, Level.NOTE: 0, Level.MISSING: 3, Level.BROKEN: 4}
_SEVERITY = list(Level)
_LONGEST_FACT = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one layer.

    Attributes:
        layer: which part between the lens and the call, such as "virtual camera".
        code: names the kind of finding, for programs; never changes its meaning.
        level: how bad it is.
        state: one line, what is.
        fix: one line, what to do; empty where nothing has to be done.
    """

    layer: str
    code: str
    level: Level
    state: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table of findings: what can be found, in words with {facts} to fill in."""

    layer: str
    code: str
    level: Level
    state: str
    fix: str = ""

    def found(self, **facts: object) -> Finding:
        """The finding with these facts. Line breaks and control characters in names of devices and programs are taken out."""
        words = {name: _one_line(str(fact)) for name, fact in facts.items()}
        return Finding(self.layer, self.code, self.level, self.state.format(**words), self.fix.format(**words))


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level of all; GOOD for none."""
    return max((finding.level for finding in findings), key=_SEVERITY.index, default=Level.GOOD)


def _one_line(text: str) -> str:
    line = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    return line if len(line) <= _LONGEST_FACT else f"{line[:_LONGEST_FACT]}…"
