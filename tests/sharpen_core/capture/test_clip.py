import contextlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import level, picture, write_clip

from sharpen_core.capture.base import CameraFormat, EndOfClip
from sharpen_core.capture.clip import ClipCamera
from sharpen_core.errors import CameraDisconnected, MediaError, MediaNotFound, MediaUnreadable
from sharpen_core.frame import Size


def play(path: Path, size: Size | None = None) -> tuple[CameraFormat, list[np.ndarray]]:
    camera = ClipCamera(path, size, loop=False, paced=False)
    promised = camera.open()
    shown: list[np.ndarray] = []
    try:
        while True:
            shown.append(camera.read())
    except EndOfClip:
        return promised, shown
    finally:
        camera.close()


def read(camera: ClipCamera, count: int) -> None:
    for _ in range(count):
        camera.read()


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "fps"),
    [
        ("clip.mkv", "libx264", "yuv420p", 30),
        ("clip.mp4", "libx264", "yuv420p", 30),
        ("clip.mov", "mpeg4", "yuv420p", 30),
        ("clip.avi", "mjpeg", "yuvj422p", 30),
        ("clip.webm", "libvpx", "yuv420p", 30),
        ("clip.264", "libx264", "yuv420p", 25),  # raw streams have no times
        ("clip.ts", "libx264", "yuv420p", 30),
        ("png.mov", "png", "rgb24", 30),  # nothing to convert
        ("deep.mkv", "ffv1", "yuv420p10le", 30),
    ],
)
def test_plays_every_frame_in_order(tmp_path: Path, name: str, codec: str, pixel_format: str, fps: float) -> None:
    promised, shown = play(write_clip(tmp_path / name, codec=codec, pixel_format=pixel_format))
    assert promised.size == Size(96, 128)
    assert promised.fps == pytest.approx(fps, rel=0.01)
    assert [level(pixels) for pixels in shown] == list(range(30))


def test_odd_names_are_no_protocols(tmp_path: Path, clip: Path) -> None:
    odd = tmp_path / "http:ünï %d 'clip'.mkv"
    odd.write_bytes(clip.read_bytes())
    assert len(play(odd)[1]) == 30


def test_loops_for_ever(clip: Path) -> None:
    camera = ClipCamera(clip, paced=False)
    camera.open()
    assert [level(camera.read()) for _ in range(75)] == [*range(30), *range(30), *range(15)]
    camera.close()


def test_ends_when_it_does_not_loop(clip: Path) -> None:
    camera = ClipCamera(clip, loop=False, paced=False)
    camera.open()
    for _ in range(30):
        camera.read()
    for _ in range(2):
        with pytest.raises(EndOfClip):
            camera.read()
    camera.close()


def test_follows_the_timestamps(tmp_path: Path, time) -> None:
    times = [0.5, 0.6, 0.65, 0.95, 4.95, 5.0]
    path = write_clip(tmp_path / "uneven.mkv", [picture(number) for number in range(6)], times=times)
    camera = ClipCamera(path, loop=False, clock=time.clock, sleep=time.sleep)
    camera.open()
    for _ in times:
        camera.read()
    # The gap of 4 s is cut to 1 s, so that the program can stop meanwhile.
    assert time.slept_s == pytest.approx([0.1, 0.05, 0.3, 1.0, 0.05])
    camera.close()


def test_keeps_its_rate_over_the_loop(tmp_path: Path, time) -> None:
    path = write_clip(tmp_path / "short.mkv", [picture(number) for number in range(5)], rate=25)
    camera = ClipCamera(path, clock=time.clock, sleep=time.sleep)
    camera.open()
    for _ in range(11):
        camera.read()
    assert time.now_s == pytest.approx(100 + 10 / 25)
    camera.close()


def test_a_raw_stream_keeps_its_rate(tmp_path: Path, time) -> None:
    camera = ClipCamera(write_clip(tmp_path / "raw.264"), clock=time.clock, sleep=time.sleep)
    camera.open()
    for _ in range(26):
        camera.read()
    assert time.now_s == pytest.approx(101)
    camera.close()


