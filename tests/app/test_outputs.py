"""Which outputs a session gets from what was asked for."""

import pytest

from sharpen_core.output.null import NullOutput
from sharpen_core.output.pipewire.output import PipeWireOutput
from sharpen_core.output.pipewire.status import PipeWireStatus
from sharpen_core.output.virtual_camera import VirtualCamera, VirtualCameraStatus
from sharpened_camera import application

BOTH = [VirtualCamera, PipeWireOutput]


def kinds(*names):
    return [type(output) for output in application.build_outputs(names)]


@pytest.fixture
def system(monkeypatch):
    def have(driver, pipewire):
        status = VirtualCameraStatus(driver, "Sharpened Camera", None, "", "")
        monkeypatch.setattr(application, "virtual_camera_status", lambda: status)
        monkeypatch.setattr(application, "find_pipewire", lambda: PipeWireStatus(pipewire, "Sharpened Camera"))

    return have


def test_virtual_means_every_camera_that_calls_can_see(system):
    for driver, pipewire, expected in [(True, True, BOTH), (True, False, BOTH[:1]), (False, True, BOTH[1:]), (False, False, [])]:
        system(driver, pipewire)
        assert kinds() == expected
        assert kinds("virtual") == (expected or [VirtualCamera])  # whose error says what to install


def test_each_is_there_once(system):
    system(driver=True, pipewire=True)
    assert kinds("virtual", "pipewire", "none", "virtual") == [*BOTH, NullOutput]
    assert kinds("pipewire") == [PipeWireOutput]
