"""Against a real PipeWire daemon and session manager: what programs read is what was sent."""

import itertools
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvirtualcam
from loopback_tree import make_loopback
from pipewire_session import until

from sharpen_core.errors import OutputDriverMissing, OutputError, OutputFormatUnsupported
from sharpen_core.frame import Frame, Size
from sharpen_core.output.driver import System
from sharpen_core.output.pipewire.backend import register
from sharpen_core.output.pipewire.output import PipeWireOutput, choose_fourcc, rgb_to_yuyv
from sharpen_core.output.pipewire.status import find_pipewire, look_around, name_to_pick

NODE = "sharpened-camera"
BARS = ((190, 191, 1), (0, 191, 0), (189, 1, 0), (0, 0, 0), (120, 130, 140), (255, 255, 255), (20, 40, 200), (90, 90, 90))
TO_RGB = {"I420": cv2.COLOR_YUV2RGB_I420, "NV12": cv2.COLOR_YUV2RGB_NV12, "YUY2": cv2.COLOR_YUV2RGB_YUY2}


def numbered(number, length):
    return np.full(length, number % 256, np.uint8)


def send_until(send, readers, fps=60, limit=1200):
    """Sends numbered frames until every reader is content; returns how many."""
    for number in range(limit):
        if all(reader.is_over() for reader in readers):
            return number
        send(number)
        time.sleep(1 / fps)
    raise AssertionError("the readers never got enough")


def bars(size):
    """Upright bars, each 8 columns and more, so that averaged colours keep their value inside."""
    picture = np.empty((*size, 3), np.uint8)
    for number, columns in enumerate(np.array_split(np.arange(size.width), len(BARS))):
        picture[:, columns] = BARS[number]
    return picture


