"""Bars at the top that say what went wrong and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from sharpen_core.errors import SharpenError
from sharpened_camera.window.overlay import INK
from sharpened_camera.window.tint import mixed

Level = Literal["error", "warning", "info"]

# Palettes know no colour for trouble. These two only tint the palette's own background, so they work in light and dark.
_TINTS = {"error": QColor(214, 48, 49), "warning": QColor(200, 120, 0)}
ICON_PX = 22


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell.

    Attributes:
        message: what happened, one line.
        hint: what to do, one line; may be empty.
        level: "error" stopped the session, "warning" is something missing, "info" is a remark.
        retry: whether trying again may help.
    """

    message: str
    hint: str = ""
    level: Level = "error"
    retry: bool = False

    @classmethod
    def of(cls, error: SharpenError, level: Level = "error", *, retry: bool = False) -> "Notice":
        """The notice of an error."""
        return cls(error.message, error.hint, level, retry)


def capitalised(text: str) -> str:
    """Errors begin with a small letter, to fit into a log line. No full stop is added: a hint may end with a command to copy."""
    text = text.strip()
    return text[:1].upper() + text[1:]


class NoticeBar(QWidget):
    """One notice, with buttons to try again and to dismiss it."""

    dismissed = Signal()
    retried = Signal()

    def __init__(self, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setAccessibleName(capitalised(notice.message))
        self.setAccessibleDescription(capitalised(notice.hint))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14 + ICON_PX + 12, 10, 10, 10)
        layout.setSpacing(12)
        layout.addLayout(self._words(), 1)
        if notice.retry:
            retry = QPushButton("Try again")
            retry.setAccessibleName("Try again")
            retry.clicked.connect(self.retried)
            layout.addWidget(retry, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self._closer(), 0, Qt.AlignmentFlag.AlignVCenter)

    def _words(self) -> QVBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(2)
        for text, bold in ((self.notice.message, True), (self.notice.hint, False)):
            if text:
                label = QLabel(capitalised(text))
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setWordWrap(True)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)  # a hint may be a command to copy
                font = label.font()
                font.setBold(bold)
                label.setFont(font)
                words.addWidget(label)
        return words

    def _closer(self) -> QToolButton:
        closer = QToolButton()
        closer.setText("✕")
        closer.setAutoRaise(True)
        closer.setToolTip("Dismiss")
        closer.setAccessibleName("Dismiss")
        closer.clicked.connect(self.dismissed)
        return closer

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the tinted background and the sign at the left."""
        tint = _TINTS.get(self.notice.level, self.palette().highlight().color())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mixed(self.palette().window().color(), tint, 0.16))
        painter.drawRoundedRect(QRectF(self.rect()), 10, 10)
        painter.setBrush(tint)
        sign = QRectF(14, (self.height() - ICON_PX) / 2, ICON_PX, ICON_PX)
        painter.drawEllipse(sign)
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(INK)
        painter.drawText(sign, Qt.AlignmentFlag.AlignCenter, "i" if self.notice.level == "info" else "!")
        painter.end()


class NoticeBoard(QWidget):
    """The bars that are shown now, at most one for each topic.

    Args:
        retry: tries again.
    """

    def __init__(self, retry: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._retry = retry
        self._bars: dict[str, NoticeBar] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()

    @property
    def notices(self) -> dict[str, Notice]:
        """What is shown, by topic."""
        return {topic: bar.notice for topic, bar in self._bars.items()}

    def bar(self, topic: str) -> NoticeBar | None:
        """The bar of a topic."""
        return self._bars.get(topic)

    def put(self, topic: str, notice: Notice) -> None:
        """Shows a notice in place of the topic's last one."""
        self.clear(topic)
        bar = NoticeBar(notice)
        bar.dismissed.connect(lambda: self.clear(topic))
        bar.retried.connect(self._retry)
        self._bars[topic] = bar
        self._layout.addWidget(bar)
        self.show()

    def clear(self, *topics: str) -> None:
        """Takes the notices of some topics away."""
        for topic in topics:
            if bar := self._bars.pop(topic, None):
                self._layout.removeWidget(bar)
                bar.hide()
                bar.deleteLater()
        self.setVisible(bool(self._bars))
