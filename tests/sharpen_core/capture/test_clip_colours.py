"""Colours must survive: the classic mistakes shift red by 20 levels (601 for 709) or black by 16 (range)."""

from pathlib import Path

import numpy as np
import pytest
from clips import write_clip

from sharpen_core.capture.clip import ClipCamera

PATCHES = ((255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 40, 40), (40, 180, 60), (50, 60, 210), (236, 190, 160), (220, 200, 40))
BT601, BT709, UNSPECIFIED = 6, 1, 2


def patches(height: int) -> np.ndarray:
    """Eight upright stripes of even colour."""
    row = np.repeat(np.array(PATCHES, np.uint8), 64, axis=0)
    return np.broadcast_to(row, (height, *row.shape)).copy()


def shown(path: Path) -> np.ndarray:
    """The middle of each stripe: (8, 3)."""
    camera = ClipCamera(path, paced=False)
    camera.open()
    pixels = camera.read()
    camera.close()
    return pixels[pixels.shape[0] // 2, 32::64].astype(int)


@pytest.mark.parametrize("matrix", [BT601, BT709])
@pytest.mark.parametrize("height", [256, 720])
def test_the_declared_matrix_is_used(tmp_path: Path, matrix: int, height: int) -> None:
    path = write_clip(tmp_path / "colours.mkv", [patches(height)], matrix=matrix, options={"crf": "1"})
    assert np.abs(shown(path) - PATCHES).max() <= 5


@pytest.mark.parametrize(("height", "matrix"), [(256, BT601), (720, BT709)])
def test_without_a_declared_matrix_the_height_decides(tmp_path: Path, height: int, matrix: int) -> None:
    codec_knows_none = {"codec": "mpeg4", "options": {"qscale": "1", "flags": "+qscale", "global_quality": "118"}}
    path = write_clip(tmp_path / "colours.avi", [patches(height)], matrix=UNSPECIFIED, drawn_with=matrix, **codec_knows_none)
    assert np.abs(shown(path) - PATCHES).max() <= 8


def test_full_range_is_recognised(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "colours.mkv", [patches(256)], codec="mjpeg", pixel_format="yuvj444p", options={"qmin": "1", "qmax": "1"})
    assert np.abs(shown(path) - PATCHES).max() <= 6
