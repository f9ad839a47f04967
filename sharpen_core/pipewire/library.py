"""libpipewire through ctypes: the few functions and structures that are used here.

Only the public, stable ABI of libpipewire-0.3 (https://docs.pipewire.org): exported functions, and the methods of core and registry,
which its headers call through a table of function pointers. Calls release the GIL, so that waiting for a lock cannot block a callback.
"""

import ctypes
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sharpen_core.errors import OutputDriverMissing

LIBRARY = "libpipewire-0.3.so.0"

POINTER, UINT, INT, TEXT, LENGTH = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t

DIRECTION_INPUT, DIRECTION_OUTPUT = 0, 1
ANY_ID = 0xFFFFFFFF
STATE_ERROR, STATE_UNCONNECTED, STATE_STREAMING = -1, 0, 3
FLAG_AUTOCONNECT, FLAG_MAP_BUFFERS, FLAG_DRIVER, FLAG_DONT_RECONNECT = 1, 4, 8, 128

CORE_ADD_LISTENER, CORE_SYNC, CORE_GET_REGISTRY = 0, 2, 5
REGISTRY_ADD_LISTENER = 0
REGISTRY_VERSION = 3

META_HEADER, META_BUSY = 1, 7


class Chunk(ctypes.Structure):
    """struct spa_chunk: which part of a block holds the picture."""

    _fields_ = (("offset", UINT), ("size", UINT), ("stride", ctypes.c_int32), ("flags", ctypes.c_int32))


class Data(ctypes.Structure):
    """struct spa_data: a block of memory that is shared with the readers."""

    _fields_ = (
        ("type", UINT),
        ("flags", UINT),
        ("fd", ctypes.c_int64),
        ("mapoffset", UINT),
        ("maxsize", UINT),
        ("data", POINTER),
        ("chunk", ctypes.POINTER(Chunk)),
    )


class Meta(ctypes.Structure):
    """struct spa_meta: something that travels with a buffer."""

    _fields_ = (("type", UINT), ("size", UINT), ("data", POINTER))


class SpaBuffer(ctypes.Structure):
    """struct spa_buffer."""

    _fields_ = (("n_metas", UINT), ("n_datas", UINT), ("metas", ctypes.POINTER(Meta)), ("datas", ctypes.POINTER(Data)))


class Buffer(ctypes.Structure):
    """The beginning of struct pw_buffer, which grows with the versions."""

    _fields_ = (("buffer", ctypes.POINTER(SpaBuffer)), ("user_data", POINTER), ("size", ctypes.c_uint64))


class Header(ctypes.Structure):
    """struct spa_meta_header: number and time of a picture."""

    _fields_ = (("flags", UINT), ("offset", UINT), ("pts", ctypes.c_int64), ("dts_offset", ctypes.c_int64), ("seq", ctypes.c_uint64))


class Busy(ctypes.Structure):
    """struct spa_meta_busy: how many hold a buffer."""

    _fields_ = (("flags", UINT), ("count", UINT))


class Item(ctypes.Structure):
    """struct spa_dict_item."""

    _fields_ = (("key", TEXT), ("value", TEXT))


class Dict(ctypes.Structure):
    """struct spa_dict."""

    _fields_ = (("flags", UINT), ("n_items", UINT), ("items", ctypes.POINTER(Item)))

    def as_dict(self) -> dict[str, str]:
        """A copy in Python's own kind."""
        items = self.items[: self.n_items]
        return {item.key.decode(errors="replace"): (item.value or b"").decode(errors="replace") for item in items}


class CoreInfo(ctypes.Structure):
    """The beginning of struct pw_core_info."""

    _fields_ = (("id", UINT), ("cookie", UINT), ("user_name", TEXT), ("host_name", TEXT), ("version", TEXT), ("name", TEXT))


def find_meta(buffer: SpaBuffer, kind: int, length: int) -> int | None:
    """The address of what travels with a buffer; None where PipeWire has not agreed to it."""
    return next((meta.data for meta in buffer.metas[: buffer.n_metas] if meta.type == kind and meta.size >= length), None)


class Interface(ctypes.Structure):
    """struct spa_interface: an object with a table of methods."""

    _fields_ = (("type", TEXT), ("version", UINT), ("methods", POINTER), ("object", POINTER))


class Hook(ctypes.Structure):
    """struct spa_hook: where a listener hangs; six pointers, and some room."""

    _fields_ = (("opaque", POINTER * 8),)


if TYPE_CHECKING:
    CoreInfoPointer = ctypes._Pointer[CoreInfo]  # pyright: ignore[reportPrivateUsage]
    DictPointer = ctypes._Pointer[Dict]  # pyright: ignore[reportPrivateUsage]
    BufferPointer = ctypes._Pointer[Buffer]  # pyright: ignore[reportPrivateUsage]

