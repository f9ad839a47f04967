"""A file that appears only when it is complete."""

import contextlib
import errno
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from sharpen_core.errors import OutputUnwritable

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space or choose another folder"),
    errno.EDQUOT: ("your disk quota is used up", "free some space or choose another folder"),
    errno.EACCES: ("the folder is not writable for you", "choose another folder"),
    errno.EPERM: ("the folder is not writable for you", "choose another folder"),
    errno.EROFS: ("the disk is read-only", "choose another folder"),
    errno.ENOENT: ("the folder does not exist", "create it or choose another"),
    errno.ENOTDIR: ("the folder does not exist", "create it or choose another"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EFBIG: ("the file grew too large for this disk", "choose another disk or a shorter clip"),
}


def unwritable(path: Path, error: OSError) -> OutputUnwritable:
    """Says in one line why `path` cannot be written."""
    reason, hint = _REASONS.get(error.errno or 0, (error.strerror or str(error) or type(error).__name__, "choose another folder"))
    return OutputUnwritable(f"cannot write {path}: {reason}", hint)


class Draft:
    """A file under a temporary name beside its target; it takes the target's name only when it is complete.

    Used in a `with` block it is kept at the end and removed if the block is left by any exception, Ctrl-C too. The
    owner writes to `path`, an empty file, and must have closed it before `keep` or `discard`.

    Attributes:
        path: the temporary file, in the target's folder so that the renaming is atomic.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        """Makes the temporary file.

        Raises:
            OutputUnwritable: the target exists and `overwrite` is false, is a folder, or its folder cannot be written to.
        """
        self._target = Path(os.path.realpath(target))  # a link stays a link: what it points to is replaced
        self._overwrite = overwrite
        self.path = self._target.with_name(f".{secrets.token_hex(6)}.part")
        self._done = False
        try:
            self._refuse_occupied()
            # Made here, not by tempfile, so that the result has the permissions of any new file and not 0600.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as exc:
            raise unwritable(target, exc) from exc

    def _refuse_occupied(self) -> None:
        if self._target.is_dir():
            raise OutputUnwritable(f"cannot write {self._target}: it is a folder", "give a file name")
        if self._target.exists() and not self._overwrite:
            raise OutputUnwritable(f"{self._target} exists already", "choose another name, or replace it with --force")

    def keep(self) -> None:
        """Gives the file its target's name, once.

        Raises:
            OutputUnwritable: the target has appeared meanwhile or cannot be replaced; the temporary file is removed.
        """
        if self._done:
            return
        try:
            self._refuse_occupied()
            os.replace(self.path, self._target)
            self._done = True
        except OSError as exc:
            raise unwritable(self._target, exc) from exc
        finally:
            self.discard()

    def discard(self) -> None:
        """Removes the temporary file unless it was kept; may be called twice."""
        if not self._done:
            self._done = True
            with contextlib.suppress(OSError):
                self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()
