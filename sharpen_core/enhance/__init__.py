"""Sharpens picture and clip files, without a camera."""

from collections.abc import Callable
from pathlib import Path

from sharpen_core.enhance.clip import enhance_clip
from sharpen_core.enhance.header import read_header
from sharpen_core.enhance.picture import enhance_picture
from sharpen_core.frame import Pixels

__all__ = ["enhance", "enhance_clip", "enhance_picture"]


def enhance(
    source: Path,
    target: Path,
    sharpen: Callable[[Pixels], Pixels],
    progress: Callable[[int, int | None], None],
    overwrite: bool = False,
) -> None:
    """Sharpens a picture or a clip: what it is, its content decides, not its name.

    Args:
        source: the file to read.
        target: the file to write; complete or not there.
        sharpen: gets and returns (height, width, 3) uint8 RGB of the same size; its errors pass through.
        progress: called with the frames done and, where known, their total; once with 1 of 1 for a picture.
        overwrite: replace an existing target, which may be the source.

    Raises:
        MediaError, OutputError: as `enhance_picture` and `enhance_clip` say.
    """
    if read_header(source) is None:
        enhance_clip(source, target, sharpen, progress=progress, overwrite=overwrite)
        return
    enhance_picture(source, target, sharpen, overwrite=overwrite)
    progress(1, 1)
