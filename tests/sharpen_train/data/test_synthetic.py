"""Generated screens: alike for a seed, and some with the coloured edges of text drawn for the thirds of a pixel."""

import numpy as np
import pytest

from sharpen_train.data import synthetic
from sharpen_train.data.pictures import Picture
from sharpen_train.data.synthetic import HEIGHT_PX, WIDTH_PX, text_picture


def colour_of_edges(picture: Picture) -> float:
    """Correlation of red minus blue with the slope of green from left to right."""
    red, green, blue = np.moveaxis(picture.astype(float), 2, 0)
    slope, tint = np.gradient(green, axis=1), red - blue
    slope, tint = slope - slope.mean(), tint - tint.mean()
    return float((slope * tint).mean() / (slope.std() * tint.std() + 1e-9))


@pytest.mark.parametrize("number", range(5))
def test_pictures_are_whole_and_alike_for_a_seed(number: int) -> None:
    picture = text_picture(7, number)
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert picture.dtype == np.uint8
    assert (picture == text_picture(7, number)).all()
    assert (picture != text_picture(8, number)).any()


@pytest.mark.parametrize(("shares", "sign"), [((1, 0, 0), 0), ((0, 1, 0), -1), ((0, 0, 1), 1)])
def test_letters_have_coloured_edges_where_they_are_meant_to(shares: tuple[float, ...], sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "_FRINGED", shares)
    for number in range(5):
        found = colour_of_edges(text_picture(7, number))
        assert abs(found) < 0.1 if sign == 0 else sign * found > 0.1


def test_some_pictures_have_them_and_some_have_not() -> None:
    found = [abs(colour_of_edges(text_picture(7, number))) > 0.1 for number in range(40)]
    assert 10 < sum(found) < 30
