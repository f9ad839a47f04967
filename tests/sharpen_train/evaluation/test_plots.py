import re
import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_train.evaluation import plots
from sharpen_train.evaluation.plots import Axis, Series

gains = st.floats(-5, 8).map(lambda value: round(value, 3))


def parse(svg):
    """Every plot must be well formed, and nothing in it may lie outside it."""
    root = ET.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for key, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            if key in element.attrib:
                assert 0 <= float(element.attrib[key]) <= most
    assert "nan" not in svg
    return root


def shapes(root, tag):
    return [element for element in root.iter() if element.tag == tag]


@given(st.lists(gains, min_size=1, max_size=7), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_bars_reach_from_zero_to_their_value(values, count):
    groups = [f"g{number}" for number in range(len(values))]
    series = [Series(f"m{number}", number, [(0.0, value) for value in values]) for number in range(count)]
    root = parse(plots.bars(groups, series, "dB", {"g0": 4.0}))
    bars = shapes(root, "rect")
    assert len(bars) == count * len(values)
    zero = Axis([0.0, 4.0, *values], plots.WIDE.bottom, plots.TOP).px(0)
    for bar, value in zip(bars, [value for value in values for _ in range(count)], strict=True):
        top, height = float(bar.attrib["y"]), float(bar.attrib["height"])
        assert abs((top + height if value >= 0 else top) - zero) <= 0.6
    assert len([path for path in shapes(root, "path") if path.attrib["class"] == "goal"]) == 1


@given(st.lists(gains, min_size=1, max_size=60))
@settings(max_examples=30, deadline=None)
def test_sorted_gains_ring_the_worst(values):
    values = sorted(values)
    points = [(number / max(1, len(values) - 1), value) for number, value in enumerate(values)]
    labels = [f"p{number}, low" for number in range(len(values))]
    root = parse(plots.sorted_gains([Series("m", 1, points)], {"m": labels}, -0.1))
    rings = [circle for circle in shapes(root, "circle") if circle.attrib["class"] == "ring"]
    dots = [circle for circle in shapes(root, "circle") if circle.attrib["class"] == "c1"]
    assert (len(rings), len(dots)) == (1, len(values))
    assert (rings[0].attrib["cx"], rings[0].attrib["cy"]) == (dots[0].attrib["cx"], dots[0].attrib["cy"])
    heights = [float(dot.attrib["cy"]) for dot in dots]
    assert heights == sorted(heights, reverse=True)


def test_names_cannot_break_out_of_a_plot():
    svg = plots.scatter([Series('<b>"&', 1, [(5.7, 1.0)]), Series("big", 2, [(2400.0, 3.0)])], "kMAC", "dB")
    assert [text.text for text in shapes(parse(svg), "text") if text.attrib["class"] == "name"] == ['<b>"&', "big"]


def test_lines_and_their_dashes():
    series = [Series(name, number, [(0.0, 1.0), (0.25, 0.5 + number), (0.5, 0.0)]) for number, name in enumerate(("input", "m"))]
    root = parse(plots.lines(series, "x", "y", dashed=("input",), least_y=0.0))
    paths = [path for path in shapes(root, "path") if path.attrib["class"].startswith("line")]
    assert ["stroke-dasharray" in path.attrib for path in paths] == [True, False]
    assert len(re.findall(r"[ML]", paths[0].attrib["d"])) == 3


@given(st.floats(0.01, 1e4), st.floats(1.0, 100.0), st.booleans())
def test_an_axis_has_ticks_inside_and_rises(low, factor, logarithmic):
    axis = Axis([low, low * factor], 0, 500, logarithmic=logarithmic)
    ticks = axis.ticks()
    places = [axis.px(tick) for tick in ticks]
    assert places == sorted(places)
    assert all(0 <= place <= 500 for place in places)
    assert axis.px(low) <= axis.px(low * factor)
