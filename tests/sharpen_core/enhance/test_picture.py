"""Picture files in, picture files out."""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from media_files import png, smooth, tiny_disk

from sharpen_core.enhance import enhance_picture
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


def invert(pixels):
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    return 255 - pixels


def exif(orientation, *, thumbnail=False, order="<"):
    """An EXIF block with an orientation and an artist."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "HHHIHH", 2, 0x112, 3, 1, orientation, 0) + struct.pack(order + "HHI4s", 0x13B, 2, 4, b"Ada\0")
    return mark + struct.pack(order + "I", 8) + directory + struct.pack(order + "I", 38 if thumbnail else 0)


def profile(space=b"RGB "):
    """An ICC profile with a valid header and a description that does not compress: libpng finds very short ones faulty."""
    header = bytearray(128)
    header[0:4] = struct.pack(">I", 144 + 400)
    header[8:12] = b"\x04\x30\0\0"
    header[12:24] = b"mntr" + space + b"XYZ "
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return bytes(header) + struct.pack(">I4sII", 1, b"desc", 144, 400) + np.random.default_rng(5).bytes(400)


def write(path, array, **metadata):
    """Writes an OpenCV array with metadata: exif=..., icc=..."""
    kinds = [{"exif": cv2.IMAGE_METADATA_EXIF, "icc": cv2.IMAGE_METADATA_ICCP}[name] for name in metadata]
    chunks = [np.frombuffer(data, np.uint8) for data in metadata.values()]
    parameters = [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencodeWithMetadata(path.suffix, array, kinds, chunks, parameters if path.suffix == ".jpg" else [])
    assert done
    path.write_bytes(data.tobytes())


def read(path):
    """(array as stored, {kind: metadata})."""
    array, kinds, chunks = cv2.imdecodeWithMetadata(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    return array, {kind: chunk.tobytes() for kind, chunk in zip(kinds, chunks, strict=True)}


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif", ".tiff"])
def test_lossless_formats_carry_every_pixel(tmp_path, suffix):
    picture = np.random.default_rng(0).integers(0, 256, (33, 47, 3), np.uint8)
    write(tmp_path / f"in{suffix}", picture)
    enhance_picture(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", invert)
    assert (read(tmp_path / f"out{suffix}")[0] == 255 - picture).all()


def test_sharpen_gets_rgb(tmp_path):
    write(tmp_path / "in.png", np.full((4, 4, 3), (10, 20, 30), np.uint8))
    seen = []
    enhance_picture(tmp_path / "in.png", tmp_path / "out.png", lambda pixels: seen.append(pixels[0, 0].tolist()) or pixels)
    assert seen == [[30, 20, 10]]


def test_jpeg_is_of_high_quality_without_colour_subsampling(tmp_path):
    picture = cv2.cvtColor(smooth(64, 96), cv2.COLOR_RGB2BGR)
    picture[:, 40] = (0, 0, 255)  # a red line one pixel wide
    write(tmp_path / "in.png", picture)
    enhance_picture(tmp_path / "in.png", tmp_path / "out.jpeg", same)
    result, _ = read(tmp_path / "out.jpeg")
    assert np.abs(result.astype(int) - picture).mean() < 2
    assert result[:, 40, 2].min() > 200
    data = (tmp_path / "out.jpeg").read_bytes()
    frame = data.index(b"\xff\xc0")
    assert data[frame + 11] == 0x11  # luma sampled 1x1: 4:4:4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(tmp_path, orientation, order):
    upright = cv2.cvtColor(smooth(40, 64), cv2.COLOR_RGB2BGR)
    upright[:12, :16] = 255  # top left tells the eight apart
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: cv2.rotate(upright, cv2.ROTATE_180),
        4: upright[::-1],
        5: cv2.transpose(upright),
        6: cv2.rotate(upright, cv2.ROTATE_90_COUNTERCLOCKWISE),
        7: cv2.transpose(cv2.rotate(upright, cv2.ROTATE_180)),
        8: cv2.rotate(upright, cv2.ROTATE_90_CLOCKWISE),
    }[orientation]
    write(tmp_path / "in.png", np.ascontiguousarray(stored), exif=exif(orientation, order=order))
    shown = cv2.imread(str(tmp_path / "in.png"), cv2.IMREAD_COLOR)  # OpenCV's own reading of the tag
    assert (shown == upright).all()
    enhance_picture(tmp_path / "in.png", tmp_path / "out.png", same)
    result, metadata = read(tmp_path / "out.png")
    assert (result == upright).all()
    assert metadata[cv2.IMAGE_METADATA_EXIF] == exif(1, order=order)
    assert (cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_COLOR) == upright).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_and_profile_are_kept_but_not_the_thumbnail(tmp_path, suffix):
    write(tmp_path / f"in{suffix}", smooth(20, 30), exif=exif(6, thumbnail=True), icc=profile())
    enhance_picture(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", same)
    result, metadata = read(tmp_path / f"out{suffix}")
    assert result.shape == (30, 20, 3)
    assert metadata == {cv2.IMAGE_METADATA_EXIF: exif(1), cv2.IMAGE_METADATA_ICCP: profile()}


def test_a_profile_for_other_channels_is_dropped(tmp_path):
    write(tmp_path / "in.jpg", smooth(20, 30), icc=profile(b"CMYK"))
    enhance_picture(tmp_path / "in.jpg", tmp_path / "out.png", same)
    assert read(tmp_path / "out.png")[1] == {}


def test_damaged_exif_does_not_matter(tmp_path):
    write(tmp_path / "in.jpg", smooth(20, 30), exif=b"II*\0\xff\xff\xff\x7f")
    enhance_picture(tmp_path / "in.jpg", tmp_path / "out.jpg", same)
    assert read(tmp_path / "out.jpg")[0].shape == (20, 30, 3)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_alpha_is_kept_untouched(tmp_path, suffix):
    picture = np.random.default_rng(0).integers(1, 256, (20, 30, 4), np.uint8)
    write(tmp_path / f"in{suffix}", picture, **({"exif": exif(3)} if suffix == ".png" else {}))
    enhance_picture(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", invert)
    expected = picture[::-1, ::-1] if suffix == ".png" else picture
    result, _ = read(tmp_path / f"out{suffix}")
    assert (result[..., 3] == expected[..., 3]).all()
    assert (result[..., :3] == 255 - expected[..., :3]).all()


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparency_is_not_lost_in_silence(tmp_path, suffix):
    picture = np.full((4, 4, 4), 255, np.uint8)
    write(tmp_path / "opaque.png", picture)
    enhance_picture(tmp_path / "opaque.png", tmp_path / f"out{suffix}", same)
    picture[0, 0, 3] = 254
    write(tmp_path / "in.png", picture)
    with pytest.raises(OutputFormatUnsupported, match="transparent"):
        enhance_picture(tmp_path / "in.png", tmp_path / f"other{suffix}", same)
    assert sorted(os.listdir(tmp_path)) == sorted(["opaque.png", "in.png", f"out{suffix}"])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff"])
def test_grey_stays_grey(tmp_path, suffix):
    grey = cv2.cvtColor(smooth(20, 30), cv2.COLOR_RGB2GRAY)
    write(tmp_path / f"in{suffix}", grey)
    enhance_picture(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", invert)
    result, _ = read(tmp_path / f"out{suffix}")
    grey_result = result if result.ndim == 2 else result[..., 0]
    assert np.abs(grey_result.astype(int) - (255 - grey)).max() <= (6 if suffix == ".jpg" else 0)
    assert result.ndim == 2 or suffix == ".bmp"


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_16_bits_stay_16_bits(tmp_path, suffix, channels):
    deep = np.random.default_rng(0).integers(0, 65536, (300, 30, *channels), np.uint16)
    write(tmp_path / f"in{suffix}", deep)
    enhance_picture(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", same)
    assert (read(tmp_path / f"out{suffix}")[0] == deep).all()
    enhance_picture(tmp_path / f"in{suffix}", tmp_path / f"brighter{suffix}", lambda pixels: cv2.add(pixels, (2, 2, 2, 0)))
    brighter = read(tmp_path / f"brighter{suffix}")[0]
    change = (brighter.astype(int) - deep)[deep < 60000]
    assert set(np.unique(change)) == ({0, 2 * 257} if channels == (4,) else {2 * 257})  # 0: alpha


def test_16_bits_become_8_where_the_format_has_no_more(tmp_path):
    deep = np.full((8, 8, 3), 257 * 100, np.uint16)
    write(tmp_path / "in.png", deep)
    enhance_picture(tmp_path / "in.png", tmp_path / "out.webp", same)
    assert (read(tmp_path / "out.webp")[0] == 100).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_one_pixel_is_fine(tmp_path, suffix):
    write(tmp_path / f"in{suffix}", np.full((1, 1, 3), 200, np.uint8))
    enhance_picture(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", same)
    assert read(tmp_path / f"out{suffix}")[0].shape == (1, 1, 3)


@pytest.mark.parametrize(("width", "height"), [(16385, 1), (1, 16385), (16000, 16000), (2**31 - 1, 2**31 - 1), (0, 5)])
def test_hostile_sizes_are_refused_before_decoding(tmp_path, width, height, monkeypatch):
    monkeypatch.setattr(cv2, "imdecodeWithMetadata", lambda *_: pytest.fail("was decoded"))
    (tmp_path / "in.png").write_bytes(png(width, height))
    with pytest.raises(MediaSizeUnsupported) as caught:
        enhance_picture(tmp_path / "in.png", tmp_path / "out.png", same)
    assert f"{width}x{height}" in str(caught.value)
    assert caught.value.exit_code == 63
    assert os.listdir(tmp_path) == ["in.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.95])
def test_truncated_pictures_are_refused(tmp_path, suffix, share):
    write(tmp_path / f"in{suffix}", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    data = (tmp_path / f"in{suffix}").read_bytes()
    (tmp_path / f"in{suffix}").write_bytes(data[: round(len(data) * share)])
    with pytest.raises(MediaUnreadable) as caught:
        enhance_picture(tmp_path / f"in{suffix}", tmp_path / "out.png", same)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == [f"in{suffix}"]


def test_sources_that_are_no_pictures(tmp_path):
    (tmp_path / "text.png").write_text("hello", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(MediaUnreadable, match="not a file"):
            enhance_picture(tmp_path / "pipe.png", tmp_path / "out.png", same)
    for name, error in [("text", MediaUnreadable), ("empty", MediaUnreadable), ("folder", MediaUnreadable), ("none", MediaNotFound)]:
        with pytest.raises(error):
            enhance_picture(tmp_path / f"{name}.png", tmp_path / "out.png", same)
    write(tmp_path / "float.tiff", np.zeros((4, 4, 3), np.float32))
    with pytest.raises(MediaUnreadable, match="float32"):
        enhance_picture(tmp_path / "float.tiff", tmp_path / "out.png", same)
    assert not (tmp_path / "out.png").exists()


def test_targets_that_cannot_be_written(tmp_path):
    source = tmp_path / "in.png"
    write(source, smooth(8, 8))
    (tmp_path / "mine.png").write_bytes(b"mine")
    for target, error, words in [
        ("out.gif", OutputFormatUnsupported, r"\.png, \.jpg"),
        ("out", OutputFormatUnsupported, r"\.png, \.jpg"),
        ("no/out.png", OutputUnwritable, "does not exist"),
        ("mine.png", OutputUnwritable, "--force"),
        ("in.png", OutputUnwritable, "--force"),
    ]:
        with pytest.raises(error, match=words):
            enhance_picture(source, tmp_path / target, same)
    assert (tmp_path / "mine.png").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["in.png", "mine.png"]


def test_too_wide_for_webp(tmp_path):
    write(tmp_path / "in.png", np.zeros((1, 16384, 3), np.uint8))
    with pytest.raises(OutputFormatUnsupported, match="16384x1"):
        enhance_picture(tmp_path / "in.png", tmp_path / "out.webp", same)
    assert os.listdir(tmp_path) == ["in.png"]


def test_a_picture_can_replace_itself(tmp_path):
    picture = smooth(8, 8)
    write(tmp_path / "in.png", picture)
    enhance_picture(tmp_path / "in.png", tmp_path / "in.png", invert, overwrite=True)
    assert (read(tmp_path / "in.png")[0] == 255 - picture).all()
    assert os.listdir(tmp_path) == ["in.png"]


@pytest.mark.parametrize("error", [EngineInferenceFailed("the engine failed"), KeyboardInterrupt(), ValueError("a bug")])
def test_whatever_sharpen_raises_passes_and_leaves_nothing(tmp_path, error):
    write(tmp_path / "in.png", smooth(8, 8))
    before = (tmp_path / "in.png").read_bytes()

    def fail(_):
        raise error

    with pytest.raises(type(error)):
        enhance_picture(tmp_path / "in.png", tmp_path / "in.png", fail, overwrite=True)
    assert os.listdir(tmp_path) == ["in.png"]
    assert (tmp_path / "in.png").read_bytes() == before


def test_a_full_disk_leaves_nothing(tmp_path):
    write(tmp_path / "in.png", np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    with tiny_disk(tmp_path / "disk", 64) as disk:
        with pytest.raises(OutputUnwritable, match="the disk is full"):
            enhance_picture(tmp_path / "in.png", disk / "out.png", same)
        assert os.listdir(disk) == []


def test_a_palette_becomes_colours(tmp_path):
    header = struct.pack(">IIBBBBB", 2, 1, 1, 3, 0, 0, 0)  # 2x1 pixels of 1 bit, by palette
    chunks = [(b"IHDR", header), (b"PLTE", bytes([255, 0, 0, 0, 0, 255])), (b"IDAT", zlib.compress(b"\0\x40")), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    (tmp_path / "in.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    enhance_picture(tmp_path / "in.png", tmp_path / "out.png", same)
    assert read(tmp_path / "out.png")[0].tolist() == [[[0, 0, 255], [255, 0, 0]]]
