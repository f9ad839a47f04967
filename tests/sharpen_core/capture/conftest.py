from pathlib import Path

import pytest
from clips import write_clip


class FakeTime:
    """Time for a test: sleeping moves it, and each sleep is noted."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept_s: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of 128x96 at 30 frames a second."""
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mkv")
