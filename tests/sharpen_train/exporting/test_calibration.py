from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.errors import DataError
from sharpen_train.exporting.calibration import read_examples
from sharpen_train.metrics import psnr


@pytest.mark.parametrize("multiple_px", [1, 8, 48])
def test_a_folder_gives_soft_crops_and_held_out_pairs_of_other_pictures(pictures: Path, multiple_px: int) -> None:
    examples = read_examples(pictures, multiple_px)
    assert (len(examples.calibrate), len(examples.held_out)) == (6, 8)
    for soft, truth in examples.held_out:
        assert soft.shape == truth.shape
        assert soft.shape[0] % multiple_px == soft.shape[1] % multiple_px == 0
        assert 15 < psnr(soft, truth) < 60
    assert len({truth.tobytes() for _, truth in examples.held_out}) == 8


def test_the_same_source_gives_the_same_examples(pictures: Path) -> None:
    first, second = read_examples(pictures, 4), read_examples(pictures, 4)
    np.testing.assert_array_equal(first.calibrate, second.calibrate)
    np.testing.assert_array_equal(first.held_out, second.held_out)


def test_a_dataset_is_calibrated_on_its_training_and_measured_on_its_test_split(dataset: Path) -> None:
    examples = read_examples(dataset, 8)
    tests = np.load(dataset / "test" / "truth.npy")
    assert len(examples.calibrate) == 6
    for _, truth in examples.held_out:
        assert any(np.array_equal(truth, patch) for patch in tests)


@pytest.mark.parametrize("kind", ["one", "flat", "tiny"])
def test_pictures_that_say_nothing_are_refused(tmp_path: Path, kind: str) -> None:
    size = Size(20, 20) if kind == "tiny" else Size(100, 100)
    for number in range(1 if kind == "one" else 4):
        picture = np.full((*size, 3), 90, np.uint8) if kind == "flat" else sharp_picture(size, number)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    with pytest.raises(DataError, match=r"too few pictures.*--calibration"):
        read_examples(tmp_path, 4)
