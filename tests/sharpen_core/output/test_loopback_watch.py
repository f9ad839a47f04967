"""Who reads a loopback: as newer drivers tell it, and as open files show it; on files of the tests' own."""

import errno
import os
import struct
import sys

import pytest

from sharpen_core.inotify import FileWatch, Happening
from sharpen_core.output import loopback_watch
from sharpen_core.output.loopback_watch import LoopbackWatch, client_usage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="loopbacks are Linux's")


@pytest.fixture
def node(tmp_path):
    path = tmp_path / "video42"
    path.touch()
    (tmp_path / "proc").mkdir()
    return path


@pytest.fixture
def watch(node, tmp_path):
    watch = LoopbackWatch(node, tmp_path / "proc", aside=lambda look: look())
    yield watch
    watch.close()


def add_reader(tmp_path, node, number=77):
    folder = tmp_path / f"proc/{number}/fd"
    folder.mkdir(parents=True)
    (folder / "9").symlink_to(node)
    return folder / "9"


def test_what_happens_to_a_file_is_told_in_order(node):
    watch = FileWatch(node, Happening.WRITTEN | Happening.OPENED | Happening.CLOSED)
    assert watch.read() == []
    descriptor = os.open(node, os.O_WRONLY)
    os.write(descriptor, b"frame")
    os.close(descriptor)
    assert watch.read() == [Happening.OPENED, Happening.WRITTEN, Happening.CLOSED_BY_WRITER]
    watch.close()
    watch.close()
    assert watch.read() == []
    with pytest.raises(OSError, match="cannot be watched"):
        FileWatch(node.with_name("missing"), Happening.WRITTEN)


def test_the_drivers_word_counts(watch, node, monkeypatch):
    import fcntl

    def tell(count):
        def ioctl(descriptor, request, argument):
            if request == loopback_watch._VIDIOC_DQEVENT:
                struct.pack_into("I", argument, 8, count)
            else:
                assert struct.unpack("8I", argument)[:3] == (0x10E00001, 0, 1)

        monkeypatch.setattr(fcntl, "ioctl", ioctl)

    tell(1)
    assert (client_usage(node), watch.watchers()) == (1, 1)
    with open(node, "rb"):  # a program that only looks does not stream
        tell(0)
        assert watch.watchers() == 0


def test_a_driver_that_does_not_tell_is_asked_once(watch, node, monkeypatch):
    import fcntl

    asked = []

    def refuse(*arguments):
        asked.append(arguments)
        raise OSError(errno.EINVAL, "no such event")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    assert [watch.watchers() for _ in range(3)] == [0, 0, 0]
    assert len(asked) == 1
    assert client_usage(node.with_name("missing")) is None


def test_a_reader_that_was_there_before_us_is_found(tmp_path, node, watch):
    add_reader(tmp_path, node)
    assert watch.watchers() == 1


def test_a_reader_that_hides_its_files_is_counted_by_its_opening(watch, node):
    assert watch.watchers() == 0
    with open(node, "rb"), open(node, "rb"):
        assert watch.watchers() >= 1
    watch.watchers()
    with open(node, "rb"):
        assert watch.watchers() >= 1


def test_closings_that_came_together_do_not_leave_a_reader_behind(tmp_path, node, watch):
    watch.watchers()
    links = [add_reader(tmp_path, node, number) for number in (77, 78)]
    readers = []
    for _ in links:
        readers.append(os.open(node, os.O_RDONLY))
        watch.watchers()
    assert watch.watchers() == 2
    for link, reader in zip(links, readers, strict=True):
        link.unlink()
        os.close(reader)  # the kernel tells two equal closings as one
    assert watch.watchers() == 0


def test_looking_never_holds_up_the_frames(tmp_path, node):
    waiting = []
    watch = LoopbackWatch(node, tmp_path / "proc", aside=waiting.append)
    assert [watch.watchers(), watch.watchers()] == [None, None]  # not known yet, which is no reason to pause
    with open(node, "rb"):
        assert watch.watchers() == 1  # seen at once
    assert len(waiting) == 1
    waiting.pop()()
    assert watch.watchers() == 0
    watch.close()


def test_nothing_is_looked_through_while_nothing_happens(watch, monkeypatch):
    watch.watchers()
    monkeypatch.setattr(loopback_watch, "open_files", lambda *_: pytest.fail("looked without a reason"))
    assert watch.watchers() == 0


def test_without_inotify_it_looks_once_a_second(tmp_path, node, monkeypatch):
    def refuse(*_):
        raise OSError("none here")

    now_s = [0.0]
    monkeypatch.setattr(loopback_watch, "FileWatch", refuse)
    watch = LoopbackWatch(node, tmp_path / "proc", lambda: now_s[0], lambda look: look())
    assert watch.watchers() == 0
    add_reader(tmp_path, node)
    assert watch.watchers() == 0
    now_s[0] += 1.1
    assert watch.watchers() == 1
    watch.before_write()
    for _ in range(10):
        watch.after_write()  # nothing can be said about what arrives
    assert not watch.writes_fail
    watch.close()
