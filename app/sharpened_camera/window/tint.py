"""Colours made from the palette's, so that the window follows the system's light or dark theme."""

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QPushButton


def mixed(base: QColor, other: QColor, part: float) -> QColor:
    """`base` with a part, 0 to 1, of `other`."""
    return QColor.fromRgbF(
        base.redF() + (other.redF() - base.redF()) * part,
        base.greenF() + (other.greenF() - base.greenF()) * part,
        base.blueF() + (other.blueF() - base.blueF()) * part,
    )


def accent(button: QPushButton, accented: bool) -> None:
    """Makes a button stand out in the system's highlight colour, or no longer."""
    palette = QPalette()
    if accented:
        # Darker, because styles draw a button lighter than its colour, and white text must stay readable on it.
        palette.setColor(QPalette.ColorRole.Button, palette.highlight().color().darker(145))
        palette.setColor(QPalette.ColorRole.ButtonText, palette.highlightedText().color())
    button.setPalette(palette)
