"""One output of a session: opened, lost, opened again."""

import logging
import time
from collections.abc import Callable

from sharpen_core.errors import OutputError, OutputFormatUnsupported, OutputUnwritable
from sharpen_core.events import Event, OutputLost, OutputOpened
from sharpen_core.frame import Frame, Size
from sharpen_core.loops.belt import PipelineOptions
from sharpen_core.output.base import Output
from sharpen_core.reopen import Backoff

log = logging.getLogger(__name__)

_STEADY_S = 5.0  # what failed sooner after it was opened is not mended: the next pause is longer
_FINAL = (OutputUnwritable, OutputFormatUnsupported)  # no device to come back: a file that is lost, or a wish that cannot be granted


class Outlet:
    """Belongs to the output thread.

    Args:
        output: what it stands for.
        options: whether it is required, and opened again.
        on_event: told when it opens, and when it is lost: once for each reason.
    """

    def __init__(self, output: Output, options: PipelineOptions, on_event: Callable[[Event], None]) -> None:
        self._output, self._options, self._on_event = output, options, on_event
        self._backoff = Backoff(options.retries_s)
        self._size, self._fps = Size(0, 0), 0.0
        self._open = False
        self._opened_s = 0.0
        self._retry_at_s: float | None = None
        self._told = ""

    def open_first(self, size: Size, fps: float) -> None:
        """Opens the output for the session; its size never changes from now on.

        Raises:
            OutputError: it could not be opened, and the session needs it.
        """
        self._size, self._fps = size, fps
        try:
            self._try_to_open()
        except OutputError as error:
            if self._options.outputs_required:
                raise
            self._lose(error)

    def send(self, frame: Frame) -> None:
        """Sends a frame if the output is open.

        Raises:
            OutputError: the output failed, is required, and cannot be opened again.
        """
        if not self._open:
            return
        try:
            self._output.send(frame)
        except OutputError as error:
            if self._options.outputs_required and not self._returns(error):
                raise
            if time.monotonic() - self._opened_s > _STEADY_S:
                self._backoff.restart()
            self._lose(error)
            self._shut()

    def mend(self) -> None:
        """Opens the output again if it was lost and it is time to try."""
        if self._retry_at_s is None or time.monotonic() < self._retry_at_s:
            return
        self._retry_at_s = None
        try:
            self._try_to_open()
        except OutputError as error:
            self._lose(error)

    def watchers(self) -> int | None:
        """How many programs watch it; nobody while it is lost."""
        return self._output.watchers() if self._open else 0

    def close(self) -> None:
        """Closes the output; may be called again.

        Raises:
            OutputError: the last of it could not be written.
        """
        self._retry_at_s = None
        if self._open:
            self._open = False
            self._output.close()

    def _try_to_open(self) -> None:
        self._output.open(self._size, self._fps)
        self._open, self._opened_s = True, time.monotonic()
        self._on_event(OutputOpened(self._output.name))

    def _returns(self, error: OutputError) -> bool:
        return self._options.reopen_outputs and not isinstance(error, _FINAL)

    def _lose(self, error: OutputError) -> None:
        if self._returns(error):
            self._retry_at_s = time.monotonic() + self._backoff.next_s()
        log.log(logging.DEBUG if str(error) == self._told else logging.WARNING, "output %s: %s", self._output.name, error)
        if self._open or str(error) != self._told:
            self._on_event(OutputLost(self._output.name, error))
        self._told = str(error)

    def _shut(self) -> None:
        """Closes what has failed; that it cannot be closed either tells nothing new."""
        self._open = False
        try:
            self._output.close()
        except OutputError as error:
            log.warning("closing output %s: %s", self._output.name, error)
