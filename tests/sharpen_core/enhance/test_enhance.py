"""One entry for pictures and clips."""

import cv2
import pytest
from media_files import numbered, read_clip, smooth, write_clip

from sharpen_core.enhance import enhance
from sharpen_core.errors import MediaNotFound, MediaUnreadable, OutputFormatUnsupported


def run(source, target, **options):
    told = []
    enhance(source, target, lambda pixels: pixels, lambda *step: told.append(step), **options)
    return told


def test_content_decides_and_not_the_name(tmp_path):
    cv2.imwrite(str(tmp_path / "in.png"), smooth(20, 30))
    (tmp_path / "in.png").rename(tmp_path / "picture.mp4")
    assert run(tmp_path / "picture.mp4", tmp_path / "out.png") == [(1, 1)]
    assert cv2.imread(str(tmp_path / "out.png")).shape == (20, 30, 3)
    write_clip(tmp_path / "in.mp4", numbered(3))
    (tmp_path / "in.mp4").rename(tmp_path / "clip.png")
    assert run(tmp_path / "clip.png", tmp_path / "out.mp4") == [(1, 3), (2, 3), (3, 3)]
    assert len(read_clip(tmp_path / "out.mp4")[0]) == 3


def test_a_clip_is_not_written_as_a_picture_nor_the_other_way_round(tmp_path):
    write_clip(tmp_path / "in.mp4", numbered(3))
    cv2.imwrite(str(tmp_path / "in.png"), smooth(20, 30))
    with pytest.raises(OutputFormatUnsupported):
        run(tmp_path / "in.mp4", tmp_path / "out.png")
    with pytest.raises(OutputFormatUnsupported):
        run(tmp_path / "in.png", tmp_path / "out.mp4")


def test_what_is_neither_is_said(tmp_path):
    (tmp_path / "in.mp4").write_bytes(b"neither a picture nor a clip")
    with pytest.raises(MediaUnreadable):
        run(tmp_path / "in.mp4", tmp_path / "out.mp4")
    with pytest.raises(MediaNotFound):
        run(tmp_path / "none", tmp_path / "out.mp4")
