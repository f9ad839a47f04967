"""This machine's processor, as far as it decides how fast a network runs."""

import contextlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_FEATURES = {
    "avx2": {"avx2"},
    "avx512": {"avx512f"},
    "vnni": {"avx512_vnni", "avx_vnni"},
    "bf16": {"avx512_bf16", "amx_bf16", "bf16"},
    "amx": {"amx_tile"},
    "neon": {"asimd"},
    "i8mm": {"i8mm"},
}
"""What the kernel calls each feature, on x86 and ARM."""


@dataclass(frozen=True, slots=True)
class Processor:
    """What computes.

    Attributes:
        name: as the system gives it.
        cores: how many of its cores this process may use.
        features: those of its instructions that matter to networks; empty where the system does not tell.
    """

    name: str
    cores: int
    features: tuple[str, ...]


def this_processor(read: Callable[[], str] | None = None) -> Processor:
    """Returns the processor of this machine.

    Args:
        read: gives the text of Linux's /proc/cpuinfo; for tests.
    """
    text = ""
    with contextlib.suppress(OSError):
        text = read() if read else Path("/proc/cpuinfo").read_text(encoding="utf-8")
    lines = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in text.splitlines())]
    name = next((value for key, value in lines if key == "model name"), "") or platform.processor() or platform.machine()
    flags = set(next((value for key, value in lines if key in ("flags", "Features")), "").split())
    return Processor(name, usable_cores(), tuple(feature for feature, names in _FEATURES.items() if names & flags))


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread_for_opencv() -> None:
    """Has OpenCV compute in the thread that calls it, in all of this process.

    By default it spreads every call over all cores. Frames are worked on by several threads already, and its calls are short: its
    helpers mostly wait, busily. Without them a session takes a tenth less of the processor and is as fast.
    """
    import cv2  # a tenth of a second, which those who only count cores need not wait for

    cv2.setNumThreads(1)


def load() -> float | None:
    """How many processes have wanted to compute in the last minute, on average; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
