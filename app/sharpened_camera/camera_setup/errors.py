"""What can keep `setup` from its work.

SharpenError          exit code
└── SetupError        6
    ├── NotAllowed    7
    └── Conflict      8
"""

from sharpen_core.errors import SharpenError


class SetupError(SharpenError):
    """The virtual camera could not be set up."""

    exit_code = 6


class NotAllowed(SetupError):
    """Nobody gave root's permission; nothing was changed."""

    exit_code = 7


class Conflict(SetupError):
    """What is there already cannot be kept together with our camera; nothing was changed."""

    exit_code = 8
