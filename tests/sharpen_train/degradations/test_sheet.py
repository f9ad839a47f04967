from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.errors import OutputUnwritable
from sharpen_core.frame import Size
from sharpen_train.commands.degrade import degrade
from sharpen_train.degradations import PRESETS, find_preset
from sharpen_train.degradations.sheet import contact_sheet, detailed_part
from sharpen_train.errors import ConfigError, DataError


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "face.png"
    cv2.imwrite(str(file), sharp_picture(Size(150, 200), 4))
    return file


def test_a_row_a_picture_and_a_column_a_sample() -> None:
    pictures = [("a", sharp_picture(Size(150, 200), 1)), ("a", sharp_picture(Size(90, 60), 2))]
    sheet = contact_sheet(pictures, [find_preset("heavy"), find_preset("webcam")], 2, 0, zoom=2, crop_px=64)
    again = contact_sheet(pictures, [find_preset("heavy"), find_preset("webcam")], 2, 0, zoom=2, crop_px=64)
    np.testing.assert_array_equal(sheet, again)
    cell = sheet.shape[1] // 5
    assert cell >= 128
    assert sheet.shape[0] // 2 > 128
    truth, softest = sheet[-140:-10, :cell], sheet[-140:-10, cell : 2 * cell]
    assert not np.array_equal(truth, softest)


def test_the_truth_is_shown_as_it_is() -> None:
    truth = sharp_picture(Size(64 + 48, 64 + 48), 1)
    sheet = contact_sheet([("a", truth)], [find_preset("identity")], 1, 0, zoom=1, crop_px=64)
    for column in (0, 72):
        np.testing.assert_array_equal(sheet[-72:-8, column : column + 64], truth[24:-24, 24:-24])


def test_detail_is_found() -> None:
    picture = np.full((200, 300, 3), 128, np.uint8)
    picture[120:160, 200:240] = sharp_picture(Size(40, 40), 0)
    part = detailed_part(picture, 80)
    assert part.shape == (80, 80, 3)
    assert (part != 128).any(2).sum() > 0.9 * (picture != 128).any(2).sum()


def test_the_command_writes_the_sheet(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    degrade([picture, picture], ["mixed", "webcam"], out, seed=3, samples=2, zoom=100)
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert "pictures: 2, versions of each: 4" in capsys.readouterr().out


def test_the_command_lists_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    degrade(list_presets=True)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(PRESETS)


def test_bad_input_is_told(picture: Path, tmp_path: Path) -> None:
    out, broken = tmp_path / "sheet.png", tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for error, arguments in (
        (ConfigError, ([picture], ["havy"], out)),
        (ConfigError, ([picture], ["heavy"], tmp_path / "sheet.jpg")),
        (ConfigError, ([picture], [], out)),
        (ConfigError, ([], ["heavy"], out)),
        (ConfigError, ([picture], ["heavy"], picture)),
        (ConfigError, ([picture], ["heavy"], None)),
        (DataError, ([broken], ["heavy"], out)),
        (DataError, ([tmp_path / "nothing.png"], ["heavy"], out)),
        (OutputUnwritable, ([picture], ["heavy"], tmp_path / "no" / "sheet.png")),
    ):
        with pytest.raises(error) as caught:
            degrade(*arguments)
        assert caught.value.hint
    with pytest.raises(ConfigError, match="150"):
        degrade([picture], ["heavy"], out, zoom=150)
    assert not out.exists()
