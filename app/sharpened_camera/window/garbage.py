"""Collects Python's cyclic garbage in the GUI thread only.

Python collects in whichever thread happens to allocate. If a widget of a closed dialog is part of a cycle, that thread deletes
it, and Qt crashes when a widget is deleted outside the GUI thread. So automatic collection is off while there is a window, and
a timer of the GUI thread does what it would have done.
"""

import contextlib
import gc
from collections.abc import Generator

from PySide6.QtCore import QTimer

EVERY_MS = 500


@contextlib.contextmanager
def collecting_in_this_thread() -> Generator[None]:
    """Within it, garbage is collected by this thread's event loop and by no other thread."""
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what was imported until now stays until the end and need not be searched again and again
    timer = QTimer(interval=EVERY_MS)
    timer.timeout.connect(collect_if_due)
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        gc.unfreeze()
        gc.collect()
        if was_enabled:
            gc.enable()


def collect_if_due() -> None:
    """Collects the oldest generation whose threshold is exceeded, as Python would by itself."""
    for generation in (2, 1, 0):
        if gc.get_count()[generation] > gc.get_threshold()[generation]:
            gc.collect(generation)
            return
