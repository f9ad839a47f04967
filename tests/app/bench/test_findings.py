"""What is made of the figures: JSON, tables, the chart."""

import io
import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QByteArray
from PySide6.QtSvg import QSvgRenderer
from rich.console import Console

from sharpened_camera.bench.plot import LONGEST_MS, draw_plot
from sharpened_camera.bench.results import (
    PUBLISHED,
    UNSHARP,
    Findings,
    MachineRow,
    MemoryRow,
    NetworkRow,
    PipelineRow,
    RoofRow,
    StageRow,
)
from sharpened_camera.bench.tables import print_findings

MACHINE = MachineRow("A <quick> CPU & more", 8, 4, ("avx2", "bf16"), "Linux 6", {"python": "3.11"}, 0.1)


def network(model: str, median_ms: float, **more) -> NetworkRow:
    fps = round(1000 / median_ms, 1)
    return NetworkRow(model, "openvino", "f32", "1280x720", 1, 5.0, median_ms, median_ms * 1.1, fps, 30, **more)


@pytest.fixture
def findings() -> Findings:
    return Findings(
        MACHINE,
        {
            "roof": [RoofRow("f32", 500.0, "8 layers")],
            "network": [
                network("fast", 20.0),
                NetworkRow("fast", "openvino", "bf16", "1280x720", note="this CPU does not compute in bf16"),
                NetworkRow(UNSHARP, "", "", "1280x720", 1, 0.0, 1.4, 1.5, 714.3, 30),
            ],
            "published": [network(PUBLISHED, 1234.5)],
            "stages": [StageRow("decode", "1280x720", 1.0, 2.0, 9)],
            "pipeline": [
                PipelineRow("still", "1280x720", True, "fast", "openvino", "bf16", 30, 1, 2, 3, 5, 600, 600, 0, 42, 25.2, 200, {"fast": 20})
            ],
            "memory": [MemoryRow("identity", "160x120", 100_000, {10: 100.0, 50: 100.5, 100: 101.25}, 1.2)],
        },
    )


def printed(findings: Findings) -> str:
    out = io.StringIO()
    print_findings(findings, Console(file=out, width=140, highlight=False))
    return out.getvalue()


def test_the_time_at_the_roof_is_that_of_the_operations_alone() -> None:
    # 5 kMAC for each of 921,600 pixels, two operations each, at 500 GFLOPS
    assert network("fast", 20).roof_ms([RoofRow("f32", 500.0, "")]) == pytest.approx(18.432)
    assert network("fast", 20).roof_ms([RoofRow("bf16", 500.0, "")]) is None
    assert NetworkRow("m", "openvino", "f16", "1280x720", kmac_per_px=5).roof_ms([RoofRow("f32", 500.0, "")]) == pytest.approx(18.432)


def test_tables_and_json_have_all_figures(findings: Findings) -> None:
    text = printed(findings)
    for figure in ("500", "20.0 (22.0)", "50 fps", "92%", "this CPU does not compute in bf16", "1234.5", "25.2", "101.2", "interrupted"):
        assert figure in text
    plain = json.loads(json.dumps(findings.as_dict()))
    assert plain["network"][0]["roof_ms"] == 18.43
    assert plain["complete"] is False
    assert plain["machine"]["features"] == ["avx2", "bf16"]


def test_nothing_measured_is_no_table() -> None:
    assert "roof" not in printed(Findings(MACHINE, {"roof": [], "network": []}, complete=True))


@pytest.mark.parametrize("load", [None, 0.2, 3.0])
def test_a_busy_machine_is_named(findings: Findings, load: float | None) -> None:
    busy = MachineRow("CPU", 8, 4, (), "Linux", {}, load)
    assert ("too long" in printed(Findings(busy))) == (load == 3.0)
    assert ("too long" in draw_plot(Findings(busy, findings.rows), "1280x720")) == (load == 3.0)


def test_the_chart_is_an_svg_that_can_be_drawn(findings: Findings) -> None:
    text = draw_plot(findings, "1280x720")
    ET.fromstring(text)
    assert QSvgRenderer(QByteArray(text.encode())).isValid()
    for words in ("20.0 ms, 50 fps", "1,234 ms, 0.8 fps", "30 fps", "A &lt;quick&gt; CPU &amp; more", "500 GFLOPS"):
        assert words in text
    assert "does not compute" not in text


@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=5))
def test_no_bar_leaves_the_chart_and_longer_is_slower(times_ms: list[float]) -> None:
    text = draw_plot(Findings(MACHINE, {"network": [network(f"m{n}", ms) for n, ms in enumerate(times_ms)]}), "1280x720")
    bars = [element for element in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}rect") if element.get("class") == "f32"]
    widths = [float(bar.get("width") or 0) for bar in bars]
    assert len(widths) == len(times_ms)
    assert all(width <= 860 - 190 - 150 for width in widths)
    for one, other in zip(sorted(times_ms), sorted(widths), strict=True):
        assert other > 0
        assert one <= LONGEST_MS or other == max(widths)
