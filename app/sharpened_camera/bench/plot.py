"""The networks as a bar chart: a static SVG for a README, on a card of its own that is readable in light and dark."""

from html import escape
from itertools import groupby

from sharpened_camera.bench.results import FPS_MARKS, PUBLISHED, UNSHARP, Findings, NetworkRow, RoofRow
from sharpened_camera.bench.tables import describe

WIDTH, LEFT, RIGHT, TOP = 860, 190, 150, 78
BAR_PX, ROW_PX, GAP_PX, FOOT_PX = 16, 23, 30, 62
LONGEST_MS = 120.0
"""Bars end here at the latest, broken and with their figure: otherwise one slow network would make all others unreadable."""
_LEAST_MS = 50.0
_APART_PX = 52

_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #24292f }
.card { fill: #ffffff; stroke: #d0d7de }
.title { font-size: 15px; font-weight: 600 }
.group { font-weight: 600 }
.quiet { font-size: 11px; fill: #59636e }
.mark { stroke: #9aa4ae; stroke-width: 1; stroke-dasharray: 3 3 }
.base { stroke: #9aa4ae; stroke-width: 1 }
.roof { stroke: #24292f; stroke-width: 2.5 }
.break { stroke: #ffffff; stroke-width: 3 }
.behind { fill: #ffffff }
.f32 { fill: #2d6cdf } .bf16 { fill: #1d9a6c } .int8 { fill: #d9602b } .f16 { fill: #9250c4 } .other { fill: #8b9099 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.card { fill: #161b22; stroke: #30363d }
.quiet { fill: #9aa4ae }
.mark, .base { stroke: #565e68 }
.roof { stroke: #e6edf3 }
.break { stroke: #161b22 }
.behind { fill: #161b22 }
.f32 { fill: #5b93f5 } .bf16 { fill: #3fb58a } .int8 { fill: #ee8052 } .f16 { fill: #b07fe6 } .other { fill: #7d848e }
}
"""


def draw_plot(findings: Findings, size: str) -> str:
    """Returns the chart as SVG: a bar for each model, engine and precision, a tick at its roof, lines at usual frame rates.

    Args:
        findings: networks, and roofs and the published student if they were measured.
        size: of the frames that are shown, such as "1280x720".
    """
    rows = [row for row in findings.of(NetworkRow) if row.runs and (row.size == size or row.model == PUBLISHED)]
    rows.sort(key=lambda row: row.model in (UNSHARP, PUBLISHED))  # what others do comes last, the rest stays in its order
    groups = [(name, list(members)) for name, members in groupby(rows, lambda row: row.model)]
    scale = _Scale(rows)
    parts: list[str] = []
    y = TOP
    for name, members in groups:
        parts.append(f'<text class="group" x="24" y="{y + 13}">{escape(name)}</text>')
        y += 20
        for row in members:
            parts.append(_bar(row, y, scale, findings.roofs))
            y += ROW_PX
        y += GAP_PX - ROW_PX + 4
    head = [_head(findings, size), _marks(scale, y)]
    return _document(y + FOOT_PX, [*head, *parts, _foot(findings, y)])


class _Scale:
    """Milliseconds to pixels, from zero."""

    def __init__(self, rows: list[NetworkRow]) -> None:
        longest_ms = max((row.median_ms for row in rows if row.model != PUBLISHED), default=0.0)
        self.most_ms = min(max(1.05 * longest_ms, _LEAST_MS), LONGEST_MS)

    def px(self, ms: float) -> float:
        """Where a time lies."""
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(ms, self.most_ms) / self.most_ms, 1)


def _bar(row: NetworkRow, y: int, scale: _Scale, roofs: list[RoofRow]) -> str:
    colour = row.precision if row.precision in ("f32", "bf16", "int8", "f16") and row.model != PUBLISHED else "other"
    end = scale.px(row.median_ms)
    name = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}.get(row.engine, "OpenCV")
    value = f"{row.median_ms:,.1f} ms, {row.fps:.0f} fps" if row.fps >= 10 else f"{row.median_ms:,.0f} ms, {row.fps:.2g} fps"
    parts = [
        f'<text x="{LEFT - 10}" y="{y + 12}" text-anchor="end">{name} {row.precision}</text>',
        f'<rect class="{colour}" x="{LEFT}" y="{y}" width="{max(1.0, end - LEFT):.1f}" height="{BAR_PX}" rx="2"/>',
        f'<rect class="behind" x="{end + 4}" y="{y}" width="{8 + 6.4 * len(value):.0f}" height="{BAR_PX}"/>',  # the lines stay off the text
        f'<text x="{end + 8}" y="{y + 12}">{value}</text>',
    ]
    if row.median_ms > scale.most_ms:
        parts.append(f'<path class="break" d="M{end - 26} {y + BAR_PX + 2}l8 -{BAR_PX + 4}m6 {BAR_PX + 4}l8 -{BAR_PX + 4}"/>')
    roof_ms = row.roof_ms(roofs)
    if roof_ms and roof_ms <= scale.most_ms:
        parts.append(f'<path class="roof" d="M{scale.px(roof_ms)} {y - 2}v{BAR_PX + 4}"/>')
    return "".join(parts)


def _head(findings: Findings, size: str) -> str:
    machine = findings.machine
    where = f"{machine.processor}, {machine.threads} threads of {machine.cores} cores, {', '.join(machine.features)}"
    busy = ", busy with other work: times are too long" if machine.busy else ""
    return (
        f'<text class="title" x="24" y="32">Milliseconds for a frame of {escape(size)}: shorter is better</text>'
        f'<text class="quiet" x="24" y="50">{escape(where + busy)}</text>'
    )


def _marks(scale: _Scale, bottom: int) -> str:
    """Lines at usual frame rates, the most usual first: a label without room is left out, and its line with it."""
    parts = [f'<path class="base" d="M{LEFT} {TOP - 6}V{bottom}"/>']
    taken: list[float] = []
    for fps in sorted(FPS_MARKS, key=lambda fps: abs(fps - 30)):
        at = scale.px(1000 / fps)
        if 1000 / fps <= scale.most_ms and all(abs(at - other) > _APART_PX for other in taken):
            taken.append(at)
            parts.append(f'<path class="mark" d="M{at} {TOP - 6}V{bottom}"/>')
            parts.append(f'<text class="quiet" x="{at}" y="{TOP - 10}" text-anchor="middle">{fps} fps</text>')
    return "".join(parts)


def _foot(findings: Findings, y: int) -> str:
    """What the ticks mean, and what computed."""
    versions = describe(findings.machine).splitlines()[-1]
    lines = [f'<text class="quiet" x="24" y="{y + 44}">{escape(versions)}</text>']
    if findings.roofs:
        peaks = ", ".join(f"{roof.precision} {roof.gflops:,.0f} GFLOPS" for roof in findings.roofs)
        text = f"the roof: as many operations in plain 3x3 convolutions, at their best here ({peaks})"
        lines.append(f'<path class="roof" d="M28 {y + 14}v14"/><text class="quiet" x="38" y="{y + 25}">{escape(text)}</text>')
    return "".join(lines)


def _document(height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">\n'
        f"<title>Milliseconds per frame by model, engine and precision</title>\n<style>{_STYLE}</style>\n"
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
