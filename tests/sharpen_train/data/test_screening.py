import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.data.screening import difference_hash, near_duplicates, sharp_scale, thumbnail
from sharpen_train.data.synthetic import HEIGHT_PX, WIDTH_PX, text_picture

PICTURE = sharp_picture(Size(384, 480), 3)


def enlarged(by: int) -> np.ndarray:
    return cv2.resize(PICTURE, None, fx=by, fy=by, interpolation=cv2.INTER_CUBIC)


def test_a_picture_is_sharp_at_the_scale_it_was_enlarged_from() -> None:
    assert sharp_scale(PICTURE) == 1
    assert sharp_scale(enlarged(2)) == 0.5
    assert sharp_scale(cv2.GaussianBlur(enlarged(3), (0, 0), 1)) == pytest.approx(1 / 3)


def test_a_picture_that_is_blurred_at_every_scale_is_found() -> None:
    assert sharp_scale(cv2.GaussianBlur(PICTURE, (0, 0), 9)) == 0


def test_noise_does_not_pass_for_detail() -> None:
    noise = np.random.default_rng(0).normal(0, 4, PICTURE.shape)
    noisy = np.clip(cv2.GaussianBlur(PICTURE, (0, 0), 2) + noise, 0, 255).astype(np.uint8)
    assert sharp_scale(noisy) < 1


def test_a_sharp_face_before_a_blurred_wall_is_sharp() -> None:
    portrait = cv2.GaussianBlur(PICTURE, (0, 0), 8)
    portrait[100:280, 150:330] = PICTURE[100:280, 150:330]
    assert sharp_scale(portrait) == 1


def test_copies_are_found_whatever_their_size_and_compression() -> None:
    smaller = cv2.resize(PICTURE, (300, 240), interpolation=cv2.INTER_AREA)
    poorer = cv2.imdecode(cv2.imencode(".jpg", PICTURE, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    pictures = [PICTURE, sharp_picture(Size(384, 480), 4), smaller, poorer, sharp_picture(Size(384, 480), 5)]
    assert near_duplicates([thumbnail(picture) for picture in pictures]) == [(0, 2), (0, 3), (2, 3)]


def test_blank_pages_are_not_told_apart_by_the_hash_alone() -> None:
    grey, white = (np.full((200, 300, 3), value, np.uint8) for value in (90, 255))
    assert difference_hash(thumbnail(grey)) == difference_hash(thumbnail(white)) == 0
    assert near_duplicates([thumbnail(grey), thumbnail(white)]) == []


@pytest.mark.parametrize("number", range(5), ids=["editor", "slide", "table", "chat", "document"])
def test_generated_screens_are_sharp_seeded_and_different(number: int) -> None:
    picture = text_picture(1, number)
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert sharp_scale(picture) == 1
    np.testing.assert_array_equal(picture, text_picture(1, number))
    assert (picture != text_picture(2, number)).any()
