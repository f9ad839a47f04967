"""Sessions that live on: cameras and outputs that go and come back, and pauses while nobody watches."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scripted import SIZE, ScriptedCamera, ScriptedOutput, ScriptedRestorer

from sharpen_core.capture.base import CameraFormat
from sharpen_core.errors import (
    CameraBusy,
    CameraDisconnected,
    CameraError,
    CameraNotFound,
    CameraUnplugged,
    OutputBusy,
    OutputDriverMissing,
    OutputError,
    OutputUnwritable,
)
from sharpen_core.events import CameraBack, CameraLost, Event, OutputLost, OutputOpened, Paused, Resumed, State
from sharpen_core.frame import Size
from sharpen_core.pipeline import Pipeline, PipelineOptions
from sharpen_core.placeholder import Standby, draw_placeholder
from sharpen_core.reopen import describe_loss
from sharpen_core.stopgap import Patience

QUICK = Patience(repeat_after_s=0.05, hold_s=0.1, stalled_after_s=0.3, beat_s=0.05)
REOPENING = PipelineOptions(
    reopen_camera=True, reopen_outputs=True, retries_s=(0.01, 0.02), patience=QUICK, pause_after_s=0.05, close_after_s=0.1
)
UNPLUGGED = describe_loss("scripted", CameraNotFound("")).standby


def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.002)


class Pluggable(ScriptedCamera):
    """A camera with a plug. `fault` is raised by everything while it is set; after that frames have `size_then`.

    One that `notices` knows why no frame comes when it was unplugged, as on Linux.
    """

    def __init__(self, size_then: Size = SIZE, *, notices: bool = False) -> None:
        super().__init__(before_read=self._wait)
        self.fault: CameraError | None = None
        self.size_then, self.notices = size_then, notices
        self.held = threading.Event()
        self.held.set()

    def open(self) -> CameraFormat:
        if self.fault:
            raise self.fault
        if self.opened:
            self._size = self.size_then
        return super().open()

    def _wait(self, number: int) -> None:
        self.held.wait(10)
        time.sleep(0.003)
        if isinstance(self.fault, CameraNotFound) and self.notices:
            raise CameraUnplugged("the camera 'scripted' was unplugged", "Plug it in again")
        if self.fault:
            raise CameraDisconnected("the camera 'scripted' delivers no frames", "Plug it out and in again")


class Session:
    """A running pipeline with what it told."""

    def __init__(self, camera: ScriptedCamera, *outputs: ScriptedOutput, options: PipelineOptions = REOPENING) -> None:
        self.events: list[Event] = []
        self.pipeline = Pipeline(camera, ScriptedRestorer, outputs, options, self.events.append)

    def __enter__(self) -> "Session":
        self.pipeline.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pipeline.stop()

    def told(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def shows(output: ScriptedOutput, standby: Standby, size: Size = SIZE) -> bool:
    return bool(output.frames) and np.array_equal(output.frames[-1].pixels, draw_placeholder(size, standby))


def is_live(output: ScriptedOutput) -> bool:
    """Whether the last frame is one flat value, as the scripted camera's are."""
    return bool(output.frames) and int(np.ptp(output.frames[-1].pixels)) == 0


@pytest.mark.parametrize("notices", [False, True])
def test_an_unplugged_camera_is_opened_again_while_the_outputs_get_a_placeholder(notices: bool) -> None:
    camera, output = Pluggable(notices=notices), ScriptedOutput()
    with Session(camera, output) as session:
        until(lambda: len(output.frames) > 3)
        camera.fault = CameraNotFound("the camera 'scripted' is not there any more", "Cameras here: none")
        until(lambda: shows(output, UNPLUGGED))
        assert session.told(CameraLost)[-1].message == "the camera 'scripted' was unplugged"
        assert session.told(CameraLost)[-1].retry_in_s > 0
        beats = len(output.frames)
        until(lambda: len(output.frames) > beats + 2)  # it keeps coming, so that the virtual camera stays listed
        camera.fault = None
        until(lambda: session.told(CameraBack) and is_live(output))
        losses = [event.message for event in session.told(CameraLost)]
        unplugged = "the camera 'scripted' was unplugged"
        assert losses == ([unplugged] if notices else ["the camera 'scripted' delivers no frames", unplugged])
        assert session.pipeline.state is State.RUNNING
    assert session.pipeline.state is State.STOPPED
    assert session.pipeline.error is None
    assert output.opened == [SIZE]
    seqs = [frame.seq for frame in output.frames]
    assert seqs == sorted(seqs)


