"""The status bar: what the session is doing, and its figures."""

import os
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStatusBar, QWidget
from typing_extensions import override

from sharpen_core.events import State
from sharpen_core.stats import SHARP_ALREADY, Snapshot
from sharpened_camera.window.notice import capitalised

POLL_MS = 1000

_WORDS = {
    State.IDLE: "Ready",
    State.STARTING: "Starting…",
    State.RUNNING: "Live",
    State.STOPPING: "Stopping…",
    State.STOPPED: "Stopped",
    State.FAILED: "Stopped by an error",
}
_NONE = "–"
_SPARED = "The camera's picture is sharp already: it goes out as it is, but for crispness."


class _Elided(QLabel):
    """A label that shows as much of its words as there is room for, and never asks for more."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the words, with dots where they are cut off."""
        room = self.contentsRect()
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter = QPainter(self)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
        painter.end()


class Figures(QStatusBar):
    """Shows the state and, once a second while it can be seen, the figures.

    Args:
        snapshot: the session's figures, or None; called from the GUI thread, must return at once.
    """

    def __init__(self, snapshot: Callable[[], Snapshot | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._snapshot = snapshot
        self._running = False
        self._treatment = self._reason = ""
        self.setSizeGripEnabled(False)
        self.setContentsMargins(12, 2, 12, 4)
        self.setAccessibleName("Status")
        self.state = self._figure("State", "What the program is doing.")
        self.source = self._figure("Source", "The camera, and the size it really delivers.")
        self.treatment = self._figure("Sharpening", "", _Elided())
        self.addWidget(self.state)
        self.addWidget(self.source)
        self.addWidget(self.treatment, 1)
        cores = os.cpu_count() or 1
        self.fps = self._figure("Frame rate", "Frames sent per second, measured over the last two seconds.")
        self.latency = self._figure(
            "Added delay",
            "How much later others see you because of this program.\nIf lips and voice drift apart, delay the microphone by as much.",
        )
        self.cpu = self._figure("Processor", f"How much of this computer's processor ({cores} cores) this program uses.")
        self.dropped = self._figure(
            "Dropped frames", "Frames that were left out because a newer one was already there.\nSo the picture never lags behind."
        )
        for label in (self.fps, self.latency, self.cpu, self.dropped):
            self.addPermanentWidget(label)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self.refresh)
        self.show_state(State.IDLE)

    def _figure(self, name: str, tip: str, label: QLabel | None = None) -> QLabel:
        label = label or QLabel()
        label.setAccessibleName(name)
        label.setToolTip(tip)
        label.setContentsMargins(6, 0, 6, 0)
        return label

    def show_state(self, state: State) -> None:
        """Shows the state; figures are only asked for while a session runs."""
        self.state.setText(_WORDS[state])
        self._running = state is State.RUNNING
        if not self._running:
            self.source.clear()
            self.show_treatment("", "")
            self._write(None)
        self._poll_if_seen()

    def show_standstill(self, reason: str) -> None:
        """Shows why the running session has no live picture; that it has one for an empty reason."""
        self.state.setText(reason or _WORDS[State.RUNNING])

    def show_source(self, text: str) -> None:
        """Shows what is captured."""
        self.source.setText(text)

    def show_treatment(self, text: str, reason: str) -> None:
        """Shows what is done with frames; the reason is its tooltip."""
        self._treatment, self._reason = text, capitalised(reason)
        self._say_treatment(spared=False)

    def _say_treatment(self, *, spared: bool) -> None:
        self.treatment.setText(SHARP_ALREADY if spared else self._treatment)
        self.treatment.setToolTip(_SPARED if spared else self._reason)

    def refresh(self) -> None:
        """Shows the figures of now."""
        self._write(self._snapshot())

    def _write(self, figures: Snapshot | None) -> None:
        sent = figures if figures and figures.frames_sent else None
        self.fps.setText(f"{sent.fps:.1f} FPS" if sent else f"{_NONE} FPS")
        self.latency.setText(f"+{sent.recent_latency_ms:.0f} ms" if sent else f"{_NONE} ms")
        cores = os.cpu_count() or 1
        self.cpu.setText(f"CPU {min(100.0, sent.recent_cpu_percent / cores):.0f} %" if sent else f"CPU {_NONE} %")
        if sent:
            self._say_treatment(spared=sent.treated == SHARP_ALREADY)
        self.dropped.setText(f"{sent.frames_dropped} dropped" if sent else f"{_NONE} dropped")

    def _poll_if_seen(self) -> None:
        if self._running and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()

    @override
    def showEvent(self, event: QShowEvent) -> None:
        """Asks for figures again."""
        super().showEvent(event)
        self._poll_if_seen()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        """Asks for nothing: nobody looks."""
        super().hideEvent(event)
        self._timer.stop()
