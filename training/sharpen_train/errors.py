"""What can go wrong in training, as one tree.

TrainError
├── ConfigError       an option or a name is wrong
├── DataError         pictures are missing or cannot be read
├── CheckpointError   a run folder is missing, damaged or of another architecture
└── ExportError       an exported model does not do what the trained one does
"""

from sharpen_core.errors import SharpenError


class TrainError(SharpenError):
    """Base of everything that `sharpen-train` reports to its user."""

    exit_code = 30


class ConfigError(TrainError):
    """An option or a name is wrong."""

    exit_code = 31


class DataError(TrainError):
    """Pictures are missing or cannot be read."""

    exit_code = 32


class CheckpointError(TrainError):
    """A run folder is missing, damaged, or of another architecture."""

    exit_code = 33


class ExportError(TrainError):
    """An exported model does not do what the trained one does."""

    exit_code = 34
