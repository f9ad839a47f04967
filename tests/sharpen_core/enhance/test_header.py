"""Sizes are read without decoding."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpen_core.enhance.header import read_header
from sharpen_core.errors import MediaError, MediaNotFound, MediaUnreadable
from sharpen_core.frame import Size

KINDS = {".png": "PNG", ".jpg": "JPEG", ".webp": "WebP", ".bmp": "BMP", ".tiff": "TIFF"}


def encoded(suffix, shape, parameters=()):
    done, data = cv2.imencode(suffix, np.full(shape, 77, np.uint8), list(parameters))
    assert done
    return data.tobytes()


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (37, 211, 3), (300, 20), (700, 900, 3)])
def test_kind_and_size_of_every_format(tmp_path, suffix, shape):
    path = tmp_path / "picture.dat"
    path.write_bytes(encoded(suffix, shape))
    header = read_header(path)
    assert (header.kind, header.size) == (KINDS[suffix], Size(*shape[:2]))


@pytest.mark.parametrize(
    ("suffix", "parameters"),
    [(".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]), (".webp", [cv2.IMWRITE_WEBP_QUALITY, 80])],
)
def test_variants(tmp_path, suffix, parameters):
    path = tmp_path / "picture"
    path.write_bytes(encoded(suffix, (37, 211, 3), parameters))
    assert read_header(path).size == Size(37, 211)


def test_webp_with_alpha_and_tiff_of_the_other_byte_order(tmp_path):
    (tmp_path / "a").write_bytes(encoded(".webp", (37, 211, 4)))
    assert read_header(tmp_path / "a").size == Size(37, 211)
    directory = struct.pack(">HHHIHHHHIII", 2, 256, 3, 1, 640, 0, 257, 4, 1, 480, 0)
    (tmp_path / "b").write_bytes(b"MM\0*" + struct.pack(">I", 8) + directory)
    assert read_header(tmp_path / "b").size == Size(480, 640)


def test_bmp_stored_from_the_top(tmp_path):
    data = bytearray(encoded(".bmp", (4, 5, 3)))
    data[22:26] = struct.pack("<i", -4)
    (tmp_path / "a").write_bytes(data)
    assert read_header(tmp_path / "a").size == Size(4, 5)


def test_what_is_not_a_picture(tmp_path):
    (tmp_path / "a").write_bytes(b"\0\0\0\x18ftypisom0000")
    assert read_header(tmp_path / "a") is None
    (tmp_path / "a").write_bytes(b"BMW is a car, and this is a letter")
    assert read_header(tmp_path / "a") is None
    with pytest.raises(MediaNotFound):
        read_header(tmp_path / "b")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x18ftypheic0000mif1heic", "HEIC"),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x10\0\0\x10\0\0\0\0", "animated"),
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "ends early"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "ends early"),
        (b"II*\0\x08\0\0\0", "ends early"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, data, words):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(MediaUnreadable, match=words):
        read_header(tmp_path / "a")


SIGNATURES = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0", b"MM\0*", b""]


@given(st.sampled_from(SIGNATURES), st.binary(max_size=60))
def test_nothing_else_is_ever_raised(tmp_path_factory, start, rest):
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(start + rest)
    try:
        read_header(path)
    except MediaError as error:
        assert "\n" not in str(error)  # noqa: PT017
