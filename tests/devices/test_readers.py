"""Calls that have our virtual camera before we do, or longer."""

import statistics

import pytest
from device_lab import NAME, Lab

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]


def test_reader_before_us(lab: Lab) -> None:
    """A call that holds the camera while the program is started again has its picture back."""
    first = lab.run().wait_until_live()
    lab.call.open()
    assert lab.call.join() is None
    lab.call.wait_for(lambda frame: frame.is_camera())
    first.end()
    second = lab.run().wait_until_live()
    lab.call.look()
    lab.call.watch(3)
    if lab.call.endings:  # the browser has given the camera up meanwhile, as for any camera that falls silent
        assert lab.call.join() is None
    lab.call.wait_for(lambda frame: frame.is_camera())
    assert {frame.size for frame in lab.call.frames} == {(640, 360)}
    assert second.end().code == 130


def test_size_changes_under_reader(lab: Lab) -> None:
    """Another size while a call reads: it never gets a skewed picture.

    Where the driver lets it, the new size is there when the call joins anew; otherwise the program says who is in the way.
    """
    first = lab.run().wait_until_live()
    lab.call.open()
    assert lab.call.join() is None
    lab.call.wait_for(lambda frame: frame.is_camera())
    first.end()
    lab.call.look()
    second = lab.run("--size", "1280x720")
    seen = lab.call.watch(20)
    assert {frame.size for frame in seen} <= {(640, 360), (1280, 720)}
    assert all(frame.is_camera() for frame in seen)
    if not second.is_running:
        refused = second.end(by=None)
        assert refused.code == 22
        assert "at 640x360 instead of 1280x720" in refused.said
        lab.call.leave()
        second = lab.run("--size", "1280x720")
    second.wait_until_live()
    assert lab.call.join() is None
    assert lab.call.wait_for(lambda frame: frame.is_camera()).size == (1280, 720)


def test_rests_while_nobody_watches(lab: Lab) -> None:
    """Without a reader the program rests, stays listed, and is live again at once when a call joins."""
    program = lab.run().wait_until_live()
    program.wait_until("paused:", 30)
    lab.call.open()
    assert NAME in lab.call.cameras(), "it is not listed while it rests"
    assert lab.call.join() is None
    began_s = lab.call.wait_for(lambda frame: True).sent_s
    live = lab.call.wait_for(lambda frame: frame.is_camera(), 10)
    lab.keep("rest", first_frame_to_live_s=live.sent_s - began_s)
    assert live.sent_s - began_s <= 1
    assert "resumed" in program.said
    frames = lab.call.watch(8)
    assert all(frame.is_camera() for frame in frames[1:]), "it rests although a call watches"


def test_wakes_up(lab: Lab) -> None:
    """Who opens the camera while the program rests sees the live picture a moment later."""
    program = lab.run("--fps", "25")
    took_s = []
    for rest in range(1, 4):
        program.wait_until_live()
        program.wait_until("paused:", 30, times=rest)
        took_s.append(lab.machine.ask("wait_for_light", node="/dev/video42", timeout_s=20))
    lab.keep("wake", took_s=took_s)
    assert statistics.median(took_s) <= 1  # 0.1 where the guest has a processor to itself; the first may come while networks are loaded
