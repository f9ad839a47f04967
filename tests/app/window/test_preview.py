import time
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from sharpen_core.frame import Frame
from sharpen_core.pipeline import Preview
from sharpened_camera.window.preview import PreviewPane, compose, to_image

LEFT = Qt.MouseButton.LeftButton


def pair(before: int = 50, after: int = 200, size: tuple[int, int] = (90, 160), seq: int = 0) -> Preview:
    return Preview(Frame(np.full((*size, 3), before, np.uint8), seq, 0), Frame(np.full((*size, 3), after, np.uint8), seq, 0))


class Source:
    """The newest frame, and how often it was asked for."""

    def __init__(self) -> None:
        self.newest: Preview | None = pair()
        self.asked = 0

    def __call__(self) -> Preview | None:
        self.asked += 1
        return self.newest


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def pane(qtbot: QtBot, source: Source) -> Iterator[PreviewPane]:
    """A pane of 400 by 300 pixels that shows a picture of 400 by 225."""
    pane = PreviewPane(source)
    qtbot.addWidget(pane)
    pane.resize(400, 300)
    pane.show()
    pane.set_active(True)
    qtbot.waitUntil(lambda: pane.frame is not None)
    yield pane
    pane.set_active(False)


def grey(image: QImage, x: int, y: int) -> int:
    return image.pixelColor(x, y).red()


def test_before_is_left_of_the_split_and_after_right_of_it() -> None:
    shown = compose(pair(), "split", 0.25)
    assert (shown[:, :40] == 50).all()
    assert (shown[:, 40:] == 200).all()
    assert (compose(pair(), "before", 0.25) == 50).all()
    assert (compose(pair(), "after", 0.25) == 200).all()


@pytest.mark.parametrize("split", [0.0, 0.003, 0.997, 1.0])
def test_the_split_may_be_at_the_edges(split: float) -> None:
    assert compose(pair(), "split", split).shape == (90, 160, 3)


@pytest.mark.parametrize("width", [160, 80, 161, 37, 501])
def test_the_image_is_a_scaled_copy_in_the_right_colours(width: int) -> None:
    pixels = np.zeros((90, 160, 3), np.uint8)
    pixels[:] = (250, 100, 30)
    image = to_image(pixels, QSize(width, 90))
    pixels[:] = 0
    assert (image.width(), image.height()) == (width, 90)
    for x in (0, width // 2, width - 1):
        colour = image.pixelColor(x, 45)
        assert (colour.red(), colour.green(), colour.blue()) == (250, 100, 30)


def test_it_draws_both_with_the_proportions_kept(pane: PreviewPane) -> None:
    pane.set_split(0.5)
    assert pane.picture_rect().getRect() == (0, 37, 400, 225)
    image = pane.grab().toImage()
    assert grey(image, 100, 200) == 50
    assert grey(image, 300, 200) == 200
    pane.set_show("before")
    assert grey(pane.grab().toImage(), 300, 200) == 50
    pane.set_show("after")
    assert grey(pane.grab().toImage(), 100, 200) == 200


def test_a_tall_picture_keeps_its_proportions_too(pane: PreviewPane, source: Source, qtbot: QtBot) -> None:
    source.newest = pair(size=(160, 90))
    qtbot.waitUntil(lambda: pane.frame is source.newest)
    rect = pane.picture_rect()
    assert rect.height() == 300
    assert rect.width() == pytest.approx(300 * 90 / 160, abs=1)


def test_dragging_moves_the_handle(pane: PreviewPane, qtbot: QtBot) -> None:
    moved: list[float] = []
    pane.split_moved.connect(moved.append)
    qtbot.mousePress(pane, LEFT, pos=QPoint(202, 150))
    assert pane.split == 0.5
    qtbot.mouseMove(pane, QPoint(300, 150))
    qtbot.mouseRelease(pane, LEFT, pos=QPoint(300, 150))
    assert pane.split == pytest.approx(0.75)
    qtbot.mouseMove(pane, QPoint(100, 150))
    assert pane.split == pytest.approx(0.75)
    assert moved == [pytest.approx(0.75)]


def test_a_press_beside_the_handle_brings_it_there_and_a_drag_stays_inside(pane: PreviewPane, qtbot: QtBot) -> None:
    qtbot.mousePress(pane, LEFT, pos=QPoint(100, 150))
    assert pane.split == pytest.approx(0.25)
    qtbot.mouseMove(pane, QPoint(-50, 150))
    assert pane.split == 0.0
    qtbot.mouseMove(pane, QPoint(900, 150))
    assert pane.split == 1.0
    qtbot.mouseRelease(pane, LEFT)


def test_a_press_outside_the_picture_does_nothing(pane: PreviewPane, qtbot: QtBot) -> None:
    qtbot.mousePress(pane, LEFT, pos=QPoint(100, 10))
    assert pane.split == 0.5


def test_a_double_click_puts_it_back(pane: PreviewPane, qtbot: QtBot) -> None:
    pane.set_split(0.1)
    qtbot.mouseDClick(pane, LEFT, pos=QPoint(300, 150))
    assert pane.split == 0.5


def test_keys_move_the_handle(pane: PreviewPane, qtbot: QtBot) -> None:
    steps = [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 0.52),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 0.5),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier, 0.4),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0.0),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 0.0),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 1.0),
    ]
    for key, modifier, split in steps:
        qtbot.keyClick(pane, key, modifier)
        assert pane.split == pytest.approx(split)
    assert "100%" in pane.accessibleDescription()


def test_it_asks_at_most_thirty_times_a_second(pane: PreviewPane, source: Source, qtbot: QtBot) -> None:
    asked, began_s = source.asked, time.monotonic()
    qtbot.waitUntil(lambda: source.asked >= asked + 20)
    assert (source.asked - asked) / (time.monotonic() - began_s) <= 31  # one question may fall on the edge


def test_it_paints_only_when_there_is_a_new_frame(pane: PreviewPane, source: Source, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[None] = []
    monkeypatch.setattr(pane, "_repaint", lambda: painted.append(None))
    asked = source.asked
    qtbot.waitUntil(lambda: source.asked >= asked + 5)
    assert not painted
    source.newest = pair(seq=1)
    qtbot.waitUntil(lambda: len(painted) == 1)


def test_it_asks_nothing_while_hidden_or_paused(pane: PreviewPane, source: Source) -> None:
    pane.hide()
    assert not pane.polling
    pane.show()
    assert pane.polling
    pane.set_active(False)
    assert not pane.polling
    pane.hide()
    pane.set_active(True)
    assert not pane.polling


def test_without_a_picture_it_says_something_and_has_no_handle(pane: PreviewPane, source: Source, qtbot: QtBot) -> None:
    source.newest = None
    pane.set_active(False)
    pane.forget()
    pane.say("The camera is off", "Press Start.")
    assert pane.grab().toImage() != QImage()
    qtbot.keyClick(pane, Qt.Key.Key_Right)
    qtbot.mousePress(pane, LEFT, pos=QPoint(100, 150))
    assert pane.split == 0.5
