"""The report's plots as SVG. Colours are classes of its style sheet (`c0`, `c1`, ...), so that light and dark both work."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

LEFT, RIGHT, TOP, BOTTOM = 50, 12, 12, 46


@dataclass(frozen=True)
class Canvas:
    """A size in pixels, and what is left of it beside the axes."""

    width: int
    height: int

    @property
    def right(self) -> int:
        """Where the plot ends."""
        return self.width - RIGHT

    @property
    def bottom(self) -> int:
        """Where the plot ends, downwards."""
        return self.height - BOTTOM


WIDE, HALF, THIRD = Canvas(1240, 320), Canvas(540, 320), Canvas(420, 290)


@dataclass(frozen=True)
class Series:
    """A named list of points or bars.

    Attributes:
        name: for the legend and the tips.
        colour: number of its colour class.
        points: (x, y); y alone counts for bars.
    """

    name: str
    colour: int
    points: Sequence[tuple[float, float]]


class Axis:
    """Maps values to pixels, with ticks at round numbers, or at 1, 2, 3, 5 times powers of ten if it is logarithmic."""

    def __init__(
        self, values: Sequence[float], first_px: float, last_px: float, *, logarithmic: bool = False, padding: float = 0.05
    ) -> None:
        self._log = logarithmic
        low, high = (self._position(value) for value in (min(values), max(values)))
        room = max(high - low, 1e-9 if not logarithmic else 0.3)
        self._low, self._high = low - room * padding, high + room * padding
        self._first_px, self._last_px = first_px, last_px

    def _position(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def px(self, value: float) -> float:
        """Returns where a value lies."""
        share = (self._position(value) - self._low) / (self._high - self._low)
        return round(self._first_px + share * (self._last_px - self._first_px), 1)

    def ticks(self) -> list[float]:
        """Returns the values to mark."""
        if self._log:
            decades = range(math.floor(self._low), math.ceil(self._high) + 1)
            candidates = [10.0**decade * factor for decade in decades for factor in (1, 2, 3, 5)]
        else:
            step = _round_step((self._high - self._low) / 6)
            candidates = [i * step for i in range(math.ceil(self._low / step), math.floor(self._high / step) + 1)]
        return [value for value in candidates if self._low <= self._position(value) <= self._high]


def _round_step(rough: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough * 0.999)


def bars(groups: Sequence[str], series: Sequence[Series], unit: str, marks: Mapping[str, float]) -> str:
    """Returns grouped bars from zero.

    Args:
        groups: names under the groups, as many as each series has points.
        series: one bar in each group.
        unit: what y is.
        marks: a value to mark across a group, such as a goal, by group.
    """
    canvas = WIDE
    axis = Axis([0.0, *(y for one in series for _, y in one.points), *marks.values()], canvas.bottom, TOP)
    room = (canvas.right - LEFT) / len(groups)
    bar = min(26.0, room * 0.8 / len(series))
    parts = [_grid(canvas, axis, unit)]
    for number, group in enumerate(groups):
        middle = LEFT + room * (number + 0.5)
        parts.append(f'<text class="tick" x="{middle:.1f}" y="{canvas.bottom + 18}" text-anchor="middle">{escape(group)}</text>')
        for place, one in enumerate(series):
            y, left = one.points[number][1], middle + bar * (place - len(series) / 2)
            top, bottom = sorted((axis.px(y), axis.px(0)))
            tip = f"{one.name}, {group}: {y:+.2f} {unit}"
            box = f'x="{left + 1:.1f}" y="{top}" width="{bar - 2:.1f}" height="{max(0.5, bottom - top):.1f}"'
            parts.append(f'<rect class="c{one.colour}" {box} rx="2"><title>{escape(tip)}</title></rect>')
        if group in marks:
            half = max(bar * len(series) / 2 + 4, 12)
            y = axis.px(marks[group])
            parts.append(
                f'<path class="goal" d="M{middle - half:.1f} {y}H{middle + half:.1f}"><title>goal {marks[group]:+.1f}</title></path>'
            )
    return _figure(canvas, parts)


def lines(series: Sequence[Series], x_label: str, y_label: str, *, dashed: Sequence[str] = (), least_y: float | None = None) -> str:
    """Returns a line for each series; those named in `dashed` are dashed."""
    canvas = THIRD
    across = Axis([x for one in series for x, _ in one.points], LEFT, canvas.right, padding=0)
    up = Axis([*([] if least_y is None else [least_y]), *(y for one in series for _, y in one.points)], canvas.bottom, TOP)
    parts = [_grid(canvas, up, y_label), _x_axis(canvas, across, x_label)]
    for one in series:
        path = "M" + "L".join(f"{across.px(x)} {up.px(y)}" for x, y in one.points)
        style = ' stroke-dasharray="6 4"' if one.name in dashed else ""
        parts.append(f'<path class="line c{one.colour}" d="{path}"{style}><title>{escape(one.name)}</title></path>')
    return _figure(canvas, parts)


def sorted_gains(series: Sequence[Series], labels: Mapping[str, Sequence[str]], harm: float) -> str:
    """Returns each series as a row of dots in rising order, with a line at zero and one at `harm`; the lowest dot of each is ringed.

    Args:
        series: y are gains in dB, rising; x is the share of pictures, 0 to 1.
        labels: what each dot is, by series.
        harm: gains below are harm.
    """
    canvas = HALF
    up = Axis([0.0, harm, *(y for one in series for _, y in one.points)], canvas.bottom, TOP)
    across = Axis([0.0, 100.0], LEFT, canvas.right, padding=0.02)
    parts = [_grid(canvas, up, "gain in dB"), _x_axis(canvas, across, "pictures and conditions, in %, from the worst to the best")]
    parts.append(f'<path class="goal" d="M{LEFT} {up.px(harm)}H{canvas.right}"><title>harm begins here</title></path>')
    for one in series:
        for place, (x, y) in enumerate(one.points):
            tip = escape(f"{one.name}: {labels[one.name][place]} {y:+.2f} dB")
            ring = f'<circle class="ring" cx="{across.px(100 * x)}" cy="{up.px(y)}" r="7"/>' if place == 0 else ""
            parts.append(
                f'{ring}<circle class="c{one.colour}" cx="{across.px(100 * x)}" cy="{up.px(y)}" r="3"><title>{tip}</title></circle>'
            )
    return _figure(canvas, parts)


def scatter(series: Sequence[Series], x_label: str, y_label: str) -> str:
    """Returns labelled points over a logarithmic x; the points of one series are joined."""
    canvas = HALF
    across = Axis([x for one in series for x, _ in one.points], LEFT, canvas.right, logarithmic=True, padding=0.25)
    up = Axis([0.0, *(y for one in series for _, y in one.points)], canvas.bottom, TOP, padding=0.1)
    parts = [_grid(canvas, up, y_label), _x_axis(canvas, across, x_label)]
    for one in series:
        for x, y in one.points:
            at_x, at_y = across.px(x), up.px(y)
            end = at_x > (LEFT + canvas.width) * 0.7
            parts.append(
                f'<circle class="c{one.colour}" cx="{at_x}" cy="{at_y}" r="6"/>'
                f'<text class="name" x="{at_x + (-11 if end else 11)}" y="{at_y + 4}" text-anchor="{"end" if end else "start"}">'
                f"{escape(one.name)}</text>"
            )
    return _figure(canvas, parts)


def _grid(canvas: Canvas, axis: Axis, label: str) -> str:
    """The y axis: a line and a number at each tick, zero stronger."""
    rules = [
        f'<path class="{"zero" if abs(value) < 1e-9 else "grid"}" d="M{LEFT} {axis.px(value)}H{canvas.right}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{axis.px(value) + 4}" text-anchor="end">{value:g}</text>'
        for value in map(_clean, axis.ticks())
    ]
    middle = (TOP + canvas.bottom) / 2
    title = f'<text class="tick" transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{escape(label)}</text>'
    return "".join(rules) + title


def _x_axis(canvas: Canvas, axis: Axis, label: str) -> str:
    ticks = [
        f'<text class="tick" x="{axis.px(value)}" y="{canvas.bottom + 17}" text-anchor="middle">{value:g}</text>'
        for value in map(_clean, axis.ticks())
    ]
    middle = (LEFT + canvas.right) / 2
    return "".join(ticks) + f'<text class="tick" x="{middle}" y="{canvas.height - 8}" text-anchor="middle">{escape(label)}</text>'


def _clean(value: float) -> float:
    return float(f"{value:.6g}")


def _figure(canvas: Canvas, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {canvas.width} {canvas.height}" role="img">{"".join(parts)}</svg>'
