"""Records what is sent as a video file."""

import contextlib
import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import OutputContainer

from sharpen_core.draft import Draft
from sharpen_core.encoder import Colour, Quality, VideoEncoder, clip_format, close_container, open_container
from sharpen_core.errors import OutputError, OutputFormatUnsupported
from sharpen_core.frame import Frame, Size
from sharpen_core.letterbox import even_size, fit_even

log = logging.getLogger(__name__)

_TIME_BASE = Fraction(1, 90_000)  # the clock of MPEG: fine enough for any camera, known to every player
_QUALITY = Quality(crf=20, preset="veryfast", threads=2)


@dataclass(slots=True)
class _Recording:
    """What is held between `open` and `close`."""

    draft: Draft
    container: OutputContainer
    encoder: VideoEncoder
    size: Size
    first_ns: int | None = None
    last_time: int = -1


class FileRecorder:
    """Writes frames as H.264 into .mp4, .m4v, .mov or .mkv, each shown at the time it was captured.

    The file has a temporary name until `close` completes it. A recording that failed or got no frame leaves nothing
    behind. At most two threads encode, beside the caller's. Colours are BT.709 from 720 lines on, else BT.601, limited
    range, and tagged so. An odd last row or column is cut off: 4:2:0 video cannot hold it.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._path = path
        self._overwrite = overwrite
        self._recording: _Recording | None = None

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self._path)

    def open(self, size: Size, fps: float) -> None:
        """Creates the file under a temporary name in the same folder.

        Raises:
            OutputFormatUnsupported: the suffix is unknown, or the size is below 2x2.
            OutputUnwritable: the file exists and shall not be replaced, or the folder cannot be written to.
        """
        self.close()
        clip_format(self._path)
        if min(even_size(size)) < 2:
            raise OutputFormatUnsupported(f"a video cannot be {size}", "record at least 2x2 pixels")
        draft = Draft(self._path, overwrite=self._overwrite)
        try:
            self._recording = self._begin(draft, even_size(size), fps)
        except BaseException:
            draft.discard()
            raise

    def _begin(self, draft: Draft, size: Size, fps: float) -> _Recording:
        container = open_container(draft.path, self._path)
        encoder = VideoEncoder(
            container,
            self._path,
            size,
            fps=Fraction(max(1.0, fps)).limit_denominator(1001),
            time_base=_TIME_BASE,
            quality=_QUALITY,
            colour=Colour.of_lines(size.height),
        )
        return _Recording(draft, container, encoder, size)

    def send(self, frame: Frame) -> None:
        """Encodes one frame.

        Raises:
            OutputError: it is not open.
            OutputUnwritable: the disk takes no more; the recording is gone.
        """
        recording = self._recording
        if recording is None:
            raise OutputError(f"{self._path} is not open")
        if recording.first_ns is None:
            recording.first_ns = frame.captured_ns
        elapsed_ns = frame.captured_ns - recording.first_ns
        # A container refuses two frames at one time, or time running backwards.
        recording.last_time = max(recording.last_time + 1, round(elapsed_ns * _TIME_BASE.denominator / 1_000_000_000))
        try:
            recording.encoder.encode(fit_even(frame.pixels, recording.size), recording.last_time)
        except BaseException:
            self._abandon()
            raise

    def watchers(self) -> int | None:
        """Cannot be known."""
        return None

    def close(self) -> None:
        """Completes the file and gives it its name; without a frame, removes it.

        Raises:
            OutputUnwritable: the last of it could not be written; nothing is left behind.
        """
        recording = self._recording
        if recording is None:
            return
        if recording.first_ns is None:
            self._abandon()
            return
        try:
            recording.encoder.flush()
            close_container(recording.container, self._path)
            recording.draft.keep()
        except BaseException:
            self._abandon()
            raise
        self._recording = None

    def _abandon(self) -> None:
        """Lets go of everything and removes the file."""
        recording, self._recording = self._recording, None
        if recording is None:
            return
        # A file that cannot be written to cannot be completed either: that was already reported.
        with contextlib.suppress(OutputError):
            close_container(recording.container, self._path)
        recording.draft.discard()
        log.info("the recording %s was discarded", self._path)
