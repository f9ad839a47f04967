import threading

from pytestqt.qtbot import QtBot
from window_stand import MovingCamera, NamedOutput, Stand, identity_restorer

from sharpen_core.errors import CameraBusy, EngineInferenceFailed, SharpenError, StopTimeout
from sharpen_core.events import State
from sharpen_core.frame import Size
from sharpened_camera.bridge import Bridge
from sharpened_camera.settings import Settings


def running(qtbot: QtBot, stand: Stand) -> Bridge:
    bridge = Bridge(stand.make_pipeline)
    bridge.start(Settings())
    qtbot.waitUntil(lambda: bridge.state is State.RUNNING and bridge.newest() is not None)
    return bridge


def test_a_session_runs_and_ends(qtbot: QtBot, stand: Stand) -> None:
    bridge = Bridge(stand.make_pipeline)
    states: list[State] = []
    bridge.state_changed.connect(states.append)
    assert bridge.newest() is None
    assert bridge.snapshot() is None
    bridge.start(Settings())
    assert bridge.state is State.STARTING
    qtbot.waitUntil(lambda: bridge.newest() is not None)
    snapshot = bridge.snapshot()
    assert snapshot is not None
    assert snapshot.frames_captured > 0
    bridge.stop()
    assert bridge.state is State.STOPPING
    qtbot.waitUntil(lambda: bridge.state is State.STOPPED)
    assert states == [State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED]
    assert bridge.close()


def test_signals_arrive_in_the_gui_thread_with_the_events_of_the_session(qtbot: QtBot, stand: Stand) -> None:
    stand.outputs = [NamedOutput()]
    bridge = Bridge(stand.make_pipeline)
    seen: list[tuple[str, int]] = []
    bridge.camera_opened.connect(lambda event: seen.append((event.name, threading.get_ident())))
    bridge.output_opened.connect(lambda event: seen.append((event.name, threading.get_ident())))
    bridge.start(Settings(camera="Lid"))
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [("Lid", threading.get_ident()), ("Sharpened Camera", threading.get_ident())]
    assert bridge.close()


def test_a_pipeline_that_cannot_be_made_is_a_failure_with_its_hint(qtbot: QtBot, stand: Stand) -> None:
    stand.error = CameraBusy("the camera is busy", "close the other program")
    bridge = Bridge(stand.make_pipeline)
    errors: list[SharpenError] = []
    bridge.failed.connect(errors.append)
    bridge.start(Settings())
    qtbot.waitUntil(lambda: bridge.state is State.FAILED)
    assert errors == [stand.error]
    stand.error = None
    bridge.start(Settings())
    qtbot.waitUntil(lambda: bridge.state is State.RUNNING)
    assert bridge.close()


def test_an_unexpected_error_while_making_it_is_reported_too(qtbot: QtBot, stand: Stand) -> None:
    stand.error = KeyError("surprise")
    bridge = Bridge(stand.make_pipeline)
    errors: list[SharpenError] = []
    bridge.failed.connect(errors.append)
    bridge.start(Settings())
    qtbot.waitUntil(lambda: bridge.state is State.FAILED)
    assert "surprise" in errors[0].message
    assert errors[0].hint
    assert bridge.close()


def test_strength_and_mirror_reach_the_running_pipeline(qtbot: QtBot, stand: Stand) -> None:
    bridge = running(qtbot, stand)
    bridge.apply(Settings(strength=0.3, crispness=0.9, mirror=True))
    pipeline = stand.pipelines[0]
    assert (pipeline.strength, pipeline.crispness, pipeline.mirror) == (0.3, 0.9, True)
    assert len(stand.made) == 1
    assert bridge.close()


def test_settings_hold_from_the_first_frame(qtbot: QtBot, stand: Stand) -> None:
    bridge = Bridge(stand.make_pipeline)
    bridge.start(Settings(strength=0.6, mirror=True))
    qtbot.waitUntil(lambda: bridge.state is State.RUNNING)
    assert (stand.pipelines[0].strength, stand.pipelines[0].mirror) == (0.6, True)
    assert bridge.close()


def test_quick_changes_make_few_sessions_and_the_last_one_wins(qtbot: QtBot, stand: Stand) -> None:
    bridge = running(qtbot, stand)
    for number in range(50):
        bridge.apply(Settings(camera=f"camera {number}"))
    qtbot.waitUntil(lambda: bridge.state is State.RUNNING and stand.made[-1].camera == "camera 49")
    assert len(stand.made) < 20
    assert bridge.close()
    assert all(pipeline.state is State.STOPPED for pipeline in stand.pipelines)


def test_the_old_session_is_over_before_the_new_one_begins(qtbot: QtBot, stand: Stand) -> None:
    cameras: list[MovingCamera] = []
    closed_before: list[bool] = []

    def camera_for(settings: Settings) -> MovingCamera:
        closed_before.append(all(camera.closed for camera in cameras))
        cameras.append(MovingCamera())
        return cameras[-1]

    stand.camera_for = camera_for
    bridge = running(qtbot, stand)
    bridge.apply(Settings(size="640x480"))
    qtbot.waitUntil(lambda: len(cameras) == 2 and bridge.state is State.RUNNING)
    assert closed_before == [True, True]
    assert bridge.close()


def test_a_change_after_stop_starts_nothing(qtbot: QtBot, stand: Stand) -> None:
    bridge = running(qtbot, stand)
    bridge.stop()
    bridge.apply(Settings(camera="Lid"))
    qtbot.waitUntil(lambda: bridge.state is State.STOPPED)
    assert len(stand.made) == 1
    assert bridge.close()


def test_stop_right_after_start_ends_in_stopped(qtbot: QtBot, stand: Stand) -> None:
    bridge = Bridge(stand.make_pipeline)
    bridge.start(Settings())
    bridge.stop()
    qtbot.waitUntil(lambda: bridge.state is State.STOPPED)
    assert bridge.close()


def test_a_camera_that_hangs_is_left_behind_and_said_so(qtbot: QtBot, stand: Stand) -> None:
    camera = stand.hanging_camera("read")
    bridge = Bridge(stand.make_pipeline)
    errors: list[StopTimeout] = []
    bridge.left_behind.connect(errors.append)
    bridge.start(Settings())
    qtbot.waitUntil(camera.hanging.is_set)
    bridge.stop()
    qtbot.waitUntil(lambda: bool(errors), timeout=5000)
    assert "capture" in errors[0].message
    assert bridge.state is State.FAILED
    stand.release.set()
    assert bridge.close()


def test_what_the_governor_decides_is_told(qtbot: QtBot, stand: Stand) -> None:
    def fail() -> None:
        raise EngineInferenceFailed("the engine stumbled")

    class Stumbling:
        def __init__(self, size: Size) -> None:
            self.size = size
            self.loading, self.crispness = False, 0.0

        def sharpen(self, pixels: object, strength: float) -> object:
            return fail()

    stand.restorer_for = Stumbling
    bridge = Bridge(stand.make_pipeline)
    with qtbot.waitSignal(bridge.governed, check_params_cb=lambda event: event.rung.raw) as told:
        bridge.start(Settings())
    assert told.args is not None
    assert "stumbled" in told.args[0].reason
    assert bridge.close()


def test_a_real_restorer_works_behind_it(qtbot: QtBot, stand: Stand) -> None:
    stand.restorer_for = identity_restorer
    bridge = Bridge(stand.make_pipeline)
    bridge.start(Settings())
    qtbot.waitUntil(lambda: (figures := bridge.snapshot()) is not None and figures.frames_sharpened > 3)
    assert bridge.close()
