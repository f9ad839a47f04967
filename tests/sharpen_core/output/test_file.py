"""Recordings, decoded again."""

import errno
import os

import av
import numpy as np
import pytest
from media_files import difference, numbered, read_clip, smooth, tiny_disk

from sharpen_core.encoder import _has_encoder
from sharpen_core.errors import OutputFormatUnsupported, OutputUnwritable
from sharpen_core.frame import Frame, Size
from sharpen_core.output.file import FileRecorder

MS = 1_000_000


def record(path, pictures, *, times_ms=None, size=None, overwrite=False):
    recorder = FileRecorder(path, overwrite=overwrite)
    recorder.open(size or Size.of(pictures[0]), 30)
    for number, picture in enumerate(pictures):
        time_ms = times_ms[number] if times_ms else number * 1000 / 30
        recorder.send(Frame(picture, number, 5_000 * MS + round(time_ms * MS)))
    recorder.close()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".m4v", ".MP4"])
def test_every_frame_is_there_with_its_picture(tmp_path, suffix):
    sent = numbered(40)
    record(tmp_path / f"clip{suffix}", sent)
    pictures, seconds, _ = read_clip(tmp_path / f"clip{suffix}")
    assert len(pictures) == 40
    assert seconds == pytest.approx([number / 30 for number in range(40)], abs=0.002)
    for before, after in zip(sent, pictures, strict=True):
        assert difference(before, after)[0] < 3
    assert os.listdir(tmp_path) == [f"clip{suffix}"]


@pytest.mark.parametrize(("lines", "matrix"), [(480, 6), (720, 1), (1080, 1)])
def test_colours_are_what_the_tags_say(tmp_path, lines, matrix):
    picture = smooth(lines, 640)
    record(tmp_path / "clip.mp4", [picture] * 3)
    pictures, _, first = read_clip(tmp_path / "clip.mp4")
    assert (first.colorspace, first.color_range, first.color_primaries, first.color_trc) == (matrix, 1, 1, 1)
    assert first.format.name == "yuv420p"
    mean, bias = difference(picture, pictures[1])
    assert mean < 2
    assert bias < 0.7


def test_times_are_those_of_capture(tmp_path):
    times_ms = [0, 33, 66, 500, 533, 2000]
    record(tmp_path / "clip.mp4", numbered(6), times_ms=times_ms)
    _, seconds, _ = read_clip(tmp_path / "clip.mp4")
    assert seconds == pytest.approx([time / 1000 for time in times_ms], abs=0.001)


def test_times_grow_even_if_the_clock_stands_or_runs_back(tmp_path):
    record(tmp_path / "clip.mkv", numbered(5), times_ms=[0, 0, 40, 20, 80])
    _, seconds, _ = read_clip(tmp_path / "clip.mkv")
    assert len(seconds) == 5
    assert seconds == sorted(seconds)


def test_odd_sizes_lose_one_row_and_column(tmp_path):
    picture = smooth(97, 129)
    record(tmp_path / "clip.mp4", [picture])
    pictures, _, _ = read_clip(tmp_path / "clip.mp4")
    assert pictures[0].shape == (96, 128, 3)
    assert difference(picture[:96, :128], pictures[0])[0] < 3


def test_nothing_appears_before_the_end_and_nothing_without_frames(tmp_path):
    recorder = FileRecorder(tmp_path / "clip.mp4")
    recorder.open(Size(48, 64), 30)
    assert not (tmp_path / "clip.mp4").exists()
    recorder.close()
    assert os.listdir(tmp_path) == []


def test_an_existing_file_is_kept_unless_told(tmp_path):
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(OutputUnwritable, match="--force"):
        record(target, numbered(2))
    assert target.read_bytes() == b"mine"
    record(target, numbered(2), overwrite=True)
    assert len(read_clip(target)[0]) == 2
    assert os.listdir(tmp_path) == ["clip.mp4"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    recorder = FileRecorder(tmp_path / "clip.mp4")
    recorder.open(Size(48, 64), 30)
    recorder.send(Frame(smooth(48, 64), 0, 0))
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    with pytest.raises(OutputUnwritable):
        recorder.close()
    assert (tmp_path / "clip.mp4").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["clip.mp4"]


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    for path, words in [("no/clip.mp4", "does not exist"), ("folder.mp4", "is a folder"), ("file/clip.mp4", "does not exist")]:
        with pytest.raises(OutputUnwritable, match=words) as caught:
            FileRecorder(tmp_path / path).open(Size(48, 64), 30)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 24
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.mp4"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_ours(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritable, match="not writable"):
        FileRecorder(tmp_path / "clip.mp4").open(Size(48, 64), 30)


@pytest.mark.parametrize("name", ["clip.avi", "clip", "clip.webm", ".mp4"])
def test_unknown_suffixes_list_the_known(tmp_path, name):
    with pytest.raises(OutputFormatUnsupported, match=r"\.mp4, \.m4v, \.mov, \.mkv"):
        FileRecorder(tmp_path / name).open(Size(48, 64), 30)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (30, 240, 320, 3), np.uint8)
    with tiny_disk(tmp_path / "disk", 300) as disk:
        with pytest.raises(OutputUnwritable, match="the disk is full"):
            record(disk / f"clip.{suffix}", list(noise) * 3)
        assert os.listdir(disk) == []


def test_a_write_error_at_the_end_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    recorder = FileRecorder(tmp_path / "clip.mp4")
    recorder.open(Size(48, 64), 30)
    recorder.send(Frame(smooth(48, 64), 0, 0))

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputUnwritable, match="the disk is full"):
        recorder.close()
    assert os.listdir(tmp_path) == []


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    record(tmp_path / "clip.mp4", numbered(2))
    (tmp_path / "other").touch()
    assert (tmp_path / "clip.mp4").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.mp4").write_bytes(b"old")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    record(tmp_path / "link.mp4", numbered(2), overwrite=True)
    assert (tmp_path / "link.mp4").is_symlink()
    assert len(read_clip(tmp_path / "real.mp4")[0]) == 2


def test_encoders_are_looked_up():
    assert _has_encoder("libx264")
    assert not _has_encoder("nonsense")


def test_without_x264_it_is_mpeg4(tmp_path, monkeypatch):
    monkeypatch.setattr("sharpen_core.encoder._has_encoder", lambda name: False)
    record(tmp_path / "clip.mp4", numbered(5))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    pictures, _, _ = read_clip(tmp_path / "clip.mp4")
    assert len(pictures) == 5
