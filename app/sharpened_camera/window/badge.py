"""The line that says what to pick in the call."""

from html import escape

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget
from typing_extensions import override

from sharpen_core.output.virtual_camera import VirtualCameraStatus
from sharpened_camera.window.notice import capitalised
from sharpened_camera.window.tint import mixed

DOT_PX = 10


class CallBadge(QWidget):
    """Says "In your call, pick: Sharpened Camera" as soon as that can be done; its dot is filled while pictures go out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._missing = False
        self._name = "Sharpened Camera"
        self._outputs: set[str] = set()
        self._label = QLabel()
        self._label.setTextFormat(Qt.TextFormat.RichText)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14 + DOT_PX + 10, 9, 16, 9)
        layout.addWidget(self._label)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._say("In your call, pick: ", self._name)

    @property
    def text(self) -> str:
        """What it says, in plain words."""
        return self.accessibleName()

    def show_status(self, status: VirtualCameraStatus) -> None:
        """Says what to pick, or that there is nothing to pick yet."""
        self._missing = not status.available
        self._name = status.name_to_pick
        if status.available:
            self._say("In your call, pick: ", self._name)
        else:
            self._say("Others cannot see you yet.\nOnce they can, pick: ", self._name)
        self.setToolTip(f"{capitalised(status.problem)}\n{capitalised(status.install_hint)}".strip())
        self.setAccessibleDescription(self.toolTip())

    @property
    def live(self) -> bool:
        """Whether pictures go out to the virtual camera now."""
        return self._name in self._outputs

    def add_output(self, name: str) -> None:
        """An output takes pictures from now on."""
        self._outputs.add(name)
        self.update()

    def drop_output(self, name: str) -> None:
        """An output takes no more pictures."""
        self._outputs.discard(name)
        self.update()

    def drop_outputs(self) -> None:
        """The session is over."""
        self._outputs.clear()
        self.update()

    def _say(self, lead: str, point: str) -> None:
        self._label.setText(f"{escape(lead)}<b>{escape(point)}</b>".replace("\n", "<br>"))
        self.setAccessibleName((lead + point).replace("\n", " "))
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the pill and its dot."""
        palette = self.palette()
        accent = palette.mid().color() if self._missing else palette.highlight().color()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mixed(palette.window().color(), accent, 0.18))
        radius = min(self.height() / 2, 18)
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        if self.live and not self._missing:
            painter.setBrush(accent)
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(accent)
        painter.drawEllipse(QRectF(14, (self.height() - DOT_PX) / 2, DOT_PX, DOT_PX))
        painter.end()