def test_the_last_good_frame_comes_before_the_placeholder() -> None:
    camera, output = Pluggable(), ScriptedOutput()
    with Session(camera, output, options=replace(REOPENING, patience=replace(QUICK, hold_s=0.6))):
        until(lambda: len(output.frames) > 3)
        camera.fault = CameraNotFound("gone")
        until(lambda: shows(output, UNPLUGGED))
    live = [frame for frame in output.frames if int(np.ptp(frame.pixels)) == 0]
    assert len(live) > len({frame.seq for frame in live})  # the last one again, with its number
    assert all(later.captured_ns > earlier.captured_ns for earlier, later in pairwise(live))


def test_who_holds_the_camera_is_told_as_soon_as_it_changes() -> None:
    camera, output = Pluggable(), ScriptedOutput()
    with Session(camera, output) as session:
        until(lambda: output.frames)
        for who in ("zoom", "obs"):
            camera.fault = CameraBusy(f"the camera 'scripted' is used by {who}", "Close that program")
            until(lambda who=who: session.told(CameraLost) and who in session.told(CameraLost)[-1].message)
        camera.fault = None
        until(lambda: session.told(CameraBack))


def test_a_camera_that_comes_back_in_another_size_keeps_the_outputs_size() -> None:
    camera, output = Pluggable(size_then=Size(30, 40)), ScriptedOutput()
    with Session(camera, output) as session:
        until(lambda: output.frames)
        camera.fault = CameraNotFound("gone")
        until(lambda: session.told(CameraLost))
        camera.fault = None
        until(lambda: output.frames[-1].size == Size(30, 40))  # the outputs letterbox it
        assert session.told(CameraBack)[0].format.size == Size(30, 40)
    assert output.opened == [SIZE]


def test_a_driver_that_hangs_is_told_to_those_who_watch() -> None:
    camera, output = Pluggable(), ScriptedOutput()
    silent = describe_loss("scripted", CameraError("")).standby
    with Session(camera, output) as session:
        until(lambda: len(output.frames) > 3)
        camera.held.clear()
        until(lambda: shows(output, silent))
        assert not session.told(CameraLost)
        camera.held.set()
        until(lambda: is_live(output))


@pytest.mark.parametrize("options", [PipelineOptions(), PipelineOptions(reopen_outputs=True)])
def test_without_reopening_a_lost_camera_ends_the_session(options: PipelineOptions) -> None:
    camera = Pluggable()
    session = Session(camera, ScriptedOutput(), options=options)
    session.pipeline.start()
    camera.fault = CameraNotFound("gone")
    assert session.pipeline.wait(10)
    assert session.pipeline.state is State.FAILED


def test_a_camera_that_was_never_there_is_an_error_all_the_same() -> None:
    camera = Pluggable()
    camera.fault = CameraNotFound("no such camera")
    session = Session(camera, ScriptedOutput())
    session.pipeline.start()
    assert session.pipeline.wait(10)
    assert session.pipeline.error is camera.fault


def test_a_time_limit_holds_while_the_camera_is_away() -> None:
    camera = Pluggable()
    options = PipelineOptions(reopen_camera=True, retries_s=(30.0,), seconds_limit=0.2)
    session = Session(camera, ScriptedOutput(), options=options)
    session.pipeline.start()
    until(lambda: session.pipeline.snapshot().frames_sent)
    camera.fault = CameraBusy("busy")
    assert session.pipeline.wait(10)
    assert session.pipeline.state is State.STOPPED


def test_stop_does_not_wait_for_the_next_try() -> None:
    camera = Pluggable()
    session = Session(camera, options=PipelineOptions(reopen_camera=True, retries_s=(30.0,)))
    with session:
        until(lambda: session.pipeline.snapshot().frames_sent)
        camera.fault = CameraBusy("busy")
        until(lambda: session.told(CameraLost))
    assert session.pipeline.state is State.STOPPED
    assert camera.closed >= 1


# ---- outputs ----------------------------------------------------------------------------------------------------------


