"""Small datasets, made once."""

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.data.preparing import PrepareOptions, prepare


def write_pairs(folder: Path, count: int) -> Path:
    """Writes pairs X_blur and X_sharp."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        sharp = sharp_picture(Size(150, 170), 100 + number)
        cv2.imwrite(str(folder / f"p{number}_sharp.png"), sharp)
        cv2.imwrite(str(folder / f"p{number}_blur.png"), cv2.GaussianBlur(sharp, (0, 0), 3))
    return folder


@pytest.fixture(scope="session")
def options() -> PrepareOptions:
    return PrepareOptions(patch_px=64, per_picture=6, processes=1)


@pytest.fixture(scope="session")
def dataset_folder(pictures: Path, options: PrepareOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs and three pairs, in patches of 64 px."""
    folder = tmp_path_factory.mktemp("datasets")
    pairs = write_pairs(folder / "pairs", 3)
    prepare([pictures], folder / "data", replace(options, pairs=((pairs, None),)))
    return folder / "data"


@pytest.fixture
def pairs_folder(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs", 3)
