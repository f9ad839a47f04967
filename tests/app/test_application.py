"""How a session is wired."""

import cv2
import pytest

from sharpen_core.output.virtual_camera import VirtualCamera
from sharpened_camera import application
from sharpened_camera.application import Session, SessionRequest


@pytest.mark.parametrize("required", [True, False])
def test_the_window_waits_for_a_virtual_camera_that_is_not_there_yet(monkeypatch: pytest.MonkeyPatch, required: bool) -> None:
    monkeypatch.setattr(application, "build_outputs", lambda names: [])
    session = Session(SessionRequest(camera="test", outputs_required=required))
    assert [type(output) for output in session.outputs] == ([] if required else [VirtualCamera])


def test_pausing_is_as_asked_for() -> None:
    for pause in (True, False):
        assert Session(SessionRequest(camera="test", outputs=("none",), pause=pause)).pipeline.pausing is pause


def test_opencv_starts_no_threads_of_its_own() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        Session(SessionRequest(camera="test", outputs=("none",)))
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
