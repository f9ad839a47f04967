"""A folder that appears only when it is complete."""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path

import psutil

from sharpen_train.data.dataset import is_dataset
from sharpen_train.errors import DataError, DiskFullError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def whole_folder(out: Path, *, force: bool) -> Generator[Path]:
    """Gives a temporary folder beside `out` that takes its name at the end of the block.

    Left by any exception, Ctrl-C too, it is removed and what was at `out` is untouched. What a killed process left
    behind is removed by the next one.

    Args:
        out: the folder to make.
        force: replace a dataset that is there. Anything else that is there is never replaced.

    Raises:
        DataError: `out` is occupied or its parent cannot be written to.
        DiskFullError: the disk is full.
    """
    _refuse_occupied(out, force=force)
    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(out)
        draft.mkdir()
        yield draft
        _put_in_place(draft, out, force=force)
    except OSError as exc:
        if exc.errno in _FULL:
            raise DiskFullError(f"the disk is full: {out} was not written", "Free some space or choose another folder.") from exc
        raise DataError(f"cannot write {out}: {exc.strerror or exc}", "Choose another folder.") from exc
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_occupied(out: Path, *, force: bool) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if not is_dataset(out) and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out} exists and is not a dataset", "Choose another name; it is never replaced.")
    if is_dataset(out) and not force:
        raise DataError(f"there is a dataset in {out} already", "Choose another name, or replace it with --force.")


def _remove_left_behind(out: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(out.name)}\.(\d+)\.part")
    for path in out.parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found and (int(found[1]) == os.getpid() or not psutil.pid_exists(int(found[1]))):
            shutil.rmtree(path, ignore_errors=True)


def _put_in_place(draft: Path, out: Path, *, force: bool) -> None:
    """Renames; a dataset that is replaced steps aside first, so that one of the two is there whenever the process ends."""
    _refuse_occupied(out, force=force)
    if is_dataset(out):
        aside = draft.with_name(f"{draft.name}.old")
        out.rename(aside)
        draft.rename(out)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        draft.rename(out)  # onto nothing or an empty folder
