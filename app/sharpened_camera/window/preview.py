"""The picture in the middle: before on the left of the handle, after on its right. The only place that makes a QImage."""

from collections.abc import Callable

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from sharpen_core.frame import Pixels, Size
from sharpen_core.pipeline import Preview
from sharpened_camera.settings import Show
from sharpened_camera.window import overlay

POLL_MS = 34  # no more than 30 times a second
MIDDLE = 0.5
STEP = 0.02
LARGE_STEP = 0.1
GRIP_PX = 14  # how near to the handle a press takes hold of it


def compose(preview: Preview, show: Show, split: float) -> Pixels:
    """Returns what to show: (H, W, 3) uint8 RGB, the frame's own memory or a new picture."""
    before, after = preview.before.pixels, preview.after.pixels
    if show == "after" or before is after:
        return after
    if show == "before":
        return before
    column = round(split * before.shape[1])
    return np.concatenate((before[:, :column], after[:, column:]), axis=1)


def to_image(pixels: Pixels, size: QSize) -> QImage:
    """Returns a copy of (H, W, 3) uint8 RGB pixels, scaled to `size` in device pixels."""
    if (pixels.shape[1], pixels.shape[0]) != (size.width(), size.height()):
        # Qt's smooth scaling skips pixels when it shrinks to less than half, and fine lines then flicker.
        shrinking = size.width() < pixels.shape[1]
        method = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
        pixels = cv2.resize(pixels, (size.width(), size.height()), interpolation=method).astype(np.uint8, copy=False)
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB888).copy()


