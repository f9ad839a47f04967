"""Clips in, clips out, decoded again."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest
from media_files import difference, numbered, read_clip, smooth, sound_packets, tiny_disk, tone, write_clip

from sharpen_core.enhance import enhance_clip
from sharpen_core.errors import (
    EngineInferenceFailed,
    MediaNotFound,
    MediaSizeUnsupported,
    MediaUnreadable,
    OutputFormatUnsupported,
    OutputUnwritable,
)


def same(pixels):
    return pixels


def run(source, target, sharpen=same, **options):
    """Enhances and returns the progress that was told."""
    told = []
    enhance_clip(source, target, sharpen, progress=lambda done, total: told.append((done, total)), **options)
    return told


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "m4v"])
def test_every_frame_in_order_with_its_time(tmp_path, suffix):
    sent = numbered(25)
    times = [number * 40 + (7 if number % 3 else 0) for number in range(25)]
    write_clip(tmp_path / "in.mp4", sent, times=times, time_base=Fraction(1, 1000))
    seen = []
    told = run(tmp_path / "in.mp4", tmp_path / f"out.{suffix}", lambda pixels: seen.append(pixels.copy()) or pixels)
    pictures, seconds, _ = read_clip(tmp_path / f"out.{suffix}")
    assert len(pictures) == len(seen) == 25
    assert seconds == pytest.approx([time / 1000 for time in times], abs=0.0015)
    assert told == [(number + 1, 25) for number in range(25)]
    for before, after in zip(sent, pictures, strict=True):
        assert difference(before, after)[0] < 3


@pytest.mark.parametrize("matrix", [601, 709, 2020])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("lines", [240, 720])
def test_doing_nothing_keeps_the_colours(tmp_path, matrix, full, lines):
    picture = smooth(lines, 320)
    write_clip(tmp_path / "in.mp4", [picture] * 3, matrix=matrix, full=full)
    seen = []
    run(tmp_path / "in.mp4", tmp_path / "out.mp4", lambda pixels: seen.append(pixels) or pixels)
    pictures, _, first = read_clip(tmp_path / "out.mp4")
    assert first.colorspace == {601: 6, 709: 1, 2020: 9}[matrix]
    assert first.color_range == 1
    for result in (seen[1], pictures[1]):
        mean, bias = difference(picture, result)
        assert mean < 2.2
        assert bias < 1.2


def test_colours_stay_in_place_over_generations(tmp_path):
    """A quarter pixel of shift each time would be seen here."""
    picture = smooth(240, 320)
    write_clip(tmp_path / "0.mp4", [picture] * 3)
    for number in range(4):
        run(tmp_path / f"{number}.mp4", tmp_path / f"{number + 1}.mp4")
    assert difference(picture, read_clip(tmp_path / "4.mp4")[0][1])[0] < 2.2


@pytest.mark.parametrize(("lines", "matrix"), [(240, 601), (720, 709)])
def test_untagged_clips_are_read_as_players_read_them(tmp_path, lines, matrix):
    picture = smooth(lines, 320)
    write_clip(tmp_path / "in.mkv", [picture] * 3, matrix=matrix, tagged=False)
    seen = []
    run(tmp_path / "in.mkv", tmp_path / "out.mp4", lambda pixels: seen.append(pixels) or pixels)
    assert difference(picture, seen[1])[1] < 1


def test_what_sharpen_returns_is_what_is_written(tmp_path):
    picture = smooth(96, 128)
    write_clip(tmp_path / "in.mp4", [picture] * 4)
    run(tmp_path / "in.mp4", tmp_path / "out.mp4", lambda pixels: 255 - pixels)
    assert difference(255 - picture, read_clip(tmp_path / "out.mp4")[0][2])[0] < 3


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov"])
def test_sound_is_copied_bit_for_bit(tmp_path, target):
    write_clip(tmp_path / "in.mp4", numbered(30), sound="aac")
    run(tmp_path / "in.mp4", tmp_path / target)
    assert sound_packets(tmp_path / target) == sound_packets(tmp_path / "in.mp4")
    with av.open(str(tmp_path / target)) as container:
        assert float(container.streams.audio[0].start_time * container.streams.audio[0].time_base) == pytest.approx(0, abs=0.03)


def test_sound_that_the_container_refuses_becomes_aac(tmp_path):
    write_clip(tmp_path / "in.mkv", numbered(30), sound="wavpack")
    run(tmp_path / "in.mkv", tmp_path / "out.mov")
    name, packets = sound_packets(tmp_path / "out.mov")
    assert name == "aac"
    assert len(packets) > 30
    with av.open(str(tmp_path / "out.mov")) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(samples[4410:26460]))
    assert spectrum.argmax() * 44100 / 22050 == pytest.approx(440, abs=3)
    assert len(samples) / 44100 == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotated_clips_come_out_upright(tmp_path, rotation):
    picture = smooth(96, 128)
    picture[:30, :30] = 255
    write_clip(tmp_path / "in.mp4", [picture] * 4, rotation=rotation)
    run(tmp_path / "in.mp4", tmp_path / "out.mp4")
    pictures, _, first = read_clip(tmp_path / "out.mp4")
    assert first.rotation == 0
    upright = np.rot90(picture, rotation // 90)  # both counter-clockwise
    assert pictures[1].shape == upright.shape
    assert difference(upright, pictures[1])[0] < 3


def test_transport_streams_start_anywhere_and_come_out_at_zero(tmp_path):
    write_clip(tmp_path / "in.ts", numbered(20), sound="aac", first=900, fmt="mpegts")
    run(tmp_path / "in.ts", tmp_path / "out.mp4")
    pictures, seconds, _ = read_clip(tmp_path / "out.mp4")
    assert len(pictures) == 20
    assert seconds[0] < 0.1
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert float(container.streams.audio[0].start_time * container.streams.audio[0].time_base) < 0.1
    assert np.diff(seconds) == pytest.approx(1 / 30, abs=0.002)


def test_odd_sizes_lose_one_row_and_column(tmp_path):
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 65, 49, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(smooth(49, 65), format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
    run(tmp_path / "in.mkv", tmp_path / "out.mp4")
    result = read_clip(tmp_path / "out.mp4")[0][0]
    assert result.shape == (48, 64, 3)
    assert difference(smooth(49, 65)[:48, :64], result)[0] < 5


@pytest.mark.parametrize(("size", "error"), [((1, 1), MediaSizeUnsupported), ((1, 64), MediaSizeUnsupported)])
def test_too_small(tmp_path, size, error):
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width = size
        stream.pix_fmt = "bgr0"
        container.mux(stream.encode(av.VideoFrame(size[1], size[0], "bgr0")))
        container.mux(stream.encode(None))
    with pytest.raises(error):
        run(tmp_path / "in.mkv", tmp_path / "out.mp4")
    assert os.listdir(tmp_path) == ["in.mkv"]


def faststart(path):
    """Moves the index to the front, so that a cut end does not take it away."""
    with av.open(str(path)) as source, av.open(str(path.with_name("fast.mp4")), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    return path.with_name("fast.mp4")


@pytest.mark.parametrize("kind", ["mp4", "fast", "mkv"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.7])
def test_truncated_clips_are_refused(tmp_path, kind, share):
    source = tmp_path / ("in.mkv" if kind == "mkv" else "in.mp4")
    write_clip(source, [np.random.default_rng(number).integers(0, 256, (96, 128, 3), np.uint8) for number in range(120)])
    if kind == "fast":
        source = faststart(source)
    data = source.read_bytes()
    source.write_bytes(data[: round(len(data) * share)])
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(MediaUnreadable) as caught:
        run(source, tmp_path / "out.mp4")
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before


def test_sources_that_are_no_clips(tmp_path):
    (tmp_path / "text.txt").write_text("hello, this is a letter and no film\n" * 50, encoding="utf-8")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://localhost/secret.ts\n", encoding="utf-8")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        container.mux(stream.encode(tone(0.2, 44100)))
        container.mux(stream.encode(None))
    for name in ("text.txt", "list.m3u8", "empty.mp4", "folder.mp4", "sound.m4a"):
        with pytest.raises(MediaUnreadable):
            run(tmp_path / name, tmp_path / "out.mp4")
    with pytest.raises(MediaNotFound):
        run(tmp_path / "none.mp4", tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_targets_that_cannot_be_written(tmp_path):
    write_clip(tmp_path / "in.mp4", numbered(3))
    for target, error, words in [
        ("out.avi", OutputFormatUnsupported, r"\.mp4"),
        ("no/out.mp4", OutputUnwritable, "does not exist"),
        ("in.mp4", OutputUnwritable, "--force"),
    ]:
        with pytest.raises(error, match=words):
            run(tmp_path / "in.mp4", tmp_path / target)
    assert os.listdir(tmp_path) == ["in.mp4"]


def test_a_clip_can_replace_itself(tmp_path):
    write_clip(tmp_path / "in.mp4", numbered(5), sound="aac")
    run(tmp_path / "in.mp4", tmp_path / "in.mp4", overwrite=True)
    assert len(read_clip(tmp_path / "in.mp4")[0]) == 5
    assert os.listdir(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("error", [EngineInferenceFailed("the engine failed"), KeyboardInterrupt(), ValueError("a bug")])
@pytest.mark.parametrize("after", [0, 4])
def test_whatever_sharpen_raises_passes_and_leaves_nothing(tmp_path, error, after):
    write_clip(tmp_path / "in.mp4", numbered(8), sound="aac")
    before = (tmp_path / "in.mp4").read_bytes()
    calls = []

    def fail(pixels):
        calls.append(1)
        if len(calls) > after:
            raise error
        return pixels

    with pytest.raises(type(error)):
        run(tmp_path / "in.mp4", tmp_path / "in.mp4", fail, overwrite=True)
    assert os.listdir(tmp_path) == ["in.mp4"]
    assert (tmp_path / "in.mp4").read_bytes() == before


def test_ctrl_c_in_progress_leaves_nothing(tmp_path):
    write_clip(tmp_path / "in.mp4", numbered(8))

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        enhance_clip(tmp_path / "in.mp4", tmp_path / "out.mp4", same, progress=interrupt)
    assert os.listdir(tmp_path) == ["in.mp4"]


def test_a_gif_is_a_clip(tmp_path):
    with av.open(str(tmp_path / "in.gif"), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb8"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(smooth(48, 64), format="rgb24").reformat(format="rgb8")))
        container.mux(stream.encode(None))
    run(tmp_path / "in.gif", tmp_path / "out.mp4")
    assert len(read_clip(tmp_path / "out.mp4")[0]) == 5


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_full_disk_leaves_nothing(tmp_path, suffix):
    write_clip(tmp_path / "in.mp4", [np.random.default_rng(number).integers(0, 256, (96, 128, 3), np.uint8) for number in range(60)])
    with tiny_disk(tmp_path / "disk", 64) as disk:
        with pytest.raises(OutputUnwritable, match="the disk is full"):
            run(tmp_path / "in.mp4", disk / f"out.{suffix}")
        assert os.listdir(disk) == []
