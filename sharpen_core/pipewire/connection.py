"""A connection to the PipeWire daemon, and what is in its graph."""

import contextlib
import ctypes
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sharpen_core.errors import OutputDriverMissing
from sharpen_core.pipewire import library as pw

NODE, LINK, CLIENT = "PipeWire:Interface:Node", "PipeWire:Interface:Link", "PipeWire:Interface:Client"

START_HINT = "run: systemctl --user enable --now pipewire pipewire.socket wireplumber"


@dataclass(frozen=True, slots=True)
class Global:
    """One object of the graph.

    Attributes:
        kind: its interface, such as `NODE`.
        properties: as the daemon announced it; of a node some, of a link all.
    """

    kind: str
    properties: dict[str, str]


@dataclass(slots=True)
class _Callbacks:
    """What libpipewire points at: has to live as long as the connection."""

    core_hook: pw.Hook = field(default_factory=pw.Hook)
    core_events: pw.CoreEvents = field(default_factory=pw.CoreEvents)
    registry_hook: pw.Hook = field(default_factory=pw.Hook)
    registry_events: pw.RegistryEvents = field(default_factory=pw.RegistryEvents)


class Connection:
    """Talks to the daemon on a thread of libpipewire's own, from its making until `close`.

    Whatever touches an object of the connection afterwards does it inside `locked()`, as libpipewire demands.

    Attributes:
        core: libpipewire's handle, for making streams.
        daemon_version: such as "1.0.5"; empty until the daemon answered.
    """

    def __init__(self) -> None:
        """Connects.

        Raises:
            OutputDriverMissing: libpipewire is not installed, or no daemon runs.
        """
        self._pw = pw.library()
        self.daemon_version = ""
        self._globals: dict[int, Global] = {}
        self._known = threading.Event()
        self._callbacks = _Callbacks()
        self._loop: int = self._pw.pw_thread_loop_new(b"sharpened-camera", None)
        self._context: int = self._pw.pw_context_new(self._pw.pw_thread_loop_get_loop(self._loop), None, 0)
        self.core: int | None = self._pw.pw_context_connect(self._context, None, 0)
        self._registry: int | None = None
        if self.core is None:
            self.close()
            raise OutputDriverMissing("PipeWire does not run", START_HINT)
        self._listen(self.core)
        self._pw.pw_thread_loop_start(self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _listen(self, core: int) -> None:
        self._registry = pw.method(core, pw.CORE_GET_REGISTRY, pw.POINTER, pw.UINT, pw.LENGTH)(pw.REGISTRY_VERSION, 0)
        assert self._registry is not None  # libpipewire ends the process when it has no memory
        calls = self._callbacks
        calls.core_events.info = pw.ON_CORE_INFO(self._on_info)
        calls.core_events.done = pw.ON_CORE_DONE(self._on_done)
        calls.registry_events.added = pw.ON_GLOBAL(self._on_global)
        calls.registry_events.removed = pw.ON_GLOBAL_REMOVE(self._on_removed)
        listener = (pw.POINTER, pw.POINTER, pw.POINTER)
        pw.method(self._registry, pw.REGISTRY_ADD_LISTENER, pw.INT, *listener)(
            ctypes.addressof(calls.registry_hook), ctypes.addressof(calls.registry_events), None
        )
        pw.method(core, pw.CORE_ADD_LISTENER, pw.INT, *listener)(
            ctypes.addressof(calls.core_hook), ctypes.addressof(calls.core_events), None
        )
        pw.method(core, pw.CORE_SYNC, pw.INT, pw.UINT, pw.INT)(0, 0)  # `done` comes when every global was told

    def wait_known(self, timeout_s: float) -> bool:
        """Waits until the daemon has told everything that is in its graph; returns whether it has."""
        return self._known.wait(timeout_s)

    def globals(self) -> dict[int, Global]:
        """What is in the graph now, by its number."""
        return dict(self._globals)

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        """Keeps the connection's thread from running meanwhile."""
        self._pw.pw_thread_loop_lock(self._loop)
        try:
            yield
        finally:
            self._pw.pw_thread_loop_unlock(self._loop)

    def stop(self) -> None:
        """Ends the thread; what was made with the connection can then be destroyed without a lock. May be called again."""
        self._pw.pw_thread_loop_stop(self._loop)

    def close(self) -> None:
        """Ends the thread and lets go of everything. Streams must have been destroyed before; nothing may follow."""
        self.stop()
        if self._registry is not None:
            self._pw.pw_proxy_destroy(self._registry)
        if self.core is not None:
            self._pw.pw_core_disconnect(self.core)
        self._pw.pw_context_destroy(self._context)
        self._pw.pw_thread_loop_destroy(self._loop)

    # ---- called by libpipewire, on its thread ----------------------------------------------------------------------

    def _on_info(self, _: int, info: "pw.CoreInfoPointer") -> None:
        self.daemon_version = (info.contents.version or b"").decode()

    def _on_done(self, _: int, number: int, __: int) -> None:
        if number == 0:
            self._known.set()

    def _on_global(self, _: int, number: int, __: int, kind: bytes, ___: int, props: "pw.DictPointer") -> None:
        self._globals[number] = Global(kind.decode(), props.contents.as_dict() if props else {})

    def _on_removed(self, _: int, number: int) -> None:
        self._globals.pop(number, None)
