"""Guards against libraries that release references they do not own: on Python 3.11 the interpreter ends when None runs out of them."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

CALLS = 500


def lost_per_call(call: Callable[[], object]) -> float:
    call()
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        call()
    return (before - sys.getrefcount(None)) / CALLS


@pytest.mark.parametrize("what", ["text", "tooltip", "repaint", "image"])
def test_qt_keeps_the_references_of_none(qtbot: QtBot, what: str) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    label.show()
    pixels = np.zeros((8, 8, 3), np.uint8)
    calls: dict[str, Callable[[], object]] = {
        "text": lambda: label.setText("x"),
        "tooltip": lambda: label.setToolTip("x"),
        "repaint": label.repaint,
        "image": lambda: QImage(pixels.data, 8, 8, 24, QImage.Format.Format_RGB888).copy(),
    }
    assert lost_per_call(calls[what]) < 0.1
