"""The output that keeps nothing."""

from sharpen_core.errors import OutputError
from sharpen_core.frame import Frame, Size


class NullOutput:
    """Counts frames and lets them go: for measuring, and for tests.

    Attributes:
        sent: frames taken since it was made.
        size: what `open` was last given.
    """

    def __init__(self, name: str = "nowhere") -> None:
        self._name = name
        self._open = False
        self.sent = 0
        self.size: Size | None = None

    @property
    def name(self) -> str:
        """What a person calls this output."""
        return self._name

    def open(self, size: Size, fps: float) -> None:
        """Starts taking frames; `fps` does not matter here."""
        del fps
        self.size = size
        self._open = True

    def send(self, frame: Frame) -> None:
        """Counts the frame.

        Raises:
            OutputError: it is not open.
        """
        del frame
        if not self._open:
            raise OutputError(f"{self._name} is not open")
        self.sent += 1

    def watchers(self) -> int | None:
        """Cannot be known."""
        return None

    def close(self) -> None:
        """Stops taking frames."""
        self._open = False
