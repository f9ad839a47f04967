import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from scripted import SIZE, ScriptedCamera, ScriptedOutput, ScriptedRestorer

from sharpen_core.capture.base import CameraFormat
from sharpen_core.errors import (
    CameraDisconnected,
    CameraNotFound,
    EngineCompileFailed,
    EngineInferenceFailed,
    OutputUnwritable,
    SharpenError,
    StopTimeout,
)
from sharpen_core.events import (
    CameraOpened,
    Event,
    Failed,
    Governed,
    OutputLost,
    OutputOpened,
    PassingThrough,
    Sharpening,
    State,
    StateChanged,
)
from sharpen_core.frame import Frame, Size
from sharpen_core.governing.lineup import Lineup
from sharpen_core.governing.rungs import Rung
from sharpen_core.governing.steering import Steering
from sharpen_core.loops.belt import Belt, Preview, Ready
from sharpen_core.loops.sharpen import SharpenLoop
from sharpen_core.pipeline import Pipeline, PipelineOptions
from sharpen_core.slot import SlotClosed, SlotTimeout
from sharpen_core.stats import SHARP_ALREADY

LOSSLESS = PipelineOptions(lossless=True)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Set at the end of the test: whatever was made to hang hangs no longer."""
    event = threading.Event()
    yield event
    event.set()


def run(pipeline: Pipeline, timeout_s: float = 10) -> None:
    pipeline.start()
    assert pipeline.wait(timeout_s)
    pipeline.stop()


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def pace(number: int) -> None:
    time.sleep(0.005)


def states(events: list[Event]) -> list[State]:
    return [event.state for event in events if isinstance(event, StateChanged)]


def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def test_lossless_sends_every_frame_sharpened_and_in_order() -> None:
    events: list[Event] = []
    camera, output, other = ScriptedCamera(frames=100), ScriptedOutput(), ScriptedOutput()
    pipeline = Pipeline(camera, ScriptedRestorer, [output, other], LOSSLESS, events.append)
    run(pipeline)
    assert [frame.seq for frame in output.frames] == list(range(100))
    assert [int(frame.pixels[0, 0, 0]) for frame in output.frames] == [101 + n for n in range(100)]
    assert len(other.frames) == 100
    figures = pipeline.snapshot()
    assert (figures.frames_captured, figures.frames_sharpened, figures.frames_sent, figures.frames_dropped) == (100, 100, 100, 0)
    assert figures.latency_ms.p99 >= figures.latency_ms.p50 > 0
    assert states(events) == [State.STARTING, State.RUNNING, State.STOPPED]
    assert any(isinstance(event, CameraOpened) and event.format.size == SIZE for event in events)
    assert OutputOpened("scripted") in events
    assert (camera.opened, camera.closed, output.closed, other.closed) == (1, 1, 1, 1)
    assert camera.threads == {"capture"}
    assert pipeline.newest().before.seq == 99


def test_a_frame_limit_ends_the_session() -> None:
    pipeline = Pipeline(ScriptedCamera(), ScriptedRestorer, [], PipelineOptions(lossless=True, frame_limit=7))
    run(pipeline)
    assert pipeline.snapshot().frames_sent == 7
    assert pipeline.state is State.STOPPED


def test_a_time_limit_ends_the_session() -> None:
    pipeline = Pipeline(ScriptedCamera(before_read=pace), ScriptedRestorer, [], PipelineOptions(seconds_limit=0.1))
    run(pipeline)
    assert 0 < pipeline.snapshot().frames_sent < 100


def test_a_slow_output_makes_frames_drop_never_queue() -> None:
    output = ScriptedOutput(before_send=lambda frame: time.sleep(0.02))
    pipeline = Pipeline(ScriptedCamera(frames=100, before_read=pace), ScriptedRestorer, [output])
    run(pipeline)
    figures = pipeline.snapshot()
    assert figures.frames_dropped > 30
    assert figures.frames_sent + figures.frames_dropped == figures.frames_captured == 100
    assert [frame.seq for frame in output.frames] == sorted({frame.seq for frame in output.frames})
    assert output.frames[-1].seq == 99


def test_strength_zero_sends_the_very_pixels() -> None:
    output = ScriptedOutput()
    pipeline = Pipeline(ScriptedCamera(frames=5), ScriptedRestorer, [output], LOSSLESS)
    pipeline.strength = 0.0
    run(pipeline)
    assert [int(frame.pixels[0, 0, 0]) for frame in output.frames] == [1, 2, 3, 4, 5]
    assert pipeline.snapshot().frames_sharpened == 0
    assert pipeline.newest().before is pipeline.newest().after


def test_mirror_flips_left_to_right() -> None:
    class Sided(ScriptedCamera):
        def read(self) -> np.ndarray:
            pixels = super().read()
            pixels[:, :10] = 50
            return pixels

    output = ScriptedOutput()
    pipeline = Pipeline(Sided(frames=1), ScriptedRestorer, [output], LOSSLESS)
    pipeline.mirror = True
    run(pipeline)
    assert output.frames[0].pixels[0, -1, 0] == 150
    assert output.frames[0].pixels[0, 0, 0] == 101


@pytest.mark.parametrize("stage", ["open", "read", "compile", "infer", "output open", "send"])
def test_the_first_error_ends_the_session_and_everything_is_closed(stage: str) -> None:
    events: list[Event] = []
    error = {
        "open": CameraNotFound("no such camera"),
        "read": CameraDisconnected("gone"),
        "compile": EngineCompileFailed("no"),
        "infer": EngineInferenceFailed("no"),
        "output open": OutputUnwritable("no"),
        "send": OutputUnwritable("disk full"),
    }[stage]
    camera = ScriptedCamera(before_read=raising(error) if stage == "read" else lambda number: None)
    if stage == "open":
        camera.open = raising(error)
    output = ScriptedOutput(raising(error) if stage == "send" else lambda frame: None, error if stage == "output open" else None)
    make = (
        raising(error) if stage == "compile" else lambda size: ScriptedRestorer(size, raising(error) if stage == "infer" else lambda: None)
    )
    pipeline = Pipeline(camera, make, [output], LOSSLESS, events.append)
    run(pipeline)
    assert pipeline.error is error
    assert pipeline.state is State.FAILED
    assert [event for event in events if isinstance(event, Failed)] == [Failed(error)]
    assert states(events)[-1] is State.FAILED
    assert camera.closed == 1
    assert output.closed == len(output.opened)


def test_an_unexpected_error_is_told_too() -> None:
    pipeline = Pipeline(ScriptedCamera(before_read=raising(ZeroDivisionError("oops"))), ScriptedRestorer)
    run(pipeline)
    assert pipeline.state is State.FAILED
    assert "oops" in str(pipeline.error)


def test_an_output_that_is_not_required_is_only_reported() -> None:
    events: list[Event] = []
    error = OutputUnwritable("disk full")

    def full(frame: Frame) -> None:
        if frame.seq == 3:
            raise error

    lost, kept = ScriptedOutput(before_send=full), ScriptedOutput()
    missing = ScriptedOutput(open_error=OutputUnwritable("no"))
    options = PipelineOptions(lossless=True, outputs_required=False)
    pipeline = Pipeline(ScriptedCamera(frames=10), ScriptedRestorer, [lost, missing, kept], options, events.append)
    run(pipeline)
    assert pipeline.state is State.STOPPED
    assert (len(lost.frames), len(kept.frames)) == (3, 10)
    assert OutputLost("scripted", error) in events
    assert (lost.closed, missing.closed, kept.closed) == (1, 0, 1)


def test_a_file_that_cannot_be_completed_is_an_error() -> None:
    output = ScriptedOutput()
    output.close = raising(OutputUnwritable("disk full"))
    pipeline = Pipeline(ScriptedCamera(frames=3), ScriptedRestorer, [output], LOSSLESS)
    run(pipeline)
    assert pipeline.state is State.FAILED
    assert "disk full" in str(pipeline.error)


def test_a_failing_engine_is_passed_by() -> None:
    events: list[Event] = []
    output = ScriptedOutput()
    broken = raising(EngineInferenceFailed("out of memory"))
    pipeline = Pipeline(
        ScriptedCamera(frames=40, before_read=pace), lambda size: ScriptedRestorer(size, broken), [output], on_event=events.append
    )
    run(pipeline)
    assert pipeline.state is State.STOPPED
    assert [int(frame.pixels[0, 0, 0]) for frame in output.frames][-3:] == [38, 39, 40]
    assert any(isinstance(event, Governed) and event.rung.raw and "out of memory" in event.reason for event in events)


def test_an_engine_that_hangs_is_passed_by_and_taken_back(release: threading.Event) -> None:
    events: list[Event] = []
    output = ScriptedOutput()
    calls = 0

    def hang_once() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            release.wait(10)

    pipeline = Pipeline(ScriptedCamera(before_read=pace), lambda size: ScriptedRestorer(size, hang_once), [output], on_event=events.append)
    pipeline.start()
    until(lambda: any(isinstance(event, PassingThrough) for event in events))
    sent = len(output.frames)
    until(lambda: len(output.frames) > sent + 20)
    newest = pipeline.newest()
    assert newest.before is newest.after
    release.set()
    until(lambda: any(isinstance(event, Sharpening) for event in events))
    until(lambda: pipeline.newest().before is not pipeline.newest().after)
    pipeline.stop()
    seqs = [frame.seq for frame in output.frames]
    assert seqs == sorted(set(seqs))


def test_frames_go_out_as_they_come_while_the_network_loads(release: threading.Event) -> None:
    output = ScriptedOutput()

    def load(size: Size) -> ScriptedRestorer:
        release.wait(10)
        return ScriptedRestorer(size)

    pipeline = Pipeline(ScriptedCamera(before_read=pace), load, [output])
    pipeline.start()
    until(lambda: len(output.frames) > 10)
    assert pipeline.snapshot().frames_sharpened == 0
    release.set()
    until(lambda: pipeline.snapshot().frames_sharpened > 3)
    pipeline.stop()
    assert pipeline.state is State.STOPPED


@pytest.mark.parametrize("lossless", [False, True])
def test_stop_ends_a_running_session(lossless: bool) -> None:
    camera, output = ScriptedCamera(before_read=pace), ScriptedOutput()
    pipeline = Pipeline(camera, ScriptedRestorer, [output], PipelineOptions(lossless=lossless))
    pipeline.start()
    until(lambda: len(output.frames) > 5)
    pipeline.stop()
    pipeline.stop()
    assert pipeline.state is State.STOPPED
    assert (camera.closed, output.closed) == (1, 1)


def test_stop_names_a_camera_that_hangs_and_closes_the_rest(release: threading.Event) -> None:
    output = ScriptedOutput()

    def hang(number: int) -> None:
        if number == 3:
            release.wait(10)

    pipeline = Pipeline(ScriptedCamera(before_read=hang), ScriptedRestorer, [output])
    pipeline.start()
    until(lambda: len(output.frames) >= 1)
    began = time.monotonic()
    with pytest.raises(StopTimeout, match="the capture thread did not stop"):
        pipeline.stop(timeout_s=0.3)
    assert time.monotonic() - began < 2
    assert output.closed == 1
    release.set()
    assert pipeline.wait(5)


def test_a_camera_that_hangs_in_open_can_be_left(release: threading.Event) -> None:
    camera = ScriptedCamera()
    camera.open = lambda: release.wait(10)
    pipeline = Pipeline(camera, ScriptedRestorer, [ScriptedOutput()])
    pipeline.start()
    with pytest.raises(StopTimeout, match="capture"):
        pipeline.stop(timeout_s=0.2)


def test_stop_before_start_does_nothing() -> None:
    pipeline = Pipeline(ScriptedCamera(), ScriptedRestorer)
    pipeline.stop()
    assert pipeline.state is State.IDLE


def test_stop_after_a_start_that_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline(ScriptedCamera(), ScriptedRestorer, [ScriptedOutput()])
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "sharpen":
            raise KeyboardInterrupt
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(KeyboardInterrupt):
        pipeline.start()
    pipeline.stop()


def test_frames_of_another_size_get_their_own_restorer() -> None:
    class Growing(ScriptedCamera):
        def read(self) -> np.ndarray:
            pixels = super().read()
            return pixels if self._number < 3 else np.zeros((20, 30, 3), np.uint8)

    made: list[Size] = []

    def make(size: Size) -> ScriptedRestorer:
        made.append(size)
        return ScriptedRestorer(size)

    output = ScriptedOutput()
    run(Pipeline(Growing(frames=5), make, [output], LOSSLESS))
    assert made == [SIZE, Size(20, 30)]
    assert output.opened == [SIZE]  # the output keeps its size for the session


def test_errors_are_worded_for_people() -> None:
    assert str(SharpenError("It broke", "Mend it.")) == "It broke. Mend it"
    assert str(SharpenError("It broke")) == "It broke"


# ---- late frames and the governor -------------------------------------------------------------------------------------


class Stalling:
    """An engine that answers at once, but waits where it is told to."""

    def __init__(self, release: threading.Event, stall_at: int) -> None:
        self._release, self._stall_at, self._calls = release, stall_at, 0

    def __call__(self) -> None:
        self._calls += 1
        if self._calls == self._stall_at:
            self._release.wait(10)


def kinds(output: ScriptedOutput) -> list[bool]:
    """Whether each frame that went out was sharpened: the scripted engine adds 100 to the number of the frame."""
    return [int(frame.pixels[0, 0, 0]) == (frame.seq + 101) % 256 for frame in output.frames]


def test_a_late_frame_neither_delays_nor_reorders_the_stream(release: threading.Event) -> None:
    camera, output = ScriptedCamera(before_read=lambda number: time.sleep(0.02)), ScriptedOutput()
    stall = Stalling(release, 15)
    pipeline = Pipeline(camera, lambda size: ScriptedRestorer(size, stall), [output])
    pipeline.start()
    until(lambda: True in kinds(output))
    until(lambda: True in kinds(output) and not kinds(output)[-1] and len(output.frames) > 25)  # the engine is still stuck
    release.set()
    until(lambda: kinds(output)[-1])
    pipeline.stop()
    sent = kinds(output)
    changes = [number for number in range(1, len(sent)) if sent[number] != sent[number - 1]]
    # As it came while loading, sharpened, as it came while late, sharpened: it does not blink. A busy machine may be late once more.
    assert len(changes) <= 1 + 2 * pipeline._belt.punctuality.misses
    seqs = [frame.seq for frame in output.frames]
    assert seqs == sorted(set(seqs))
    figures = pipeline.snapshot()
    assert figures.frames_sharpened == sum(sent)
    assert set(figures.rung_s) == {"unsharpened", "the network"}


def test_the_figures_say_what_was_sharp_already() -> None:
    def spared(size: Size) -> ScriptedRestorer:
        restorer = ScriptedRestorer(size)
        restorer.spared = True
        return restorer

    pipeline = Pipeline(ScriptedCamera(frames=5), spared, [ScriptedOutput()], LOSSLESS)
    run(pipeline)
    figures = pipeline.snapshot()
    assert (figures.treated, set(figures.rung_s)) == (SHARP_ALREADY, {SHARP_ALREADY})
    assert figures.frames_sharpened == 5


def test_an_engine_that_is_late_while_networks_are_loaded_is_let_alone_until_then() -> None:
    class Loading(ScriptedRestorer):
        calls = 0

        def sharpen(self, pixels: np.ndarray, strength: float = 1.0) -> np.ndarray:
            self.calls += 1
            if self.calls == 15:
                self.loading = True
                time.sleep(0.3)
            return super().sharpen(pixels, strength)

    made: list[Loading] = []

    def make(size: Size) -> ScriptedRestorer:
        made.append(Loading(size))
        return made[-1]

    camera, output = ScriptedCamera(before_read=lambda number: time.sleep(0.02)), ScriptedOutput()
    pipeline = Pipeline(camera, make, [output])
    pipeline.start()
    until(lambda: made and made[0].loading)
    sent = len(output.frames)
    until(lambda: len(output.frames) > sent + 60)
    assert not any(kinds(output)[-40:])
    assert made[0].calls == 15
    made[0].loading = False
    until(lambda: kinds(output)[-1])
    pipeline.stop()
    assert pipeline.snapshot().rung == "the network"


def test_what_goes_past_the_network_is_crispened_too(release: threading.Event) -> None:
    """A late engine must not be seen more than it has to: one look for all frames. With the strength at zero the very pixels go out."""

    class Striped(ScriptedCamera):
        def read(self) -> np.ndarray:
            super().read()
            return stripes

    stall = Stalling(release, 5)
    row = np.where(np.arange(SIZE.width) < SIZE.width // 2, 90, np.arange(SIZE.width) // 4 % 2 * 60 + 90)
    stripes = cv2.GaussianBlur(np.repeat(np.broadcast_to(row, SIZE)[..., None], 3, axis=2).astype(np.uint8), (0, 0), 1.0)
    camera, output = Striped(before_read=lambda number: time.sleep(0.02)), ScriptedOutput()
    pipeline = Pipeline(camera, lambda size: ScriptedRestorer(size, stall), [output])
    pipeline.crispness = 0.5
    pipeline.start()
    until(lambda: len(output.frames) > 30)
    last = output.frames[-1].pixels
    assert last.std() > 1.05 * stripes.std()
    pipeline.strength = 0.0
    until(lambda: np.array_equal(output.frames[-1].pixels, stripes))
    release.set()
    pipeline.stop()


def test_the_governor_goes_down_the_ladder_says_why_and_counts_the_seconds() -> None:
    """A network whose time follows the area: a whole frame takes 45 ms, and the camera leaves 33."""
    events: list[Event] = []

    class Slow(ScriptedRestorer):
        def sharpen(self, pixels: np.ndarray, strength: float = 1.0) -> np.ndarray:
            time.sleep(0.045 * self.area)
            return super().sharpen(pixels, strength)

    camera, output = ScriptedCamera(before_read=lambda number: time.sleep(0.033)), ScriptedOutput()
    lineup = Lineup({"slow": Slow})
    pipeline = Pipeline(camera, lineup, [output], on_event=events.append)
    pipeline.start()
    until(lambda: pipeline.rung is not None and pipeline.rung.area < 1)
    until(lambda: kinds(output)[-1])
    pipeline.stop()
    told = [event for event in events if isinstance(event, Governed)]
    assert told[0] == Governed(Rung("slow"), "slow: as chosen")
    assert told[1].rung.model == "slow"
    assert " ms per frame, " in told[1].reason
    figures = pipeline.snapshot()
    assert (figures.rung, figures.reason) == (str(told[-1].rung), told[-1].reason)
    assert figures.rung_s["unsharpened"] > 0


def test_every_second_frame_is_left_out_and_the_others_are_all_sharpened() -> None:
    class HalfRate(SharpenLoop):
        def _begin(self, size: Size) -> Steering:
            steering = super()._begin(size)
            steering._governor._index = len(steering._governor._ladder) - 2
            return steering

    belt = Belt(PipelineOptions(), lambda event: None)
    belt.format.set_result(CameraFormat(SIZE, 30.0, "GREY"))
    loop = HalfRate(belt, Lineup.of(ScriptedRestorer))

    def run_loop() -> None:
        with contextlib.suppress(SlotClosed):
            loop.run()

    thread = threading.Thread(target=run_loop)
    thread.start()
    sent: list[int] = []
    for seq in range(20):
        belt.to_sharpen.put(Frame(np.zeros((*SIZE, 3), np.uint8), seq, time.monotonic_ns()))
        with contextlib.suppress(SlotTimeout):
            ready = belt.to_output.take(1.0 if seq % 2 == 0 else 0.05)
            assert ready.preview.after.pixels.max() == 100
            sent.append(ready.preview.after.seq)
    belt.end()
    thread.join(10)
    assert sent == list(range(0, 20, 2))


def test_a_frame_is_handed_over_once_and_never_after_a_later_one() -> None:
    belt = Belt(PipelineOptions(), lambda event: None)

    def ready(seq: int) -> Ready:
        frame = Frame(np.zeros((*SIZE, 3), np.uint8), seq, 0)
        return Ready(Preview(frame, frame), 0, 0)

    assert belt.hand_over(ready(3))
    assert not belt.hand_over(ready(3))
    assert not belt.hand_over(ready(2))
    assert not belt.claim(ready(3).preview.after)
    assert belt.claim(ready(5).preview.after)
    assert not belt.hand_over(ready(4))
    assert belt.hand_over(ready(6))
