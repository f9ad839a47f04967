"""Stopping, starting again, and who may write."""

import pytest
from device_lab import Lab, code_of_writer

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)])
def test_starts_again(lab: Lab, signal: str, code: int) -> None:
    """Whatever ended the program, the next start works."""
    for _ in range(2):
        program = lab.run().wait_until_live()
        assert lab.reads_camera()
        assert program.end(by=signal).code == code


def test_second_copy(lab: Lab) -> None:
    """A second copy says what the first one holds, and leaves it in peace."""
    first = lab.run().wait_until_live()
    on_camera = lab.run().end(by=None, timeout_s=60)
    assert on_camera.code == 12, on_camera.said
    on_output = lab.run("--camera", "test").end(by=None, timeout_s=60)
    assert on_output.code == 22, on_output.said
    assert lab.reads_camera()
    assert first.end().code == 130


def test_other_writer(lab: Lab) -> None:
    """While another program writes to our device we say so, and start once it is gone."""
    other = lab.start_other(code_of_writer("/dev/video42"), until="writing")
    refused = lab.run().end(by=None, timeout_s=60)
    assert refused.code == 22, refused.said
    assert "another program writes" in refused.said
    assert "python" in refused.said
    lab.machine.ask("end", pid=other, by="SIGKILL")
    lab.run().wait_until_live()
    assert lab.reads_camera()
