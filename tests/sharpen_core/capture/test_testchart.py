import cv2
import numpy as np
import pytest

from sharpen_core.capture.testchart import USUAL_SIZE, TestChartCamera
from sharpen_core.errors import CameraFormatUnsupported
from sharpen_core.frame import Size


def frames(count: int, size: Size = USUAL_SIZE, fps: float = 30.0) -> list[np.ndarray]:
    camera = TestChartCamera(size, fps, paced=False)
    camera.open()
    pictures = [camera.read() for _ in range(count)]
    camera.close()
    return pictures


@pytest.mark.parametrize("size", [Size(64, 64), Size(64, 3840), Size(101, 99), Size(1280, 720), Size(480, 640), Size(2160, 3840)], ids=str)
def test_any_size(size: Size) -> None:
    assert Size.of(frames(2, size)[1]) == size


@pytest.mark.parametrize("size", [Size(63, 640), Size(640, 3841)], ids=str)
def test_refuses_sizes_that_it_cannot_draw(size: Size) -> None:
    with pytest.raises(CameraFormatUnsupported, match="64 to 3840"):
        TestChartCamera(size).open()


def test_refuses_a_rate_of_zero() -> None:
    with pytest.raises(ValueError, match="positive"):
        TestChartCamera(fps=0)


def test_is_the_same_every_time() -> None:
    for first, again in zip(frames(5), frames(5), strict=True):
        assert np.array_equal(first, again)


def test_only_small_parts_move() -> None:
    first, second = frames(2)
    moved = (first != second).any(-1).mean()
    assert 0.005 < moved < 0.12


def test_motion_follows_the_number_of_the_frame_and_the_rate() -> None:
    # One second of motion, whether it takes 10 frames or 20; the frame counter and the noise differ.
    edges = np.s_[496:648, 50:402]
    assert np.array_equal(frames(11, fps=10)[10][edges], frames(21, fps=20)[20][edges])


def test_is_slightly_soft_so_that_sharpening_shows() -> None:
    text = cv2.cvtColor(frames(1)[0], cv2.COLOR_RGB2GRAY)[92:464, 820:1240].astype(np.float32)
    blurred = cv2.GaussianBlur(text, (0, 0), 1.0)
    assert float(np.abs(text - blurred).mean()) < 6
    assert text.std() > 20


def test_has_black_white_and_colour() -> None:
    picture = frames(1)[0]
    assert picture.min() < 12
    assert picture.max() > 243
    assert np.ptp(picture.astype(int), axis=-1).max() > 120


def test_keeps_its_rate(time) -> None:
    camera = TestChartCamera(Size(64, 64), 25, clock=time.clock, sleep=time.sleep)
    camera.open()
    for _ in range(26):
        time.now_s += 0.002
        camera.read()
    assert time.now_s == pytest.approx(101.002)
    camera.close()


def test_does_not_wait_when_not_paced(time) -> None:
    camera = TestChartCamera(Size(64, 64), paced=False, clock=time.clock, sleep=time.sleep)
    camera.open()
    camera.read()
    camera.read()
    assert time.slept_s == []
