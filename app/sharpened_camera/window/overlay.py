"""What is drawn over the picture, or in its place.

Over a picture, text is white on translucent black in light and dark themes alike: only that is readable on any picture.
"""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen, QPolygonF

from sharpened_camera.window.tint import mixed

CORNER_PX = 12.0
MARGIN_PX = 14.0
INK = QColor(255, 255, 255)
SHADE = QColor(0, 0, 0, 150)
VEIL = QColor(0, 0, 0, 185)


def draw_labels(painter: QPainter, rect: QRectF, left: float, before: str, after: str) -> None:
    """Draws a pill in each upper corner; one that its part of the picture has no room for is left out.

    `left` is how much of the picture is "before", 0 to 1; `before` and `after` are the words, empty for none.
    """
    painter.setFont(_font(painter, 1.0, QFont.Weight.DemiBold))
    middle = rect.left() + left * rect.width()
    for text, at_right in ((before, False), (after, True)):
        pill = _pill(painter, rect, text, at_right=at_right)
        fits = not (before and after) or (pill.left() > middle if at_right else pill.right() < middle)
        if text and fits:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(SHADE)
            painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
            painter.setPen(INK)
            painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)


def _pill(painter: QPainter, rect: QRectF, text: str, *, at_right: bool) -> QRectF:
    metrics = painter.fontMetrics()
    width, height = metrics.horizontalAdvance(text) + 24, metrics.height() + 8
    left = rect.right() - MARGIN_PX - width if at_right else rect.left() + MARGIN_PX
    return QRectF(left, rect.top() + MARGIN_PX, width, height)


def draw_handle(painter: QPainter, rect: QRectF, split: float, *, held: bool, palette: QPalette) -> None:
    """Draws the line between before and after, and its grip."""
    x = rect.left() + split * rect.width()
    for width, colour in ((4.0, QColor(0, 0, 0, 70)), (2.0, INK)):
        painter.setPen(QPen(colour, width, c=Qt.PenCapStyle.FlatCap))
        painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))
    radius = 17.0
    middle = QPointF(min(max(x, rect.left()), rect.right()), rect.center().y())
    painter.setPen(QPen(QColor(0, 0, 0, 70), 1))
    painter.setBrush(palette.highlight().color() if held else INK)
    painter.drawEllipse(middle, radius, radius)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.highlightedText().color() if held else QColor(60, 60, 60))
    for way in (-1, 1):
        tip = QPointF(middle.x() + way * 9, middle.y())
        foot = middle.x() + way * 4
        painter.drawPolygon(QPolygonF([tip, QPointF(foot, middle.y() - 5), QPointF(foot, middle.y() + 5)]))


def draw_veil(painter: QPainter, rect: QRectF, title: str, detail: str) -> None:
    """Darkens the last picture and says something over it."""
    painter.fillRect(rect, VEIL)
    _write(painter, rect, title, detail, INK, INK)


def draw_stage(painter: QPainter, rect: QRectF, palette: QPalette) -> None:
    """Draws what the picture lies on; it is seen where the picture's proportions are not the widget's."""
    painter.fillRect(rect, mixed(palette.window().color(), palette.windowText().color(), 0.07))


def draw_placeholder(painter: QPainter, rect: QRectF, palette: QPalette, title: str, detail: str) -> None:
    """Says something where there is no picture."""
    window, text = palette.window().color(), palette.windowText().color()
    camera = QRectF(0, 0, 64, 44)
    camera.moveCenter(QPointF(rect.center().x(), rect.center().y() - 52))
    _draw_camera(painter, camera, mixed(window, text, 0.35))
    _write(painter, rect.translated(0, 26), title, detail, text, mixed(window, text, 0.75))


def _draw_camera(painter: QPainter, rect: QRectF, colour: QColor) -> None:
    painter.setPen(QPen(colour, 3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect, 12, 12)
    painter.drawEllipse(rect.center(), 12, 12)


def _write(painter: QPainter, rect: QRectF, title: str, detail: str, ink: QColor, soft: QColor) -> None:
    inside = rect.adjusted(32, 0, -32, 0)
    painter.setFont(_font(painter, 1.5, QFont.Weight.DemiBold))
    painter.setPen(ink)
    height = painter.fontMetrics().height()
    painter.drawText(QRectF(inside.left(), inside.center().y() - height / 2, inside.width(), height), Qt.AlignmentFlag.AlignCenter, title)
    painter.setFont(_font(painter, 1 / 1.5, QFont.Weight.Normal))
    painter.setPen(soft)
    below = QRectF(inside.left(), inside.center().y() + height / 2 + 6, inside.width(), inside.height() / 3)
    painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap), detail)


def _font(painter: QPainter, factor: float, weight: QFont.Weight) -> QFont:
    font = QFont(painter.font())
    if font.pixelSize() > 0:
        font.setPixelSize(round(font.pixelSize() * factor))
    else:
        font.setPointSizeF(font.pointSizeF() * factor)
    font.setWeight(weight)
    return font


def draw_focus(painter: QPainter, rect: QRectF, palette: QPalette) -> None:
    """Shows that the keyboard is here."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(palette.highlight().color(), 2))
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), CORNER_PX, CORNER_PX)
