"""Outputs into the tests' own PipeWire."""

import contextlib

import pytest

from sharpen_core.frame import Size
from sharpen_core.output.pipewire.backend import PipeWireBackend
from sharpen_core.output.pipewire.output import PipeWireOutput

SMALL = Size(48, 64)


@pytest.fixture
def backend(pipewire):
    """Makes cameras, which are closed after the test."""
    with contextlib.ExitStack() as made:

        def make(fourcc="I420", size=SMALL, fps=30.0, name="Sharpened Camera"):
            code = int.from_bytes(fourcc.encode(), "little")
            camera = PipeWireBackend(width=size.width, height=size.height, fps=fps, fourcc=code, device=name)
            made.callback(camera.close)
            return camera

        yield make


@pytest.fixture
def output(pipewire):
    """An output that is not open yet, and is closed after the test."""
    output = PipeWireOutput()
    yield output
    output.close()
