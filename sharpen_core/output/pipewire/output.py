"""The camera that other programs see through PipeWire, as an output of the pipeline."""

import numpy as np
from numpy.typing import NDArray

from sharpen_core.errors import OutputError, OutputFormatUnsupported
from sharpen_core.frame import Frame, Pixels, Size
from sharpen_core.letterbox import even_size, fit_even
from sharpen_core.output.driver import LABEL, System
from sharpen_core.output.i420 import rgb_to_i420
from sharpen_core.output.pipewire.backend import PipeWireBackend
from sharpen_core.output.pipewire.status import name_to_pick


class PipeWireOutput:
    """Publishes frames through PipeWire, whether somebody reads them or not.

    The size is fixed while it is open, since readers agree to it once: other frames are letterboxed, and an odd last row or column
    is cut off. While the daemon is away frames are dropped; when it is started again the camera is there again with the next frame.
    """

    def __init__(self, name: str = LABEL, *, system: System | None = None) -> None:
        """Opens nothing yet.

        Args:
            name: what people see, told apart from a loopback of ours where there is one.
            system: where to look for that loopback; this computer if not given.
        """
        self._label = name
        self._system = system or System()
        self._size = Size(0, 0)
        self._fourcc = ""
        self._backend: PipeWireBackend | None = None

    @property
    def name(self) -> str:
        """The name to pick in the call."""
        return self._backend.device() if self._backend is not None else name_to_pick(self._label, self._system)

    def open(self, size: Size, fps: float) -> None:
        """Publishes a camera of `size`.

        Raises:
            OutputDriverMissing: PipeWire is not installed or does not run.
            OutputFormatUnsupported: it takes no pictures of this size.
            OutputError: it refuses the camera.
        """
        self.close()
        if min(even_size(size)) < 2:
            raise OutputFormatUnsupported(f"a PipeWire camera cannot be {size}", "send at least 2x2 pixels")
        self._size = even_size(size)
        self._fourcc = choose_fourcc(self._size)
        self._backend = PipeWireBackend(
            width=self._size.width,
            height=self._size.height,
            fps=max(1.0, fps),
            fourcc=int.from_bytes(self._fourcc.encode(), "little"),
            device=self.name,
        )

    def send(self, frame: Frame) -> None:
        """Hands one frame over at once.

        Raises:
            OutputError: it is not open.
        """
        if self._backend is None:
            raise OutputError(f"{self._label} is not open in PipeWire")
        pixels = fit_even(frame.pixels, self._size)
        self._backend.send((rgb_to_i420 if self._fourcc == "I420" else rgb_to_yuyv)(pixels).reshape(-1))

    def watchers(self) -> int | None:
        """How many programs read now; None while it is closed."""
        return self._backend.watchers() if self._backend is not None else None

    @property
    def reconnects(self) -> int:
        """How often the daemon was started again while it was open."""
        return self._backend.reconnects if self._backend is not None else 0

    def close(self) -> None:
        """Takes the camera away."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


def choose_fourcc(size: Size) -> str:
    """I420, which browsers want, where its rows need no padding; else YUYV.

    GStreamer pads the rows of I420's quarter planes to 4 bytes and would read ours askew, while browsers know no padding.
    """
    return "I420" if size.width % 8 == 0 else "YUY2"


def rgb_to_yuyv(pixels: Pixels) -> NDArray[np.uint8]:
    """Converts to packed 4:2:2, BT.601 in limited range.

    Args:
        pixels: (height, width, 3) uint8 RGB, both sides even.

    Returns:
        (height, width, 2) uint8, C-contiguous, new: Y, and U and V by turns.
    """
    height, width = pixels.shape[:2]
    planes = rgb_to_i420(pixels).reshape(-1)
    packed = np.empty((height, width, 2), np.uint8)
    packed[..., 0] = planes[: height * width].reshape(height, width)
    for place, quarter in enumerate(planes[height * width :].reshape(2, height // 2, 1, width // 2)):
        packed[..., 1].reshape(height // 2, 2, width)[:, :, place::2] = quarter
    return packed
