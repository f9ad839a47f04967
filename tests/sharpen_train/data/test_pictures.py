import base64
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.data import Source, find_sources, load_truth, read_picture
from sharpen_train.errors import DataError

# 8x8 px of (200, 40, 90), written by Pillow: a CMYK JPEG, and half-clear PNGs with a palette and in grey.
CMYK = (
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXYW1hpCeo6utq2eAvMm6pseZqKuk/8AAFAgACAAIBEMRAE"
    "0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAUEBv/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8AVCpGmf/Z"
)
PALETTE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAgMAAAC5YVYYAAAADFBMVEXIKFoAAAAAAAAAAADxKOFrAAAABHRSTlOAAAAAXsrQoQAAAAtJREFUeJxjYMAOAAAYAAHVf8TsAAAAAElF"
    "TkSuQmCC"
)
GREY_ALPHA = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAQAAABuBnYAAAAAE0lEQVR4nGOMa2BAAUwMDAMhAAB5WgDufdfQVAAAAABJRU5ErkJggg=="


def test_pictures_are_found_in_every_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.PNG", "deep/er/a.jpg", "notes.txt", "._b.png"):
        (tmp_path / name).write_bytes(b"x")
    assert [source.path.name for source in find_sources(tmp_path)] == ["b.PNG", "a.jpg"]


def test_the_table_says_where_a_picture_is_sharp(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    for name in ("half", "whole", "never", "x_sharp", "x_blur"):
        cv2.imwrite(str(folder / f"{name}.png"), sharp_picture(Size(40, 60), 1))
    rows = ["file\tgt_scale", "train/half.png\t1/2", "train/whole.png\t1", "train/never.png\t<1/3", "train/x_sharp.png\t"]
    (tmp_path / "SOURCES.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    sources = find_sources(folder)
    assert {source.path.stem: source.scale for source in sources} == {"half": 0.5, "whole": 1.0, "x_sharp": 1.0}
    assert {source.path.stem: Size.of(load_truth(source)) for source in sources}["half"] == Size(20, 30)


@pytest.mark.parametrize("value", ["1/0", "2", "big"])
def test_an_impossible_table_is_named(tmp_path: Path, value: str) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), sharp_picture(Size(40, 60), 1))
    (tmp_path / "SOURCES.tsv").write_text(f"file\tgt_scale\na.png\t{value}\n", encoding="utf-8")
    with pytest.raises(DataError, match="SOURCES"):
        find_sources(tmp_path)


@pytest.mark.parametrize("there", [True, False])
def test_an_empty_or_missing_folder_is_one_clear_error(tmp_path: Path, there: bool) -> None:
    with pytest.raises(DataError, match="no pictures in" if there else "there is no folder"):
        find_sources(tmp_path if there else tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n", b"\xff\xd8"])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read the picture .*damaged\.png"):
        read_picture(path)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_picture_is_refused(tmp_path: Path, ending: str, kept: float) -> None:
    data = cv2.imencode(ending, sharp_picture(Size(90, 120), 1))[1].tobytes()
    (tmp_path / f"cut{ending}").write_bytes(data[: int(kept * len(data))])
    with pytest.raises(DataError, match="truncated"):
        read_picture(tmp_path / f"cut{ending}")


def test_a_thumbnail_does_not_hide_that_a_jpeg_is_truncated(tmp_path: Path) -> None:
    data = cv2.imencode(".jpg", sharp_picture(Size(90, 120), 1))[1].tobytes()
    thumbnail = cv2.imencode(".jpg", sharp_picture(Size(20, 20), 1))[1].tobytes()
    embedded = data[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + data[2:]
    (tmp_path / "whole.jpg").write_bytes(embedded)
    assert read_picture(tmp_path / "whole.jpg").shape == (90, 120, 3)
    (tmp_path / "cut.jpg").write_bytes(embedded[:-400])
    with pytest.raises(DataError, match="truncated"):
        read_picture(tmp_path / "cut.jpg")


def test_grey_16_bit_and_alpha_become_rgb(tmp_path: Path) -> None:
    colour = sharp_picture(Size(20, 30), 2)
    deep = colour[:, :, ::-1].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "colour.png"), colour[:, :, ::-1])
    cv2.imwrite(str(tmp_path / "grey.png"), colour[:, :, 0])
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    cv2.imwrite(str(tmp_path / "clear.png"), np.dstack([colour, np.zeros((20, 30), np.uint8)]))
    cv2.imwrite(str(tmp_path / "half.png"), np.dstack([deep, np.full((20, 30), 32768, np.uint16)]))
    np.testing.assert_array_equal(read_picture(tmp_path / "colour.png"), colour)
    assert np.abs(read_picture(tmp_path / "deep.png").astype(int) - colour).max() <= 1
    assert read_picture(tmp_path / "grey.png").shape == (20, 30, 3)
    assert (read_picture(tmp_path / "clear.png") == 255).all()
    assert np.abs(read_picture(tmp_path / "half.png") - (colour / 2 + 127.5)).max() <= 1


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [(CMYK, (200, 40, 90)), (PALETTE, (227, 147, 172)), (GREY_ALPHA, (174, 174, 174))],
    ids=["cmyk", "palette", "la"],
)
def test_rare_kinds_become_rgb(tmp_path: Path, encoded: str, expected: tuple[int, int, int]) -> None:
    (tmp_path / "rare").write_bytes(base64.b64decode(encoded))
    picture = read_picture(tmp_path / "rare")
    assert picture.shape == (8, 8, 3)
    assert np.abs(picture.astype(int) - expected).max() <= 3


def test_a_picture_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)  # one tag: orientation 6, turn clockwise
    data = cv2.imencode(".jpg", np.full((16, 32, 3), 128, np.uint8))[1].tobytes()
    block = b"Exif\0\0" + exif
    (tmp_path / "turned.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:])
    assert read_picture(tmp_path / "turned.jpg").shape == (32, 16, 3)


def test_a_source_with_scale_one_is_the_picture_itself(pictures: Path) -> None:
    path = sorted(pictures.iterdir())[0]
    np.testing.assert_array_equal(load_truth(Source(path, 1.0)), read_picture(path))