class PreviewPane(QWidget):
    """Shows the newest frame, before and after, with a handle between them.

    It pulls the newest frame while it is active and visible, and paints only when there is a new one.

    Args:
        newest: the newest frame, or None; called from the GUI thread, must return at once.
    """

    split_moved = Signal(float)

    def __init__(self, newest: Callable[[], Preview | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._newest = newest
        self._frame: Preview | None = None
        self._image: QImage | None = None
        self._show: Show = "split"
        self._split = MIDDLE
        self._title, self._detail = "", ""
        self._dragging = False
        self._active = False
        self._timer = QTimer(self, interval=POLL_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._poll)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(320, 180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Preview")
        self._describe()

    # ---- for the window ----------------------------------------------------------------------------------------

    @property
    def split(self) -> float:
        """Where the handle is, 0 at the picture's left edge, 1 at its right."""
        return self._split

    @property
    def frame(self) -> Preview | None:
        """What is shown."""
        return self._frame

    @property
    def polling(self) -> bool:
        """Whether it pulls frames at present."""
        return self._timer.isActive()

    def set_active(self, active: bool) -> None:
        """Pulls frames, while it is visible, from now on, or no longer."""
        self._active = active
        self._poll_if_seen()

    def set_show(self, show: Show) -> None:
        """Shows both, only before, or only after."""
        self._show = show
        self._repaint()

    def set_split(self, split: float) -> None:
        """Moves the handle; tells if it really moved."""
        split = min(1.0, max(0.0, split))
        if split != self._split:
            self._split = split
            self._describe()
            self._repaint()
            self.split_moved.emit(split)

    def say(self, title: str, detail: str = "") -> None:
        """Says something over the picture, or in its place; nothing for an empty title."""
        self._title, self._detail = title, detail
        self.update()

    def forget(self) -> None:
        """Takes the picture away."""
        self._frame = None
        self._repaint()

    def picture_rect(self) -> QRectF:
        """Where the picture is, in the widget: as large as fits, its proportions kept."""
        size = self._frame.before.size if self._frame else Size(9, 16)
        scale = min(self.width() / size.width, self.height() / size.height)
        width, height = round(size.width * scale), round(size.height * scale)
        return QRectF((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    # ---- polling -----------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        newest = self._newest()
        if newest is not None and newest is not self._frame:
            self._frame = newest
            self._repaint()

    def _poll_if_seen(self) -> None:
        if self._active and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()

    @override
    def showEvent(self, event: QShowEvent) -> None:
        """Pulls frames again."""
        super().showEvent(event)
        self._poll_if_seen()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        """Pulls no frames: nobody looks."""
        super().hideEvent(event)
        self._timer.stop()

    # ---- painting ----------------------------------------------------------------------------------------------

    def _repaint(self) -> None:
        self._image = None
        self.update()

    def _picture(self, frame: Preview, rect: QRectF) -> QImage:
        """The composed picture in device pixels, made once for each frame."""
        ratio = self.devicePixelRatioF()
        size = (rect.size() * ratio).toSize().expandedTo(QSize(1, 1))
        if self._image is None or self._image.size() != size:
            self._image = to_image(compose(frame, self._show, self._split), size)
            self._image.setDevicePixelRatio(ratio)
        return self._image

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the stage with rounded corners, the picture on it, and what is said over that."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        stage = QRectF(self.rect())
        corners = QPainterPath()
        corners.addRoundedRect(stage, overlay.CORNER_PX, overlay.CORNER_PX)
        painter.setClipPath(corners)
        overlay.draw_stage(painter, stage, self.palette())
        if self._frame is None:
            overlay.draw_placeholder(painter, stage, self.palette(), self._title, self._detail)
        else:
            rect = self.picture_rect()
            painter.drawImage(rect.topLeft(), self._picture(self._frame, rect))
            self._draw_over(painter, rect, self._frame)
        painter.setClipping(False)
        if self.hasFocus():
            overlay.draw_focus(painter, stage, self.palette())
        painter.end()

    def _draw_over(self, painter: QPainter, rect: QRectF, frame: Preview) -> None:
        if self._title:
            overlay.draw_veil(painter, rect, self._title, self._detail)
            return
        after = "After" if frame.before is not frame.after else "Not sharpened"
        if self._show == "split":
            overlay.draw_handle(painter, rect, self._split, held=self._dragging or self.hasFocus(), palette=self.palette())
        left = self._split if self._show == "split" else 1.0
        overlay.draw_labels(painter, rect, left, "" if self._show == "after" else "Before", "" if self._show == "before" else after)

    # ---- the handle --------------------------------------------------------------------------------------------

    @property
    def _has_handle(self) -> bool:
        return self._show == "split" and self._frame is not None

    def _near_handle(self, at: QPointF) -> bool:
        rect = self.picture_rect()
        return self._has_handle and rect.contains(at) and abs(at.x() - rect.left() - self._split * rect.width()) <= GRIP_PX

    def _drag_to(self, at: QPointF) -> None:
        rect = self.picture_rect()
        self.set_split((at.x() - rect.left()) / max(1.0, rect.width()))

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Takes hold of the handle, or brings it to where the picture was pressed."""
        if event.button() == Qt.MouseButton.LeftButton and self._has_handle and self.picture_rect().contains(event.position()):
            self._dragging = True
            if not self._near_handle(event.position()):  # a press on the handle itself must not make it jump
                self._drag_to(event.position())
            self.update()

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drags the handle; shows where it can be taken."""
        if self._dragging:
            self._drag_to(event.position())
        near = self._dragging or self._near_handle(event.position())
        self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Lets go of the handle."""
        self._dragging = False
        self.update()

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Puts the handle back in the middle."""
        if self._has_handle:
            self.set_split(MIDDLE)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move the handle, with Shift in large steps; Home and End bring it to the edges."""
        step = LARGE_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else STEP
        places = {
            Qt.Key.Key_Left: self._split - step,
            Qt.Key.Key_Right: self._split + step,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: 1.0,
        }
        place = places.get(Qt.Key(event.key()))
        if place is None or not self._has_handle:
            super().keyPressEvent(event)
        else:
            self.set_split(round(place, 4))

    def _describe(self) -> None:
        self.setAccessibleDescription(
            f"Before on the left {self._split:.0%}, after on the right. Move the handle with the left and right arrow keys."
        )
