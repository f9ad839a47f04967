"""The webcam goes away, comes back, or belongs to somebody else."""

import itertools

import pytest
from device_lab import Lab, code_of_reader, psnr

from sharpen_core.errors import CameraNotFound
from sharpen_core.frame import Size
from sharpen_core.placeholder import draw_placeholder
from sharpen_core.reopen import describe_loss

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]


def test_unplugged_and_plugged_in(lab: Lab) -> None:
    """The call keeps its picture: the last good frame, then a placeholder that says what is wrong, then live again."""
    program = lab.run().wait_until_live()
    lab.call.open()
    assert lab.call.join() is None
    lab.call.wait_for(lambda frame: frame.is_camera())
    for again in ("first", "second"):
        before = lab.call.watch(5)
        lag_s = max(after.sent_s - frame.sent_s for frame, after in itertools.pairwise(before)) - 0.1  # of the guest, on a busy computer
        unplugged_s = lab.machine.ask("unplug")
        seen = len(lab.call.frames)
        placeholder = lab.call.wait_for(lambda frame: not frame.is_camera(), 10)
        held = [frame.number for frame in lab.call.frames[seen:] if unplugged_s + 0.2 < frame.sent_s < placeholder.sent_s]
        picture = lab.call.picture(f"placeholder-{again}")
        lab.call.watch(4)
        plugged_s = lab.machine.ask("plug")
        live = lab.call.wait_for(lambda frame: frame.sent_s > plugged_s and frame.is_camera(), 20)  # noqa: B023
        lab.call.watch(2)
        lab.call.picture(f"live-{again}")
        lab.keep(again, unplug_to_placeholder_s=placeholder.sent_s - unplugged_s, plug_to_live_s=live.sent_s - plugged_s, lag_s=lag_s)
        assert held, "nothing went out until the placeholder"
        assert len(set(held[-2:])) == 1, "the last good frame is not held"
        assert placeholder.sent_s - unplugged_s <= 1 + lag_s
        assert live.sent_s - plugged_s <= 3 + lag_s
        standby = describe_loss("", CameraNotFound("")).standby
        assert psnr(picture, draw_placeholder(Size(360, 640), standby)) > 25
        assert program.said.count("camera lost: ") == program.said.count("camera back: ") == 1 + (again == "second")
    assert {frame.size for frame in lab.call.frames} == {(640, 360)}
    assert not lab.call.endings, "the call lost its camera"
    assert program.end().code == 130


def test_camera_busy(lab: Lab) -> None:
    """A webcam that another program uses is said to be, with the program's name, and opens once that has ended."""
    other = lab.start_other(code_of_reader(lab.machine.ask("webcam")), until="reading")
    refused = lab.run().end(by=None, timeout_s=60)
    assert refused.code == 12, refused.said
    assert "python" in refused.said
    lab.machine.ask("end", pid=other, by="SIGKILL")
    lab.run().wait_until_live()
    assert lab.reads_camera()
