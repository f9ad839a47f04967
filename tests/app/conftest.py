"""The window's tests draw into memory: they need no screen."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from window_stand import Stand

os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture(scope="package", autouse=True)
def _collecting_between_tests() -> Iterator[None]:
    """No session's thread may delete the widgets of an earlier test; see `sharpened_camera.window.garbage`."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def _collecting_after_this_test(_collecting_between_tests: None) -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def stand(qtbot: QtBot, tmp_path: Path) -> Iterator[Stand]:
    """A window that is not open yet, with real sessions behind it; everything ends with the test."""
    stand = Stand(tmp_path / "settings.toml")
    yield stand
    stand.end()
