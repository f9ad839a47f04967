"""Check my set-up: the page and its button."""

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow, QToolButton
from pytestqt.qtbot import QtBot
from window_stand import Stand, opened

from sharpened_camera.diagnosis.finding import Finding, Level
from sharpened_camera.diagnosis.report import Report
from sharpened_camera.window.doctor_page import DoctorPage, FindingRow, add_doctor, command_in, open_doctor

GOOD = Finding("engine", "engine-good", Level.GOOD, "openvino (bf16)")
NOTE = Finding("camera", "camera-held", Level.NOTE, "'Brio' is open in chrome")
MISSING = Finding("virtual camera", "camera-not-made", Level.MISSING, "there is no virtual camera", "run: sharpened-camera setup")
BROKEN = Finding("rights", "rights-not-in-group", Level.BROKEN, "<b>closed</b>", "run: sudo usermod -aG video ada, then log out and in")


def report(*findings: Finding) -> Report:
    return Report("Sharpened Camera", findings)


@pytest.fixture
def page(qtbot: QtBot) -> DoctorPage:
    page = DoctorPage(lambda: report(GOOD, NOTE, MISSING, BROKEN))
    qtbot.addWidget(page)
    return page


def checked(qtbot: QtBot, page: DoctorPage) -> DoctorPage:
    page.show()
    page.check()
    qtbot.waitUntil(lambda: page.again.isEnabled())
    return page


def rows(page: DoctorPage) -> list[FindingRow]:
    return page.rows.widget().findChildren(FindingRow)


def test_every_finding_is_a_row_in_words(qtbot: QtBot, page: DoctorPage) -> None:
    checked(qtbot, page)
    assert [row.finding for row in rows(page)] == [MISSING, BROKEN, GOOD, NOTE]
    assert [row.accessibleName() for row in rows(page)] == [
        "Missing, virtual camera: there is no virtual camera",
        "Broken, rights: <b>closed</b>",
        "All right, engine: openvino (bf16)",
        "Note, camera: 'Brio' is open in chrome",
    ]
    assert rows(page)[1].accessibleDescription() == "run: sudo usermod -aG video ada, then log out and in"
    assert [bool(row.copier) for row in rows(page)] == [True, True, False, False]
    assert page.heading.text() == "2 things need your attention"
    assert page.advice.text().endswith("Sharpened Camera")


def test_a_command_is_copied_without_the_words_around_it(qtbot: QtBot, page: DoctorPage) -> None:
    copier = rows(checked(qtbot, page))[1].copier
    assert copier is not None
    assert copier.accessibleName() == "Copy: sudo usermod -aG video ada"
    qtbot.mouseClick(copier, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "sudo usermod -aG video ada"
    assert copier.text() == "Copied"


def test_everything_can_be_copied_as_text(qtbot: QtBot, page: DoctorPage) -> None:
    assert not page.copy_all.isEnabled()
    checked(qtbot, page)
    qtbot.mouseClick(page.copy_all, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == report(GOOD, NOTE, MISSING, BROKEN).as_text()


@pytest.mark.parametrize(
    ("findings", "heading", "advice"),
    [
        ((GOOD, NOTE), "Everything is in place", "In your call, pick: Sharpened Camera"),
        ((GOOD, BROKEN), "One thing needs your attention", "Once they are mended, pick in your call: Sharpened Camera"),
    ],
)
def test_the_result_in_a_line(qtbot: QtBot, findings: tuple[Finding, ...], heading: str, advice: str) -> None:
    page = DoctorPage(lambda: report(*findings))
    qtbot.addWidget(page)
    checked(qtbot, page)
    assert (page.heading.text(), page.advice.text()) == (heading, advice)


def test_it_looks_in_a_thread_and_only_once_at_a_time(qtbot: QtBot) -> None:
    release, threads = threading.Event(), []

    def look() -> Report:
        threads.append(threading.current_thread())
        release.wait(20)
        return report(GOOD)

    page = DoctorPage(look)
    qtbot.addWidget(page)
    page.show()
    page.check()
    page.check()
    qtbot.waitUntil(lambda: bool(threads))
    assert page.progress.isVisible()
    assert not page.again.isEnabled()
    release.set()
    qtbot.waitUntil(lambda: page.again.isEnabled())
    assert not page.progress.isVisible()
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_checking_again_replaces_the_rows(qtbot: QtBot) -> None:
    answers = iter([report(BROKEN), report(GOOD)])
    page = DoctorPage(lambda: next(answers))
    qtbot.addWidget(page)
    checked(qtbot, page)
    qtbot.mouseClick(page.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [row.finding for row in rows(page)] == [GOOD])


def test_a_doctor_that_fails_is_said(qtbot: QtBot) -> None:
    def fail() -> Report:
        raise RuntimeError("unforeseen")

    page = DoctorPage(fail)
    qtbot.addWidget(page)
    checked(qtbot, page)
    assert page.heading.text() == "The set-up could not be checked"
    assert "unforeseen" in page.advice.text()


def test_a_page_that_is_closed_meanwhile_takes_no_answer(qtbot: QtBot) -> None:
    release, answered = threading.Event(), threading.Event()

    def look() -> Report:
        release.wait(20)
        answered.set()
        return report(GOOD)

    window = QMainWindow()
    qtbot.addWidget(window)
    page = open_doctor(window, look)
    with qtbot.waitSignal(page.destroyed):
        page.close()
    release.set()
    qtbot.waitUntil(answered.is_set)


def test_everything_has_a_name_for_screen_readers(qtbot: QtBot, page: DoctorPage) -> None:
    checked(qtbot, page)
    widgets = [page.heading, page.advice, page.progress, page.rows, page.again, page.copy_all, page.closer, *rows(page)]
    assert all(widget.accessibleName() for widget in widgets)


def test_the_button_and_f1_open_one_page(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    add_doctor(window, lambda: report(GOOD))
    window.show()
    button = window.statusBar().findChild(QToolButton)
    assert button is not None
    assert (button.accessibleName(), button.text()) == ("Check my set-up", "Check my set-up")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    page = window.findChild(DoctorPage)
    assert page is not None
    qtbot.waitUntil(lambda: page.report is not None)
    window.actions()[0].trigger()
    assert len(window.findChildren(DoctorPage)) == 1
    with qtbot.waitSignal(page.destroyed):
        page.close()


@pytest.mark.parametrize(
    ("fix", "command"),
    [
        ("run: sharpened-camera setup", "sharpened-camera setup"),
        ("sudo apt install a && sudo dkms autoinstall", "sudo apt install a && sudo dkms autoinstall"),
        ("sudo apt install a; then run: sharpened-camera setup", "sudo apt install a"),
        ("if devices are missing: flatpak override --user --device=all x", "flatpak override --user --device=all x"),
        ("nothing has to be done; sharpened-camera setup writes a rule", "nothing has to be done; sharpened-camera setup writes a rule"),
        ("plug one in", "plug one in"),
    ],
)
def test_the_command_in_a_fix(fix: str, command: str) -> None:
    assert command_in(fix) == command


def test_the_main_window_has_the_button(qtbot: QtBot, stand: Stand) -> None:
    window = opened(qtbot, stand).window
    assert "Check my set-up" in [button.accessibleName() for button in window.statusBar().findChildren(QToolButton)]
