"""Putting a model's folder in place as one: whatever interrupts it, there is the old one or the new one, never a half."""

from collections.abc import Iterable
from pathlib import Path

from sharpen_train.distil.checkpoint import write_folder
from sharpen_train.errors import ExportError


def place(source: Path, names: Iterable[str], target: Path) -> None:
    """Copies the files `names` of `source` to the folder `target`, which they replace.

    Raises:
        DiskFullError: there is no room; what was there before is intact.
        ExportError: the folder cannot be written.
    """
    try:
        write_folder(target, {name: (source / name).read_bytes() for name in names})
    except OSError as error:
        raise ExportError(f"cannot write {target}: {error.strerror}", "Choose a folder that you may write to.") from error