ON_CORE_INFO = ctypes.CFUNCTYPE(None, POINTER, ctypes.POINTER(CoreInfo))
ON_CORE_DONE = ctypes.CFUNCTYPE(None, POINTER, UINT, INT)
ON_GLOBAL = ctypes.CFUNCTYPE(None, POINTER, UINT, UINT, TEXT, UINT, ctypes.POINTER(Dict))
ON_GLOBAL_REMOVE = ctypes.CFUNCTYPE(None, POINTER, UINT)
ON_BUFFER = ctypes.CFUNCTYPE(None, POINTER, ctypes.POINTER(Buffer))
ON_PARAMETER = ctypes.CFUNCTYPE(None, POINTER, UINT, POINTER)
ON_PROCESS = ctypes.CFUNCTYPE(None, POINTER)


class CoreEvents(ctypes.Structure):
    """struct pw_core_events."""

    _fields_ = (("version", UINT), ("info", ON_CORE_INFO), ("done", ON_CORE_DONE), ("others", POINTER * 6))


class RegistryEvents(ctypes.Structure):
    """struct pw_registry_events."""

    _fields_ = (("version", UINT), ("added", ON_GLOBAL), ("removed", ON_GLOBAL_REMOVE))


class StreamEvents(ctypes.Structure):
    """struct pw_stream_events, version 2, as far as it is used."""

    _fields_ = (
        ("version", UINT),
        ("before", POINTER * 4),
        ("parameter", ON_PARAMETER),
        ("added", ON_BUFFER),
        ("removed", ON_BUFFER),
        ("process", ON_PROCESS),
        ("after", POINTER * 3),
    )


# name: (result, arguments)
_FUNCTIONS: Mapping[str, tuple[type | None, tuple[type, ...]]] = {
    "pw_init": (None, (POINTER, POINTER)),
    "pw_get_library_version": (TEXT, ()),
    "pw_properties_new_string": (POINTER, (TEXT,)),
    "pw_properties_set": (INT, (POINTER, TEXT, TEXT)),
    "pw_thread_loop_new": (POINTER, (TEXT, POINTER)),
    "pw_thread_loop_destroy": (None, (POINTER,)),
    "pw_thread_loop_get_loop": (POINTER, (POINTER,)),
    "pw_thread_loop_start": (INT, (POINTER,)),
    "pw_thread_loop_stop": (None, (POINTER,)),
    "pw_thread_loop_lock": (None, (POINTER,)),
    "pw_thread_loop_unlock": (None, (POINTER,)),
    "pw_context_new": (POINTER, (POINTER, POINTER, LENGTH)),
    "pw_context_connect": (POINTER, (POINTER, POINTER, LENGTH)),
    "pw_context_destroy": (None, (POINTER,)),
    "pw_core_disconnect": (INT, (POINTER,)),
    "pw_proxy_destroy": (None, (POINTER,)),
    "pw_stream_new": (POINTER, (POINTER, TEXT, POINTER)),
    "pw_stream_add_listener": (None, (POINTER, ctypes.POINTER(Hook), ctypes.POINTER(StreamEvents), POINTER)),
    "pw_stream_connect": (INT, (POINTER, INT, UINT, INT, POINTER, UINT)),
    "pw_stream_destroy": (None, (POINTER,)),
    "pw_stream_get_state": (INT, (POINTER, ctypes.POINTER(TEXT))),
    "pw_stream_get_node_id": (UINT, (POINTER,)),
    "pw_stream_dequeue_buffer": (ctypes.POINTER(Buffer), (POINTER,)),
    "pw_stream_queue_buffer": (INT, (POINTER, ctypes.POINTER(Buffer))),
    "pw_stream_trigger_process": (INT, (POINTER,)),
}


@functools.cache
def library() -> ctypes.CDLL:
    """Loads and initialises libpipewire, once for the process.

    Raises:
        OutputDriverMissing: it is not installed, or too old.
    """
    try:
        loaded = ctypes.CDLL(LIBRARY, use_errno=True)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as exc:
        raise OutputDriverMissing(f"PipeWire's library cannot be used: {exc}", "install PipeWire 0.3.50 or later") from exc
    loaded.pw_init(None, None)
    return loaded


def properties(values: Mapping[str, str]) -> int:
    """A new pw_properties; whoever it is given to owns it."""
    pw = library()
    made = pw.pw_properties_new_string(b"")
    for key, value in values.items():
        pw.pw_properties_set(made, key.encode(), value.encode())
    return made


def method(interface: int, number: int, result: type | None, *arguments: type) -> functools.partial[int | None]:
    """A method of a core or registry, by its place in the table; call it with what comes after the object."""
    described = Interface.from_address(interface)
    # The table begins with a version, which takes the place of one pointer.
    address = POINTER.from_address(described.methods + (number + 1) * ctypes.sizeof(POINTER)).value
    assert address is not None  # the table is complete
    return functools.partial(ctypes.CFUNCTYPE(result, POINTER, *arguments)(address), described.object)
