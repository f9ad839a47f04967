"""A small folder of sharp pictures."""

from pathlib import Path

import cv2
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), sharp_picture(Size(280, 300), number))
    return folder
