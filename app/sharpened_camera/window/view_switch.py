"""Three buttons under the preview: before, both, after."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from sharpened_camera.settings import Show
from sharpened_camera.window.tint import accent

VIEWS: dict[Show, tuple[str, str]] = {
    "before": ("Before", "Only the camera's picture."),
    "split": ("Both", "Before and after, with a handle between them. Others always see the picture after."),
    "after": ("After", "Only what others see."),
}
BUTTON_WIDTH_PX = 76
BUTTON_HEIGHT_PX = 30


class ViewSwitch(QWidget):
    """Chooses what the preview shows; what goes out is not touched."""

    chosen = Signal(str)  # one of Show

    def __init__(self, show: Show, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._buttons: dict[Show, QPushButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for number, (view, (text, tip)) in enumerate(VIEWS.items(), start=1):
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(f"{tip} (Ctrl+{number})")
            button.setAccessibleName(f"Preview: {text}")
            button.setMinimumSize(BUTTON_WIDTH_PX, BUTTON_HEIGHT_PX)
            button.toggled.connect(partial(accent, button))
            button.clicked.connect(partial(self._choose, view))
            self._group.addButton(button)
            self._buttons[view] = button
            layout.addWidget(button)
        self.choose(show)

    def button(self, show: Show) -> QPushButton:
        """The button for a view."""
        return self._buttons[show]

    def _choose(self, view: Show) -> None:
        self.chosen.emit(view)

    def choose(self, show: Show) -> None:
        """Shows what is chosen. Does not count as the user's choice."""
        self._buttons[show].setChecked(True)
