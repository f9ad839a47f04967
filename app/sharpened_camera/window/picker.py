"""A drop-down list of choices with values of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget
from typing_extensions import override

_VALUE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a picker.

    Attributes:
        title: what the user reads.
        value: what it stands for.
        tip: more about it, shown as a tooltip.
    """

    title: str
    value: object
    tip: str = ""


class Picker(QComboBox):
    """A drop-down list; a separator goes between groups of choices.

    Args:
        name: what a screen reader calls it.
    """

    chosen = Signal(object)  # the value of what the user picked
    opening = Signal()  # the list is about to be shown

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # long names are cut, not the window widened
        self.activated.connect(self._tell)

    @property
    def value(self) -> object:
        """What is picked."""
        return self.currentData(_VALUE)

    def offer(self, groups: Sequence[Sequence[Choice]], value: object) -> None:
        """Replaces the choices and picks the one with `value`. Does not count as the user's choice."""
        self.clear()
        for group in groups:
            if self.count() and group:
                self.insertSeparator(self.count())
            for choice in group:
                self.addItem(choice.title)
                self.setItemData(self.count() - 1, choice.value, _VALUE)
                self.setItemData(self.count() - 1, choice.tip or choice.title, Qt.ItemDataRole.ToolTipRole)
        self.pick(value)

    def pick(self, value: object) -> None:
        """Picks the choice with `value`, if there is one. Does not count as the user's choice."""
        for index in range(self.count()):
            if self.itemText(index) and self.itemData(index, _VALUE) == value:
                self.setCurrentIndex(index)
                self.setToolTip(self.itemData(index, Qt.ItemDataRole.ToolTipRole))

    def _tell(self, index: int) -> None:
        self.setToolTip(self.itemData(index, Qt.ItemDataRole.ToolTipRole))
        self.chosen.emit(self.itemData(index, _VALUE))

    @override
    def showPopup(self) -> None:
        """Tells that the list opens, so that it can be brought up to date."""
        self.opening.emit()
        super().showPopup()

    @override
    def wheelEvent(self, e: QWheelEvent) -> None:
        """Ignores the wheel: a slip of it would restart the camera in the middle of a call."""
        e.ignore()