def test_an_output_that_vanishes_is_opened_again() -> None:
    fault: list[OutputError] = []

    def send(_: object) -> None:
        if fault:
            raise fault[0]

    output = ScriptedOutput(send)
    with Session(Pluggable(), output) as session:
        until(lambda: len(output.frames) > 2)
        output.open_error = OutputDriverMissing("no virtual camera", "load it")
        fault.append(OutputError("it has gone"))
        until(lambda: session.told(OutputLost) and session.told(OutputLost)[-1].error is output.open_error)
        fault.clear()
        output.open_error = None
        sent = len(output.frames)
        until(lambda: len(output.frames) > sent)
        assert len(session.told(OutputOpened)) == 2
        assert len(session.told(OutputLost)) == 2  # each reason once, however often it was tried
    assert output.closed == len(output.opened) == 2


def test_a_virtual_camera_that_appears_later_is_taken_where_it_was_not_required() -> None:
    output = ScriptedOutput(open_error=OutputDriverMissing("no virtual camera"))
    options = PipelineOptions(outputs_required=False, reopen_outputs=True, retries_s=(0.01,))
    with Session(Pluggable(), output, options=options) as session:
        until(lambda: session.told(OutputLost))
        output.open_error = None
        until(lambda: output.frames)


@pytest.mark.parametrize("error", [OutputBusy("busy"), OutputDriverMissing("none")])
def test_a_required_output_that_is_not_there_at_the_start_is_an_error(error: OutputError) -> None:
    session = Session(Pluggable(), ScriptedOutput(open_error=error))
    session.pipeline.start()
    assert session.pipeline.wait(10)
    assert session.pipeline.error is error


def test_a_full_disk_is_final() -> None:
    def full(_: object) -> None:
        raise OutputUnwritable("disk full")

    session = Session(Pluggable(), ScriptedOutput(full))
    session.pipeline.start()
    assert session.pipeline.wait(10)
    assert session.pipeline.state is State.FAILED


# ---- pauses -----------------------------------------------------------------------------------------------------------


def pausing(camera: ScriptedCamera, *outputs: ScriptedOutput) -> Session:
    session = Session(camera, *outputs)
    session.pipeline.pausing = session.pipeline.hidden = True
    return session


def test_nobody_watching_pauses_and_a_watcher_ends_the_pause() -> None:
    camera, output = Pluggable(), ScriptedOutput()
    output.watched = 0
    with pausing(camera, output) as session:
        until(lambda: session.told(Paused))
        until(lambda: not is_live(output))
        captured = session.pipeline.snapshot().frames_captured
        beats = len(output.frames)
        until(lambda: len(output.frames) > beats + 2)
        assert session.pipeline.snapshot().frames_captured == captured
        until(lambda: camera.closed == 1)  # a long pause puts the camera's light out
        output.watched = 1
        until(lambda: session.told(Resumed) and is_live(output))
        assert camera.opened == 2
        assert session.pipeline.snapshot().paused_s > 0
        assert not session.told(CameraLost)


def test_the_window_ends_the_pause_and_the_user_may_forbid_it() -> None:
    output = ScriptedOutput()
    output.watched = 0
    for end in ("hidden", "pausing"):
        with pausing(Pluggable(), output) as session:
            until(lambda session=session: session.told(Paused))
            setattr(session.pipeline, end, False)
            until(lambda session=session: session.told(Resumed))


def test_a_camera_that_went_during_the_pause_is_a_loss_after_it() -> None:
    camera, output = Pluggable(), ScriptedOutput()
    output.watched = 0
    with pausing(camera, output) as session:
        until(lambda: camera.closed == 1)
        camera.fault = CameraNotFound("gone")
        output.watched = 1
        until(lambda: session.told(CameraLost) and shows(output, UNPLUGGED))
        camera.fault = None
        until(lambda: session.told(CameraBack) and is_live(output))


def test_stop_ends_a_pause() -> None:
    output = ScriptedOutput()
    output.watched = 0
    with pausing(Pluggable(), output) as session:
        until(lambda: session.told(Paused))
    assert session.pipeline.state is State.STOPPED


def test_an_output_whose_watchers_cannot_be_known_never_pauses() -> None:
    known, unknown = ScriptedOutput(), ScriptedOutput()
    known.watched = 0
    with pausing(Pluggable(), known, unknown) as session:
        until(lambda: len(unknown.frames) > 60)
        assert not session.told(Paused)