def packed(fourcc, size):
    """How the bytes of a picture are shaped for OpenCV."""
    return (size.height, size.width, 2) if fourcc == "YUY2" else (size.height * 3 // 2, size.width)


def lost(numbers):
    """How many frames are missing between the first and the last; they must come in order.

    A reader that gets no processor time between two frames sees only the second, which happens on a busy machine.
    """
    steps = [(after - before) % 256 for before, after in itertools.pairwise(numbers)]
    assert all(0 < step < 128 for step in steps), numbers
    return sum(steps) - len(steps)


@pytest.mark.parametrize(
    ("fourcc", "size", "fps"),
    [
        ("I420", Size(90, 134), 15.0),
        ("NV12", Size(90, 134), 30.0),
        ("YUY2", Size(90, 134), 60.0),
        ("I420", Size(720, 1280), 29.97),
        ("YUY2", Size(2, 2), 240.0),
    ],
)
def test_every_format_size_and_rate_arrives_byte_for_byte(backend, pipewire, fourcc, size, fps, tmp_path):
    camera = backend(fourcc, size, fps)
    length = camera._offer.frame_bytes
    picture = np.random.default_rng(5).integers(0, 256, length, np.uint8)
    reader = pipewire.read(NODE, fourcc, size, 3, "--fps", fps, "--keep", tmp_path / "last.npy")
    send_until(lambda _: camera.send(picture), [reader])
    assert reader.result()["complete"]
    assert (np.load(tmp_path / "last.npy") == picture).all()


def test_two_readers_get_the_frames_in_order_and_whole(backend, pipewire):
    size = Size(360, 640)
    camera = backend("I420", size)
    length = camera._offer.frame_bytes
    readers = [pipewire.read(NODE, "I420", size, 90) for _ in range(2)]
    until(lambda: camera.watchers() == 2, "two readers")
    send_until(lambda number: camera.send(numbered(number, length)), readers)
    for seen in (reader.result() for reader in readers):
        assert seen["torn"] == 0
        assert len(seen["numbers"]) == 90
        assert lost(seen["numbers"]) <= 20


def test_a_slow_and_a_killed_reader_take_nothing_from_the_others(backend, pipewire):
    size = Size(120, 160)
    camera = backend("YUY2", size)
    length = camera._offer.frame_bytes
    slow, doomed = (pipewire.read(NODE, "YUY2", size, count, "--pause-ms", 200) for count in (8, 1000))
    until(lambda: camera.watchers() == 2, "the slow readers")
    for number in range(60):  # both hold buffers now
        camera.send(numbered(number, length))
        time.sleep(0.01)
    doomed.kill()
    quick = pipewire.read(NODE, "YUY2", size, 100)  # far more than there are buffers
    send_until(lambda number: camera.send(numbered(number, length)), [quick, slow])
    seen = quick.result()
    assert (seen["torn"], len(seen["numbers"])) == (0, 100)
    assert lost(seen["numbers"]) <= 20
    assert len(slow.result()["numbers"]) == 8


def test_a_full_set_of_frames_while_readers_come_and_go(backend, pipewire):
    size = Size(48, 64)
    camera = backend("NV12", size)
    length = camera._offer.frame_bytes
    for _ in range(3):
        reader = pipewire.read(NODE, "NV12", size, 10)
        send_until(lambda number: camera.send(numbered(number, length)), [reader])
        assert lost(reader.result()["numbers"]) <= 5
        until(lambda: camera.watchers() == 0, "nobody reads any more")
    camera.send(numbered(0, length))


@pytest.mark.parametrize("size", [Size(720, 1280), Size(100, 130), Size(480, 854)])
def test_colours_are_those_that_were_sent(output, pipewire, size, tmp_path):
    output.open(size, 30)
    picture, fourcc = bars(size), choose_fourcc(size)
    reader = pipewire.read(NODE, fourcc, size, 3, "--keep", tmp_path / "last.npy")
    send_until(lambda number: output.send(Frame(picture.copy(), number, 0)), [reader])
    output.close()
    assert reader.result()["complete"]
    got = cv2.cvtColor(np.load(tmp_path / "last.npy").reshape(packed(fourcc, size)), TO_RGB[fourcc])
    for columns, colour in zip(np.array_split(np.arange(size.width), len(BARS)), BARS, strict=True):
        inside = got[:, columns[2:-2]].reshape(-1, 3).astype(int)
        assert np.abs(inside - colour).max() <= 2


@pytest.mark.skipif(not shutil.which("gst-launch-1.0"), reason="GStreamer is not installed")
@pytest.mark.parametrize("size", [Size(480, 640), Size(100, 130), Size(240, 426)])
def test_gstreamer_reads_the_same_picture(output, pipewire, size, tmp_path):
    """A foreign program, which pads rows as it likes."""
    subprocess.run(["gst-inspect-1.0", "pipewiresrc"], check=False, env=os.environ | pipewire.environment, capture_output=True)
    output.open(size, 30)
    picture = bars(size)
    file = tmp_path / "frames.rgb"
    read = f"pipewiresrc num-buffers=3 target-object={NODE} ! video/x-raw"
    command = f"gst-launch-1.0 -q {read} ! videoconvert ! video/x-raw,format=RGBA ! filesink location={file}"
    with subprocess.Popen(command.split(), env=os.environ | pipewire.environment, stderr=subprocess.PIPE, encoding="utf-8") as reader:
        for number in range(2000):
            if reader.poll() is not None:
                break
            output.send(Frame(picture.copy(), number, 0))
            time.sleep(0.01)
        reader.kill()
    output.close()
    got = np.fromfile(file, np.uint8).reshape(-1, *size, 4)[-1, ..., :3]
    assert got.shape == picture.shape
    for columns, colour in zip(np.array_split(np.arange(size.width), len(BARS)), BARS, strict=True):
        # videoconvert's quick way is up to 4 levels off.
        assert np.abs(got[:, columns[2:-2]].astype(int) - colour).max() <= 5


def test_comes_back_with_the_daemon(backend, pipewire):
    size = Size(48, 64)
    camera = backend("I420", size)
    length = camera._offer.frame_bytes
    first = pipewire.read(NODE, "I420", size, 10)
    send_until(lambda number: camera.send(numbered(number, length)), [first])
    assert first.result()["complete"]
    pipewire.stop_pipewire()
    try:
        until(lambda: (camera.send(numbered(0, length)), not camera.is_there)[1], "the loss")
        assert camera.watchers() == 0
        for number in range(30):  # without a daemon nothing fails
            camera.send(numbered(number, length))
    finally:
        pipewire.start_pipewire()
    assert until(lambda: (camera.send(numbered(0, length)), camera.is_there)[1], "the return", 2)
    assert camera.reconnects == 1
    second = pipewire.read(NODE, "I420", size, 10)
    send_until(lambda number: camera.send(numbered(number, length)), [second])
    assert second.result()["complete"]


def things_held():
    return len(list(Path("/proc/self/task").iterdir())), len(os.listdir("/proc/self/fd"))


def test_close_leaves_no_thread_and_no_file_behind(backend, pipewire):
    def use():
        camera = backend()
        until(lambda: look_around().cameras, "the camera")
        reader = pipewire.read(NODE, "I420", Size(48, 64), 3)
        send_until(lambda number: camera.send(numbered(number, camera._offer.frame_bytes)), [reader])
        reader.result()
        camera.close()

    use()  # what the library loads once stays
    threads, before = threading.active_count(), things_held()
    for _ in range(3):
        use()
    assert threading.active_count() == threads
    assert until(lambda: things_held() <= before, f"{before} again")


def test_is_listed_as_a_camera_and_goes(pipewire):
    assert look_around().session_manager == "WirePlumber"
    assert look_around().daemon_version
    output = PipeWireOutput("Sharpened Camera")
    output.open(Size(48, 64), 30)
    until(lambda: look_around().cameras == ("Sharpened Camera",), "the camera")
    assert output.watchers() == 0
    output.close()
    assert output.watchers() is None
    until(lambda: look_around().cameras == (), "nothing left")


def test_pyvirtualcam_sends_through_it(pipewire):
    size = Size(48, 64)
    with pyvirtualcam.Camera(64, 48, 30, fmt=pyvirtualcam.PixelFormat.NV12, backend=register(), device="Sharpened Camera") as camera:
        assert (camera.device, camera.native_fmt) == ("Sharpened Camera", pyvirtualcam.PixelFormat.NV12)
        reader = pipewire.read(NODE, "NV12", size, 5)
        send_until(lambda number: camera.send(numbered(number, 48 * 64 * 3 // 2)), [reader])
    assert lost(reader.result()["numbers"]) <= 5


def test_is_found_while_it_runs(pipewire, tmp_path):
    status = find_pipewire(system=System("Linux", tmp_path))
    assert (status.available, status.name_to_pick, status.problem, status.install_hint) == (True, "Sharpened Camera", "", "")


def test_takes_another_name_beside_a_loopback_of_ours(pipewire, tmp_path):
    make_loopback(tmp_path, 42)
    output = PipeWireOutput(system=System("Linux", tmp_path))
    assert output.name == "Sharpened Camera (PipeWire)"
    output.open(Size(48, 64), 30)
    until(lambda: look_around().cameras == ("Sharpened Camera (PipeWire)",), "the camera")
    output.close()
    assert name_to_pick(system=System("Linux", tmp_path / "empty")) == "Sharpened Camera"


@pytest.fixture
def without_daemon(pipewire, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.mark.usefixtures("without_daemon")
def test_says_that_no_daemon_runs():
    assert find_pipewire().problem == "PipeWire does not run for this user"
    assert "systemctl --user" in find_pipewire().install_hint
    with pytest.raises(OutputDriverMissing, match="does not run"):
        PipeWireOutput().open(Size(48, 64), 30)
    with pytest.raises(RuntimeError, match="does not run"):
        pyvirtualcam.Camera(64, 48, 30, fmt=pyvirtualcam.PixelFormat.I420, backend=register())


@pytest.mark.parametrize("size", [Size(1, 64), Size(48, 0)])
def test_refuses_sizes_without_pixels(pipewire, size):
    with pytest.raises(OutputFormatUnsupported):
        PipeWireOutput().open(size, 30)


def test_refuses_other_formats(backend, pipewire):
    with pytest.raises(OutputFormatUnsupported, match="I420, YUY2, NV12"):
        backend("UYVY")
    with pytest.raises(OutputFormatUnsupported, match="even"):
        backend("I420", Size(49, 64))


@pytest.mark.usefixtures("pipewire")
def test_keeps_the_contract_of_outputs():
    output = PipeWireOutput()
    output.close()
    for fps in (0.0, 1, 29.97, float("inf"), 240):
        output.open(Size(49, 65), fps)
        output.send(Frame(np.zeros((3, 5, 3), np.uint8), 0, 0))
        output.close()
        output.close()


def test_refuses_frames_while_it_is_closed():
    with pytest.raises(OutputError, match="not open"):
        PipeWireOutput().send(Frame(np.zeros((2, 2, 3), np.uint8), 0, 0))


def test_frames_of_another_size_are_fitted(output, pipewire, tmp_path):
    size = Size(96, 128)
    output.open(Size(97, 129), 30)
    reader = pipewire.read(NODE, "I420", size, 3, "--keep", tmp_path / "last.npy")
    send_until(lambda number: output.send(Frame(np.full((96, 32, 3), 200, np.uint8), number, 0)), [reader])
    output.close()
    assert reader.result()["complete"]
    got = cv2.cvtColor(np.load(tmp_path / "last.npy").reshape(packed("I420", size)), cv2.COLOR_YUV2RGB_I420)
    assert got[48, 64].min() > 190
    assert got[48, 4].max() < 10


def test_yuyv_is_i420_with_its_colours_repeated():
    pixels = np.random.default_rng(2).integers(0, 256, (6, 10, 3), np.uint8)
    got = rgb_to_yuyv(pixels)
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)[:6]
    assert (got[..., 0] == luma).all()
    assert (got[::2, :, 1] == got[1::2, :, 1]).all()
