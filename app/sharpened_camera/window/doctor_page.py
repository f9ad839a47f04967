"""Check my set-up: what the doctor finds, as rows that can be read, with fixes that can be copied."""

import contextlib
import logging
import re
import threading
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QGuiApplication, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from sharpened_camera.diagnosis.finding import Finding, Level
from sharpened_camera.diagnosis.report import Report, diagnose
from sharpened_camera.window.notice import capitalised
from sharpened_camera.window.overlay import INK

log = logging.getLogger(__name__)

TITLE = "Check my set-up"
SIGN_PX = 22
_SIZE = QSize(720, 560)
_BEGINNING_OF_A_COMMAND = "sudo|sharpened-camera|systemctl|flatpak"
_COMMAND = re.compile(rf"(?:^|: )((?:{_BEGINNING_OF_A_COMMAND}) [^,;(]*)")

# White stays readable on each of them, and the sign says the same without the colour.
_LOOKS = {
    Level.GOOD: ("✓", QColor(38, 128, 74), "All right"),
    Level.NOTE: ("i", QColor(74, 110, 160), "Note"),
    Level.MISSING: ("?", QColor(176, 100, 0), "Missing"),
    Level.BROKEN: ("!", QColor(200, 40, 42), "Broken"),
}

_BAD = (Level.MISSING, Level.BROKEN)

Diagnose = Callable[[], Report]


def add_doctor(window: QMainWindow, diagnose: Diagnose = diagnose) -> None:
    """Gives a window the button and the shortcut that open the page."""
    action = QAction(TITLE, window)
    action.setShortcut(QKeySequence(QKeySequence.StandardKey.HelpContents))
    action.setToolTip("Says what keeps others from seeing you, and what to do about it (F1)")
    action.triggered.connect(lambda: open_doctor(window, diagnose))
    window.addAction(action)
    button = QToolButton()
    button.setDefaultAction(action)
    button.setAutoRaise(True)
    button.setAccessibleName(TITLE)
    window.statusBar().addPermanentWidget(button)


def open_doctor(window: QWidget, diagnose: Diagnose = diagnose) -> "DoctorPage":
    """Opens the page, or brings the open one to the front."""
    page = window.findChild(DoctorPage)
    if page is None:
        page = DoctorPage(diagnose, window)
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page.check()
    page.show()
    page.raise_()
    page.activateWindow()
    return page


class _Examination(QObject):
    """Runs the doctor in a thread of its own, because a driver may take seconds to answer."""

    done = Signal(object)  # Report
    failed = Signal(str)

    def __init__(self, diagnose: Diagnose, parent: QObject) -> None:
        super().__init__(parent)
        self._diagnose = diagnose

    def start(self) -> None:
        threading.Thread(target=_examine, args=(self._diagnose, self), name="check the set-up", daemon=True).start()


def _examine(diagnose: Diagnose, examination: _Examination) -> None:
    try:
        report = diagnose()
    except Exception as error:  # top of a thread: the page must not wait for ever
        log.exception("cannot check the set-up")
        with contextlib.suppress(RuntimeError):  # the page is closed
            examination.failed.emit(repr(error))
        return
    with contextlib.suppress(RuntimeError):
        examination.done.emit(report)


