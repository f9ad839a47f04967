"""What can go wrong in training, as one tree.

TrainError              30
├── ConfigError         31  an option, a setting or a name is wrong
├── DataError           32  pictures or a dataset are missing, damaged or do not match
├── CheckpointError     33  weights or a run folder are missing, damaged or of another architecture
├── ExportError         34  an exported model does not do what the trained one does
├── DivergedError       35  the loss is no longer finite
├── TeacherError        36  the teacher cannot be used
├── DiskFullError       37  a file could not be written to its end
└── MissingExtraError   38  a library is missing that only this command needs
"""

import difflib
from collections.abc import Iterable

from sharpen_core.errors import SharpenError


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Returns a hint for an unknown name: the choice that looks like it, or all of them."""
    choices = list(choices)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"Did you mean {close[0]}?" if close else f"Choose one of: {', '.join(choices)}"


class TrainError(SharpenError):
    """Base of everything that `sharpen-train` reports to its user."""

    exit_code = 30


class ConfigError(TrainError):
    """An option, a setting or a name is wrong."""

    exit_code = 31


class DataError(TrainError):
    """Pictures or a dataset are missing, damaged, or do not match."""

    exit_code = 32


class CheckpointError(TrainError):
    """Weights or a run folder are missing, damaged, or of another architecture."""

    exit_code = 33


class ExportError(TrainError):
    """An exported model does not do what the trained one does."""

    exit_code = 34


class DivergedError(TrainError):
    """The loss is no longer finite; the last good state is kept."""

    exit_code = 35


class TeacherError(TrainError):
    """The teacher cannot be used."""

    exit_code = 36


class DiskFullError(TrainError):
    """A file could not be written to its end; what was there before is intact."""

    exit_code = 37


class MissingExtraError(TrainError):
    """A library is missing that only this command needs."""

    exit_code = 38