def test_does_not_wait_when_not_paced(clip: Path, time) -> None:
    camera = ClipCamera(clip, paced=False, clock=time.clock, sleep=time.sleep)
    camera.open()
    for _ in range(40):
        camera.read()
    assert time.slept_s == []
    camera.close()


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_turns_a_phones_clip_upright(tmp_path: Path, rotation: int, corner: tuple[int, int]) -> None:
    marked = np.full((96, 128, 3), 200, np.uint8)
    marked[:32, :32] = 0
    promised, shown = play(write_clip(tmp_path / "phone.mp4", [marked] * 3, rotation=rotation))
    assert promised.size == (Size(96, 128) if rotation == 180 else Size(128, 96))
    assert shown[0][corner].max() < 20
    assert shown[0].reshape(-1, 3)[:: 95 * 128].min() < 210


def test_fits_into_a_wanted_size(clip: Path) -> None:
    promised, shown = play(clip, Size(200, 200))
    assert promised.size == Size(200, 200)
    assert shown[29][:25].max() == 0
    assert shown[29][175:].max() == 0
    assert shown[29][26:174].min() > 90


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFound, match=r"no file .*gone\.mp4"):
        ClipCamera(tmp_path / "gone.mp4").open()


def test_a_clip_that_is_deleted_while_it_is_played(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "soon gone.mkv"
    path.write_bytes(clip.read_bytes())
    camera = ClipCamera(path, paced=False)
    camera.open()
    path.unlink()
    with pytest.raises(CameraDisconnected, match="went away"):
        read(camera, 31)
    camera.close()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "empty"),
        ("noise.mp4", bytes(range(256)) * 40, "not a clip"),
        ("notes.txt", b"not a clip at all\n" * 50, "not a clip|no moving picture"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:10,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n", "not a clip|no moving picture|cannot be decoded"),
    ],
)
def test_files_that_are_no_clips(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaUnreadable, match=message):
        ClipCamera(path).open()


def test_a_folder_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(MediaUnreadable, match="not a file"):
        ClipCamera(tmp_path).open()


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_still_picture_says_what_to_do(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"still.{suffix}"
    cv2.imwrite(str(path), picture(3))
    with pytest.raises(MediaUnreadable, match="sharpened-camera enhance"):
        ClipCamera(path).open()


def test_sound_without_a_picture(tmp_path: Path) -> None:
    import wave

    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    with pytest.raises(MediaUnreadable, match="no moving picture"):
        ClipCamera(path).open()


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("loop", [False, True])
def test_a_truncated_clip_disconnects(tmp_path: Path, suffix: str, loop: bool) -> None:
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    whole = write_clip(tmp_path / f"whole.{suffix}", [picture(n % 30) for n in range(60)], container_options=options)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    camera = ClipCamera(cut, loop=loop, paced=False)
    camera.open()
    with pytest.raises(CameraDisconnected, match="cut off"):
        read(camera, 60)
    camera.close()


def test_a_clip_truncated_before_its_index_cannot_be_opened(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(MediaUnreadable, match="incomplete"):
        ClipCamera(cut).open()


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi", "webm", "264"])
def test_no_truncation_gets_through_as_another_error(tmp_path: Path, suffix: str, capfd) -> None:
    codec = {"avi": "mjpeg", "webm": "libvpx"}.get(suffix, "libx264")
    pixel_format = "yuvj422p" if suffix == "avi" else "yuv420p"
    content = write_clip(tmp_path / f"whole.{suffix}", codec=codec, pixel_format=pixel_format).read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    capfd.readouterr()
    for part in range(1, 16):
        cut.write_bytes(content[: len(content) * part // 16])
        with contextlib.suppress(MediaError, CameraDisconnected):
            play(cut)
    assert capfd.readouterr().err == ""
