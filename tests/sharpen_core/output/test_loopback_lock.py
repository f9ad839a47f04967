"""Locked loopbacks: v4l2loopback as its source says that it behaves, in 0.12 and since, without the kernel."""

import errno
import sys

import pytest
from loopback_tree import make_loopback, received, register_camera

from sharpen_core.errors import OutputBusy
from sharpen_core.frame import Size
from sharpen_core.output import loopback_lock
from sharpen_core.output.driver import System
from sharpen_core.output.loopback_lock import is_free, release
from sharpen_core.output.virtual_camera import VirtualCamera

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="loopbacks are Linux's")

CAPTURE, OUTPUT = 1, 2


class FakeLoopback:
    """A device with exclusive_caps=1. `frames` is what reads find: True, or False for none yet; the last repeats."""

    def __init__(self, caps, frames=(False,), old=True):
        self.caps, self.frames, self.old = caps, list(frames), old
        self.streaming = False
        self.opened = self.started = self.now_s = 0

    def open(self, path, flags):
        self.opened += 1
        return 99

    def close(self, descriptor):
        self.opened -= 1
        if self.streaming:
            self.caps |= OUTPUT
        self.streaming = False

    def ioctl(self, descriptor, request, argument):
        if request == loopback_lock._VIDIOC_QUERYCAP:
            argument[88] = self.caps
        else:
            self.started += 1
            if not self.old:
                raise OSError(errno.EBUSY, "busy")
            self.streaming = True
            if not self.caps & CAPTURE:
                raise OSError(errno.EINVAL, "no format yet")

    def read(self, descriptor, count):
        if not (self.frames.pop(0) if len(self.frames) > 1 else self.frames[0]):
            raise BlockingIOError
        return b"x"

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def plug(monkeypatch):
    def put(fake):
        import fcntl

        for name in ("open", "close", "read"):
            monkeypatch.setattr(loopback_lock.os, name, getattr(fake, name))
        monkeypatch.setattr(fcntl, "ioctl", fake.ioctl)
        return fake

    return put


def test_a_device_that_takes_output_is_only_asked(plug, tmp_path):
    for caps in (OUTPUT, OUTPUT | CAPTURE):
        fake = plug(FakeLoopback(caps))
        assert is_free(tmp_path, clock=fake.clock, sleep=fake.sleep)
        assert (fake.started, fake.opened, fake.now_s) == (0, 0, 0)


def test_a_device_that_its_last_writer_locked_is_unlocked_at_once(plug, tmp_path):
    fake = plug(FakeLoopback(0))
    assert is_free(tmp_path, clock=fake.clock, sleep=fake.sleep)
    assert (fake.caps, fake.opened, fake.now_s) == (OUTPUT, 0, 0)


def test_a_device_that_a_reader_kept_open_is_unlocked_when_no_frame_comes(plug, tmp_path):
    fake = plug(FakeLoopback(CAPTURE, [True, False]))  # the last frame of the writer that ended
    assert is_free(tmp_path, clock=fake.clock, sleep=fake.sleep)
    assert 1 < fake.now_s < 1.5
    assert fake.opened == 0


def test_a_device_with_a_writer_is_left_alone(plug, tmp_path):
    fake = plug(FakeLoopback(CAPTURE, [True, False, False, False, True]))
    assert not is_free(tmp_path, clock=fake.clock, sleep=fake.sleep)
    assert (fake.caps, fake.started, fake.opened) == (CAPTURE, 0, 0)


def test_newer_drivers_refuse_and_stay_busy(plug, tmp_path):
    fake = plug(FakeLoopback(CAPTURE, old=False))
    assert not is_free(tmp_path, clock=fake.clock, sleep=fake.sleep)
    assert (fake.caps, fake.opened) == (CAPTURE, 0)


@pytest.mark.parametrize("caps", [0, CAPTURE])  # without and with a reader that is left behind
def test_our_last_frame_leaves_the_device_to_others(plug, tmp_path, caps):
    fake = plug(FakeLoopback(caps))
    release(tmp_path)
    assert fake.caps & OUTPUT
    assert (fake.opened, fake.now_s) == (0, 0)


def test_a_device_that_is_not_locked_is_only_asked_at_the_end(plug, tmp_path):
    fake = plug(FakeLoopback(OUTPUT | CAPTURE, old=False))
    release(tmp_path)
    assert (fake.started, fake.opened) == (0, 0)
    fake = plug(FakeLoopback(CAPTURE, old=False))  # somebody else writes already
    release(tmp_path)
    assert (fake.caps, fake.opened) == (CAPTURE, 0)


def test_what_is_no_device_counts_as_free(tmp_path):
    (tmp_path / "file").touch()
    assert is_free(tmp_path / "file")
    assert is_free(tmp_path / "missing")
    release(tmp_path / "file")
    release(tmp_path / "missing")


def test_a_busy_device_is_said_without_opening_it_for_output(monkeypatch, tmp_path):
    make_loopback(tmp_path, 42)
    monkeypatch.setattr("sharpen_core.output.virtual_camera.is_free", lambda node: False)
    before = len(received)
    with pytest.raises(OutputBusy, match="another program writes to Sharpened Camera"):
        VirtualCamera(system=System("Linux", tmp_path), backend=register_camera()).open(Size(48, 64), 30)
    assert len(received) == before