class DoctorPage(QDialog):
    """The page. `check` looks, in a thread of its own; what it found then appears.

    Args:
        diagnose: looks at everything; called from another thread.
        parent: the window that it belongs to.
    """

    def __init__(self, diagnose: Diagnose, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: Report | None = None
        self._examination = _Examination(diagnose, self)
        self._examination.done.connect(self._show)
        self._examination.failed.connect(self._fail)
        self.heading = QLabel()
        self.advice = QLabel()
        self.progress = QProgressBar()
        self.rows = QScrollArea()
        self.again = QPushButton("Check again")
        self.copy_all = QPushButton("Copy diagnostics")
        self.closer = QPushButton("Close")
        self._set_up()
        self._lay_out()

    def check(self) -> None:
        """Looks at everything, unless it is still looking."""
        if self.again.isEnabled():
            self._wait(looking=True)
            self._say("Looking at every layer…", "Free cameras are switched on for a second, to measure them.")
            self._examination.start()

    def _show(self, report: Report) -> None:
        self.report = report
        self._wait(looking=False)
        self._say(*_summary(report))
        rows = QWidget()
        layout = QVBoxLayout(rows)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(2)
        for finding in sorted(report.findings, key=lambda finding: finding.level not in _BAD):  # what needs attention comes first
            layout.addWidget(FindingRow(finding))
        layout.addStretch(1)
        self.rows.setWidget(rows)

    def _fail(self, problem: str) -> None:
        self._wait(looking=False)
        self._say("The set-up could not be checked", problem)

    def _wait(self, *, looking: bool) -> None:
        self.progress.setVisible(looking)
        self.again.setEnabled(not looking)
        self.copy_all.setEnabled(not looking and self.report is not None)

    def _say(self, heading: str, advice: str) -> None:
        self.heading.setText(heading)
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))

    def _copy_all(self) -> None:
        if self.report:
            _copy(self.report.as_text(), self.copy_all)

    def _set_up(self) -> None:
        self.setWindowTitle(TITLE)
        self.resize(_SIZE)
        self.setModal(False)
        for label, name in ((self.heading, "Result"), (self.advice, "Advice")):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAccessibleName(name)
        font = self.heading.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self.heading.setFont(font)
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(6)
        self.progress.setAccessibleName("Looking")
        self.progress.hide()
        self.rows.setWidgetResizable(True)
        self.rows.setFrameShape(QFrame.Shape.NoFrame)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rows.setAccessibleName("Findings")
        self.copy_all.setToolTip("Copies all lines as text, to send them to somebody who helps")
        self.copy_all.setEnabled(False)
        self.again.clicked.connect(self.check)
        self.copy_all.clicked.connect(self._copy_all)
        self.closer.clicked.connect(self.close)
        for button in (self.again, self.copy_all, self.closer):
            button.setAccessibleName(button.text())
            button.setAutoDefault(False)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.again)
        buttons.addWidget(self.copy_all)
        buttons.addStretch(1)
        buttons.addWidget(self.closer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        for widget in (self.heading, self.advice, self.progress):
            layout.addWidget(widget)
        layout.addWidget(self.rows, 1)
        layout.addLayout(buttons)


class FindingRow(QWidget):
    """One finding: a sign, the layer, what is, and what to do with a button that copies it."""

    def __init__(self, finding: Finding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.finding = finding
        word = _LOOKS[finding.level][2]
        self.setAccessibleName(f"{word}, {finding.layer}: {finding.state}")
        self.setAccessibleDescription(finding.fix)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 6)
        layout.setSpacing(12)
        layout.addWidget(_Sign(finding.level), 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(self._words(), 1)
        self.copier = _copier(finding.fix) if finding.fix else None
        if self.copier:
            layout.addWidget(self.copier, 0, Qt.AlignmentFlag.AlignTop)

    def _words(self) -> QVBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(_label(capitalised(self.finding.layer), bold=True))
        words.addWidget(_label(_sentence(self.finding.state)))
        if self.finding.fix:
            words.addWidget(_label(f"→ {_sentence(self.finding.fix)}"))
        return words


class _Sign(QWidget):
    """The level as a coloured disc with a sign in it."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self._level = level
        self.setFixedSize(SIGN_PX, SIGN_PX)
        self.setToolTip(_LOOKS[level][2])
        self.setAccessibleName(_LOOKS[level][2])

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws it."""
        sign, colour, _ = _LOOKS[self._level]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QRectF(self.rect()))
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(INK)
        painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, sign)
        painter.end()


def command_in(fix: str) -> str:
    """The command in a fix; the whole fix where there is none."""
    found = _COMMAND.search(fix)
    return found[1].strip() if found else fix


def _summary(report: Report) -> tuple[str, str]:
    bad = [finding for finding in report.findings if finding.level in _BAD]
    if not bad:
        return "Everything is in place", f"In your call, pick: {report.name_to_pick}"
    heading = "One thing needs your attention" if len(bad) == 1 else f"{len(bad)} things need your attention"
    return heading, f"Once they are mended, pick in your call: {report.name_to_pick}"


def _sentence(text: str) -> str:
    """Begins with a capital letter, unless it begins with a name or command that has none."""
    first = text.split(" ", 1)[0]
    return text if first == "sudo" or not first.rstrip(":,").isalpha() else capitalised(text)


def _label(text: str, *, bold: bool = False) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    font = label.font()
    font.setBold(bold)
    label.setFont(font)
    return label


def _copier(fix: str) -> QPushButton:
    text = command_in(fix)
    button = QPushButton("Copy")
    button.setAutoDefault(False)
    button.setToolTip(f"Copies: {text}")
    button.setAccessibleName(f"Copy: {text}")
    button.clicked.connect(partial(_copy, text, button))
    return button


def _copy(text: str, button: QPushButton, *_: object) -> None:
    """Puts text into the clipboard and says so on the button."""
    QGuiApplication.clipboard().setText(text)
    button.setText("Copied")
