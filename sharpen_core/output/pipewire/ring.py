"""The buffers that all readers of a camera share."""

import ctypes

from sharpen_core.pipewire import library as pw

# So long ago must a buffer have been sent before it is written again: a reader that is a little late still reads it then, and one that
# has just returned it would not take it a second time.
_REST_FRAMES = 4


class BufferRing:
    """Chooses the buffer for the next picture: one that nobody holds, so that no picture changes while it is read.

    Readers count themselves on the buffers that they hold, also on those that wait in their queues. A program that is slower than the
    camera, or was killed, would therefore soon hold all of them and stop the picture for everybody. Then one is taken out of its queue:
    the last that went there, so that what it reads next stays as it was and in its order.

    Belongs to one stream; called with the connection locked, but for the callbacks, which come on its thread.
    """

    def __init__(self, stream: int) -> None:
        """Starts to follow the buffers of a stream that was not connected yet."""
        self._pw = pw.library()
        self._stream = stream
        self._by_age: list[int] = []  # addresses; the one that was sent longest ago first
        self._busy: dict[int, pw.Busy] = {}
        self._free: dict[int, pw.BufferPointer] = {}  # those that libpipewire has handed out, but we have not sent
        self._hook = pw.Hook()
        self._events = pw.StreamEvents(version=2, added=pw.ON_BUFFER(self._on_added), removed=pw.ON_BUFFER(self._on_removed))
        self._pw.pw_stream_add_listener(stream, self._hook, self._events, None)

    def take(self) -> "pw.BufferPointer | None":
        """A buffer to fill and to queue; None if there is none."""
        self._collect()
        rested = self._by_age[:-_REST_FRAMES] or self._by_age
        address = next((address for address in rested if address in self._free), None) or self._seize(rested)
        if address is None:
            return None
        self._by_age.remove(address)
        self._by_age.append(address)
        return self._free.pop(address)

    def _collect(self) -> None:
        """Takes what nobody holds out of libpipewire's queue, in which held ones go to the end."""
        for _ in range(len(self._by_age) - len(self._free)):
            buffer = self._pw.pw_stream_dequeue_buffer(self._stream)
            if buffer:
                self._free[ctypes.addressof(buffer.contents)] = buffer

    def _seize(self, rested: list[int]) -> int | None:
        """Takes a buffer of those that the fewest hold, whoever they are."""
        held_by = {address: self._busy[address].count for address in reversed(rested) if address in self._busy}
        if not held_by:
            return None
        address = min(held_by, key=lambda address: held_by[address])
        busy = self._busy[address]
        holders, busy.count = busy.count, 0
        self._collect()
        busy.count += holders  # each of them still lets go once
        return address if address in self._free else None

    def _on_added(self, _: int, buffer: "pw.BufferPointer") -> None:
        address = ctypes.addressof(buffer.contents)
        busy_at = pw.find_meta(buffer.contents.buffer.contents, pw.META_BUSY, ctypes.sizeof(pw.Busy))
        self._by_age.append(address)
        if busy_at is not None:
            self._busy[address] = pw.Busy.from_address(busy_at)

    def _on_removed(self, _: int, buffer: "pw.BufferPointer") -> None:
        address = ctypes.addressof(buffer.contents)
        self._by_age = [known for known in self._by_age if known != address]
        self._busy.pop(address, None)
        self._free.pop(address, None)
