"""The contract of `Output`, over every output."""

import numpy as np
import pytest
from loopback_tree import make_loopback, register_camera

from sharpen_core.errors import OutputError
from sharpen_core.frame import Frame, Size
from sharpen_core.output.driver import System
from sharpen_core.output.file import FileRecorder
from sharpen_core.output.null import NullOutput
from sharpen_core.output.virtual_camera import VirtualCamera


@pytest.fixture(params=["null", "mp4", "mkv", "camera"])
def output(request, tmp_path):
    if request.param == "null":
        return NullOutput()
    if request.param == "camera":
        make_loopback(tmp_path, 42)
        return VirtualCamera(system=System("Linux", tmp_path), backend=register_camera())
    return FileRecorder(tmp_path / f"clip.{request.param}", overwrite=True)


def frame(size, number=0):
    return Frame(np.full((*size, 3), 90, np.uint8), number, 1_000_000_000 + number * 33_000_000)


def test_has_a_name_before_and_while_it_is_open(output):
    assert output.name
    output.open(Size(48, 64), 30)
    assert output.name
    output.close()


def test_takes_frames_of_any_size(output):
    output.open(Size(48, 64), 30)
    for number, size in enumerate([Size(48, 64), Size(64, 48), Size(1, 1), Size(49, 65), Size(100, 30)]):
        output.send(frame(size, number))
    output.close()


@pytest.mark.parametrize("size", [Size(47, 63), Size(48, 63), Size(2, 2)])
def test_opens_at_odd_and_tiny_sizes(output, size):
    output.open(size, 30)
    output.send(frame(size))
    output.close()


def test_close_may_come_twice_first_or_without_a_frame(output):
    output.close()
    output.open(Size(48, 64), 30)
    output.close()
    output.close()


def test_can_be_opened_again(output):
    for _ in range(2):
        output.open(Size(48, 64), 30)
        output.send(frame(Size(48, 64)))
        output.close()


def test_refuses_frames_while_it_is_closed(output):
    with pytest.raises(OutputError):
        output.send(frame(Size(48, 64)))
    output.open(Size(48, 64), 30)
    output.close()
    with pytest.raises(OutputError):
        output.send(frame(Size(48, 64)))


def test_says_how_many_watch_or_that_it_cannot_know(output):
    output.open(Size(48, 64), 30)
    assert output.watchers() in (0, None)
    output.close()


def test_leaves_the_frame_as_it_was(output):
    sent = frame(Size(48, 64))
    output.open(Size(50, 80), 30)
    output.send(sent)
    output.close()
    assert (sent.pixels == 90).all()


def test_takes_a_strange_rate(output):
    for fps in (0.0, 1, 29.97, 240):
        output.open(Size(48, 64), fps)
        output.send(frame(Size(48, 64)))
        output.close()


def test_null_counts():
    output = NullOutput()
    output.open(Size(48, 64), 30)
    output.send(frame(Size(48, 64)))
    output.send(frame(Size(48, 64)))
    assert (output.sent, output.size) == (2, Size(48, 64))
