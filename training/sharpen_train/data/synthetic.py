"""Generated pictures of text and screens: editors, slides, tables, chats and documents, dark and light.

Everything is drawn several times too large with the fonts that come with OpenCV and shrunk with an area filter, so that
letters lie between the pixels as they do on real screens, and no two copies of a letter are equal. On a part of the screens
letters have the coloured edges of text that is drawn for the thirds of a pixel (ClearType).
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from sharpen_train.data.pictures import Picture

HEIGHT_PX, WIDTH_PX = 576, 768
SMALLEST_TEXT_PX, LARGEST_TEXT_PX = 8, 40
_ENLARGED = (2.6, 3.4)  # drawn this much too large; the area filter then averages about 9 pixels
_STRETCH = (0.85, 1.12)  # wide and narrow letters
_FRINGES = ((0, 0, 0), (1, 0, -1), (-1, 0, 1))  # canvas px, about a third of a px: how far red, green and blue letters are moved
_FRINGED = (0.55, 0.35, 0.1)  # shares of: grey edges; red, green and blue from left to right in a pixel; the other way around

Colour = tuple[int, int, int]
_WORDS = (  # noqa: SIM905 (four hundred quotation marks)
    "the of and to in is that for it as was with be by on not he this are or his from at which but have an had they you were their one all "
    "we can her has there been if more when will would who so no out up into them then its only some could time these two may first any my "
    "now such like our over man even most made after also did many off before must through back years where much your way well down should "
    "because each just those people too good state year day meeting report budget camera light window Monday release schedule question "
    "agenda share screen notes review project update customer quarterly results team design figure table "
    "naïve café señor Straße Ångström piñata Łódź Привет "
).split()
_CODE = (  # noqa: SIM905
    "def return if else for while import from class self None True False int float str list dict range len print open read write "
    "x y i j n row column value index key item frame pixels width height batch weight result error config path name size "
    "== != <= >= += -> => () [] {} () [0] [i] :: && || // /* */ # @ 0 1 2 16 255 0.5 1e-3 0xff 'a' \"text\" f(x) a[i] lambda yield"
).split()


@dataclass(frozen=True)
class _Theme:
    """Colours of a screen: what is behind, what is written, what stands out, and lines between."""

    paper: Colour
    ink: Colour
    accents: tuple[Colour, ...]
    rule: Colour


class _Pen:
    """Draws on a canvas that is too large by `zoom`; all lengths are given in px of the finished picture."""

    def __init__(self, rng: np.random.Generator, theme: _Theme) -> None:
        self.rng, self.theme = rng, theme
        self.zoom = float(rng.uniform(*_ENLARGED))
        self._stretch = float(rng.uniform(*_STRETCH))
        # Half a pixel more or less on each side puts every letter between the pixels.
        self.shift = rng.uniform(0, 1, 2)
        height, width = int((HEIGHT_PX + 2) * self.zoom), int((WIDTH_PX + 2) * self.zoom * self._stretch)
        self.width_px = WIDTH_PX * self._stretch
        self._fringe = _FRINGES[int(rng.choice(len(_FRINGES), p=_FRINGED))]
        self._planes = [np.empty((height, width), np.uint8) for _ in theme.paper]
        for plane, value in zip(self._planes, theme.paper, strict=True):
            cv2.rectangle(plane, (0, 0), (width, height), value, -1)  # eight times faster than np.full
        self.face = cv2.FontFace(str(rng.choice(["sans", "sans", "uni", "italic"])))
        self.weight = int(rng.choice([300, 400, 400, 500, 700]))

    def at(self, x: float, y: float) -> tuple[int, int]:
        return int((x + self.shift[0]) * self.zoom), int((y + self.shift[1]) * self.zoom)

    def text(self, text: str, x: float, y: float, size_px: float, colour: Colour | None = None, weight: int = 0) -> float:
        """Writes on the baseline `y` and returns where the text ends."""
        size, (left, baseline), end = max(1, round(size_px * self.zoom)), self.at(x, y), 0
        for plane, value, aside in zip(self._planes, colour or self.theme.ink, self._fringe, strict=True):
            (right, _), _ = cv2.putText(plane, text, (left + aside, baseline), (value,), self.face, size, weight or self.weight)
            end = right - aside
        return end / self.zoom - float(self.shift[0])

    def box(self, x: float, y: float, width: float, height: float, colour: Colour, line_px: float = 0) -> None:
        """Draws a filled rectangle, or its outline."""
        thickness = max(1, round(line_px * self.zoom)) if line_px else -1
        for plane, value in zip(self._planes, colour, strict=True):
            cv2.rectangle(plane, self.at(x, y), self.at(x + width, y + height), value, thickness, cv2.LINE_AA)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        for plane, value in zip(self._planes, colour, strict=True):
            cv2.circle(plane, self.at(x, y), int(radius * self.zoom), value, -1, cv2.LINE_AA)

    def size(self, smallest: float = SMALLEST_TEXT_PX, largest: float = LARGEST_TEXT_PX) -> float:
        """Returns a size of text in px, small ones more often."""
        return float(np.exp(self.rng.uniform(np.log(smallest), np.log(largest))))

    def accent(self) -> Colour:
        return self.theme.accents[int(self.rng.integers(len(self.theme.accents)))]

    def words(self, least: int, most: int) -> str:
        return " ".join(self.rng.choice(_WORDS, int(self.rng.integers(least, most + 1))))

    def paragraph(self, x: float, y: float, width: float, size_px: float, lines: int) -> float:
        """Writes up to `lines` lines of about `width` and returns the next baseline."""
        for _ in range(lines):
            end = x
            while end < x + width - 4 * size_px:
                end = self.text(f"{self.rng.choice(_WORDS)} ", end, y, size_px)
            y += 1.4 * size_px
        return y

    def finished(self) -> Picture:
        small = [cv2.resize(plane, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA) for plane in self._planes]
        return np.asarray(cv2.merge(small), np.uint8)


def text_picture(seed: int, number: int) -> Picture:
    """Returns picture `number` of a seed, (576, 768, 3) uint8 RGB; the kinds of screen take turns."""
    rng = np.random.default_rng([seed, number])
    pen = _Pen(rng, _theme(rng))
    _SCREENS[number % len(_SCREENS)](pen)
    return pen.finished()


def _theme(rng: np.random.Generator) -> _Theme:
    dark = bool(rng.random() < 0.4)

    def tint(low: int, high: int, spread: int) -> Colour:
        red, green, blue = (int(np.clip(value, 0, 255)) for value in rng.integers(low, high + 1) + rng.integers(-spread, spread + 1, 3))
        return red, green, blue

    paper, ink = (tint(8, 48, 10), tint(190, 255, 20)) if dark else (tint(232, 255, 8), tint(0, 70, 20))
    accents = tuple(tint(150, 200, 70) if dark else tint(60, 140, 70) for _ in range(5))
    return _Theme(paper, ink, accents, tint(70, 90, 5) if dark else tint(195, 225, 5))


def _mixed(most: Colour, some: Colour) -> Colour:
    red, green, blue = ((2 * a + b) // 3 for a, b in zip(most, some, strict=True))
    return red, green, blue


def _editor(pen: _Pen) -> None:
    pen.face, size = cv2.FontFace("uni"), pen.size(9, 22)
    advance, y, number = 0.6 * size, 1.5 * size, int(pen.rng.integers(1, 900))
    pen.box(0, 0, 4.2 * advance, HEIGHT_PX, _mixed(pen.theme.paper, pen.theme.rule))
    while y < HEIGHT_PX:
        column = 6 + 4 * int(pen.rng.integers(0, 4))
        tokens = [(f"{number:>3}", 0, pen.theme.rule)]
        for word in pen.rng.choice(_CODE, int(pen.rng.integers(0, 11))):
            tokens.append((str(word), column, pen.accent() if pen.rng.random() < 0.5 else pen.theme.ink))
            column += len(word) + 1
        for token, start, colour in tokens:
            for at, letter in enumerate(token):  # one by one: this makes a fixed pitch of any font
                pen.text(letter, (start + at + 0.5) * advance, y, size, colour)
        number, y = number + 1, y + float(1.35 * size)


def _slide(pen: _Pen) -> None:
    pen.box(0, 0, pen.width_px + 2, float(pen.rng.uniform(4, 20)), pen.accent())
    left, size = float(pen.rng.uniform(20, 60)), pen.size(14, 26)
    pen.text(pen.words(2, 5).capitalize(), left, 75, pen.size(26, LARGEST_TEXT_PX), pen.accent(), 700)
    y = 130.0
    for _ in range(int(pen.rng.integers(3, 7))):
        pen.disc(left + size / 3, y - size / 3, size / 6, pen.accent())
        pen.text(pen.words(3, 7), left + size, y, size)
        y += 1.7 * size
    bars, base = int(pen.rng.integers(4, 9)), HEIGHT_PX - 40.0
    wide = (pen.width_px - 2 * left) / bars
    for bar in range(bars):
        tall = float(pen.rng.uniform(0.1, 1)) * max(base - y - 30, 20)
        pen.box(left + bar * wide, base - tall, 0.7 * wide, tall, pen.accent())
        pen.text(f"{pen.rng.uniform(0, 100):.1f}", left + bar * wide, base - tall - 4, pen.size(8, 13))
        pen.text(f"Q{bar + 1}", left + bar * wide, base + 16, 12)
    pen.box(left, base, pen.width_px - 2 * left, 1, pen.theme.ink)


def _table(pen: _Pen) -> None:
    size = pen.size(8, 20)
    tall, columns = float(pen.rng.uniform(1.5, 2.2)) * size, int(pen.rng.integers(3, 9))
    wide = pen.width_px / columns
    pen.box(0, 0, pen.width_px + 2, tall, pen.accent())
    for row in range(int(HEIGHT_PX / tall) + 1):
        if row % 2:
            pen.box(0, row * tall, pen.width_px + 2, tall, _mixed(pen.theme.paper, pen.theme.rule))
        for column in range(columns):
            cell = pen.words(1, 2) if row == 0 or column == 0 else f"{pen.rng.normal(0, 10 ** pen.rng.integers(0, 6)):,.2f}"
            room = max(2, int(wide / (0.62 * size)))
            pen.text(
                cell[:room], column * wide + 4, (row + 0.7) * tall, size, pen.theme.paper if row == 0 else None, 700 if row == 0 else 0
            )
        pen.box(0, row * tall, pen.width_px + 2, 0.01, pen.theme.rule, 1)
    for column in range(1, columns):
        pen.box(column * wide, 0, 0.01, HEIGHT_PX + 2, pen.theme.rule, 1)


def _chat(pen: _Pen) -> None:
    size, y = pen.size(10, 20), 12.0
    while y < HEIGHT_PX:
        lines, mine = int(pen.rng.integers(1, 4)), bool(pen.rng.random() < 0.5)
        wide, tall = float(pen.rng.uniform(0.3, 0.6)) * pen.width_px, (1.4 * lines + 0.9) * size
        left = pen.width_px - wide - tall / 2 - 10 if mine else 44.0 + size + tall / 2
        if not mine:
            pen.disc(32, y + size, size, pen.accent())
            pen.text(str(pen.rng.choice(_WORDS))[0].upper(), 32 - size / 3, y + 1.35 * size, size, pen.theme.paper, 700)
        fill = pen.accent() if mine else pen.theme.rule
        pen.box(left, y, wide, tall, fill)
        for x in (left, left + wide):
            pen.disc(x, y + tall / 2, tall / 2, fill)
        ink: Colour = (255, 255, 255) if sum(fill) < 380 else (15, 15, 20)
        for line in range(lines):
            pen.text(pen.words(1, 9)[: int(wide / (0.55 * size))], left + size / 2, y + (1.4 * line + 1.4) * size, size, ink)
        y += tall + 0.9 * size
        pen.text(f"{pen.rng.integers(0, 24):02}:{pen.rng.integers(0, 60):02}", left, y, 9)
        y += 0.6 * size


def _document(pen: _Pen) -> None:
    left, y = float(pen.rng.uniform(20, 90)), 40.0
    while y < HEIGHT_PX:
        size = pen.size(SMALLEST_TEXT_PX, 18)
        if pen.rng.random() < 0.5:
            heading = pen.size(16, LARGEST_TEXT_PX)
            pen.text(pen.words(2, 5).capitalize(), left, y + heading / 2, heading, weight=700)
            y += 1.6 * heading
        y = pen.paragraph(left, y, pen.width_px - 2 * left, size, int(pen.rng.integers(2, 7))) + size


_SCREENS: tuple[Callable[[_Pen], None], ...] = (_editor, _slide, _table, _chat, _document)
