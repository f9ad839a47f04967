"""What every receiver of frames offers."""

from typing import Protocol

from sharpen_core.frame import Frame, Size


class Output(Protocol):
    """A receiver of frames.

    One thread calls `open`, then `send` for each frame, then `close`, which may follow a failure and may be called twice; after it
    the output can be opened again. The size given to `open` holds until `close`: frames of another size are letterboxed by the output.
    """

    @property
    def name(self) -> str:
        """What a person calls this output: for a virtual camera, the name to pick in the call."""
        ...

    def open(self, size: Size, fps: float) -> None:
        """Takes hold of the device or file for frames of `size` at about `fps` frames per second.

        Raises:
            OutputError: it cannot be used (driver missing, busy, format, unwritable).
        """
        ...

    def send(self, frame: Frame) -> None:
        """Hands one frame over; does not wait for the next one's time.

        Raises:
            OutputError: the device or file no longer takes frames.
        """
        ...

    def watchers(self) -> int | None:
        """How many programs take frames from it now; None where that cannot be known. Called while open, up to 20 times a second."""
        ...

    def close(self) -> None:
        """Completes what was written and lets go.

        Raises:
            OutputError: the last of it could not be written.
        """
        ...
