"""Whether a loopback device takes a writer, and the repair of one that v4l2loopback 0.12 has locked.

With exclusive_caps=1, v4l2loopback before 0.13 withdraws "takes output" at the first write() and gives it back only when a
program that has called STREAMON closes the device. pyvirtualcam, ffmpeg and OBS only write(), so after the first session,
ended well or killed, the device is neither camera nor output and every further start fails, until the module is loaded again
(https://github.com/v4l2loopback/v4l2loopback/issues/470; Debian 12 has 0.12.7). Calling STREAMON and closing the device
ourselves unlocks it, before our first frame and, for the programs that come after us, after our last. Elsewhere this does nothing:
a device that takes output is only asked, and one with a writer is left alone.
"""

import contextlib
import os
import struct
import time
from collections.abc import Callable, Generator
from pathlib import Path

_VIDIOC_QUERYCAP = 0x80685600
_VIDIOC_STREAMON = 0x40045612
_CAPABILITY_BYTES = 104
_DEVICE_CAPS_OFFSET_BYTES = 88
_CAN_CAPTURE = 0x1
_CAN_OUTPUT = 0x2
_OUTPUT_BUFFERS = struct.pack("i", 2)

_WATCH_S = 1.2  # a paused writer of ours sends one frame a second
_LOOK_EVERY_S = 0.03


def is_free(node: Path, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether a program may start to write to the device; unlocks it first where that is needed.

    Takes up to 1.2 s where a reader holds a device that has lost its writer, else no time. A node that does not tell,
    because it is none or this user may not open it, counts as free: opening it for output then says what is wrong.

    Args:
        node: the device file of a loopback.
        clock: monotonic seconds; for tests.
        sleep: waits for seconds; for tests.
    """
    try:
        with _opened(node) as descriptor:
            capabilities = _capabilities(descriptor)
            if capabilities & _CAN_OUTPUT:
                return True
            # Without "capture" nobody has written since it was last closed by all.
            if capabilities & _CAN_CAPTURE and _is_fed(descriptor, clock, sleep):
                return False
        _unlock(node)
        with _opened(node) as descriptor:
            return bool(_capabilities(descriptor) & _CAN_OUTPUT)
    except OSError:
        return True


def release(node: Path) -> None:
    """Unlocks the device after our last frame, if that is needed, so that other programs can write to it too."""
    with contextlib.suppress(OSError):  # it has gone, or a newer driver has no lock
        with _opened(node) as descriptor:
            locked = not _capabilities(descriptor) & _CAN_OUTPUT
        if locked:
            _unlock(node)


@contextlib.contextmanager
def _opened(node: Path) -> Generator[int]:
    descriptor = os.open(node, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _capabilities(descriptor: int) -> int:
    import fcntl  # does not exist on Windows, where nothing here is called

    answer = bytearray(_CAPABILITY_BYTES)
    fcntl.ioctl(descriptor, _VIDIOC_QUERYCAP, answer)
    return struct.unpack_from("I", answer, _DEVICE_CAPS_OFFSET_BYTES)[0]


def _is_fed(descriptor: int, clock: Callable[[], float], sleep: Callable[[float], None]) -> bool:
    """Whether frames keep coming, which tells a living writer from a reader that was left behind."""
    while _take_frame(descriptor):  # those from before
        pass
    give_up_s = clock() + _WATCH_S
    while clock() < give_up_s:
        sleep(_LOOK_EVERY_S)
        if _take_frame(descriptor):
            return True
    return False


def _take_frame(descriptor: int) -> bool:
    try:
        return bool(os.read(descriptor, 1))  # one byte takes the whole frame
    except OSError:  # none is there, or another reader has the only place
        return False


def _unlock(node: Path) -> None:
    """Calls STREAMON and closes the device, at once: a child that is forked in between would keep it open, and locked."""
    import fcntl

    # It refuses where nobody has set a format, and is unlocked all the same.
    with _opened(node) as descriptor, contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, _VIDIOC_STREAMON, _OUTPUT_BUFFERS)
