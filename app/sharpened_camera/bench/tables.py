"""The bench's findings as tables for people."""

from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from sharpened_camera.bench.results import Findings, MachineRow, MemoryRow, NetworkRow, PipelineRow, RoofRow, StageRow


def print_findings(findings: Findings, console: Console) -> None:
    """Prints the machine and one table for each section that has rows."""
    console.print(describe(findings.machine), markup=False)
    if findings.machine.busy:
        console.print(f"This machine computes something else too (load {findings.machine.load}): times are too long.", style="yellow")
    draw: dict[str, Callable[[Findings], Table]] = {
        "roof": _roofs,
        "network": _networks,
        "published": _published,
        "stages": _stages,
        "pipeline": _sessions,
        "memory": _memory,
    }
    for section, table in draw.items():
        if findings.rows.get(section):
            drawn = table(findings)
            title, drawn.title = str(drawn.title), None  # as a table's own it would be folded to the table's width
            console.print(f"\n{title}", style="bold", markup=False)
            console.print(drawn)
    for section, problem in findings.problems.items():
        console.print(f"{section}: {problem}", markup=False)
    if not findings.complete:
        console.print("\ninterrupted: this is what was measured until then")


def describe(machine: MachineRow) -> str:
    """One or two lines about where it was measured."""
    features = ", ".join(machine.features) or "features unknown"
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return f"{machine.processor} ({features}), {machine.cores} cores, {machine.threads} threads for a network, {machine.system}\n{versions}"


def _table(title: str, left: list[str], right: list[str]) -> Table:
    table = Table(title=title, box=None, pad_edge=False)
    for name in left:
        table.add_column(name, overflow="fold", min_width=10)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _roofs(findings: Findings) -> Table:
    table = _table("roof: the fastest stack of plain 3x3 convolutions", ["precision", "shape"], ["GFLOPS"])
    for row in findings.of(RoofRow):
        table.add_row(row.precision, row.shape, f"{row.gflops:.0f}")
    return table


def _networks(findings: Findings) -> Table:
    rows: list[NetworkRow] = findings.of(NetworkRow, "network")
    sizes = list(dict.fromkeys(row.size for row in rows))
    title = "network: ms for a frame, median (95th percentile), frames per second, share of the roof"
    table = _table(title, ["model", "engine", "precision"], sizes)
    for way in dict.fromkeys((row.model, row.engine, row.precision) for row in rows):
        found = {row.size: row for row in rows if (row.model, row.engine, row.precision) == way}
        table.add_row(*way, *(_network_cell(found[size], findings.roofs) if size in found else "" for size in sizes))
    return table


def _network_cell(row: NetworkRow, roofs: list[RoofRow]) -> str:
    if not row.runs:
        return row.note
    roof_ms = row.roof_ms(roofs)
    share = f"{roof_ms / row.median_ms:4.0%}" if roof_ms else ""
    return f"{row.median_ms:.1f} ({row.p95_ms:.1f}) {row.fps:5.3g} fps {share}"


def _published(findings: Findings) -> Table:
    rows: list[NetworkRow] = findings.of(NetworkRow, "published")
    title = "published student: NAFNet, width 16, 2.70 M parameters, 47.5 kMAC/px, whole frame, float32, random weights"
    table = _table(title, ["engine"], list(dict.fromkeys(row.size for row in rows)))
    for row in rows:
        table.add_row(row.engine, _network_cell(row, findings.roofs))
    return table


def _stages(findings: Findings) -> Table:
    rows: list[StageRow] = findings.of(StageRow)
    table = _table(f"stages of a frame of {rows[0].size}, each alone", ["stage"], ["ms (p95)"])
    for row in rows:
        table.add_row(row.stage, f"{row.median_ms:.2f} ({row.p95_ms:.2f})")
    return table


def _sessions(findings: Findings) -> Table:
    columns = ["fps", "latency ms p50/p95/p99", "sent", "sharpened", "dropped", "CPU %", "CPU s/min", "MiB"]
    table = _table(
        "sessions: from decoded clip to sent frame; CPU: 100 % is one core, seconds per minute of call",
        ["scene", "size", "pace", "with"],
        columns,
    )
    for row in findings.of(PipelineRow):
        table.add_row(
            row.scene,
            row.size,
            ("30 fps" if row.paced else "every frame") + (", one core" if row.one_core else ""),
            f"{row.model} {row.engine} {row.precision}",
            f"{row.fps:.1f}",
            f"{row.p50_ms:.1f}/{row.p95_ms:.1f}/{row.p99_ms:.1f}",
            str(row.sent),
            str(row.sharpened),
            str(row.dropped),
            f"{row.cpu_percent:.0f}",
            f"{row.cpu_s_per_minute:.1f}" if row.paced else "",
            f"{row.peak_rss_mb:.0f}",
        )
        if len(row.treated_s) > 1:
            table.add_row(*[""] * 3, ", ".join(f"{lasted_s:.1f} s {rung}" for rung, lasted_s in row.treated_s.items()), style="dim")
    return table


def _memory(findings: Findings) -> Table:
    rows: list[MemoryRow] = findings.of(MemoryRow)
    marks = [f"MiB at {mark} %" for mark in rows[0].rss_mb]
    table = _table(f"memory of a session of {rows[0].frames:,} frames at {rows[0].size}", ["engine"], [*marks, "growth"])
    for row in rows:
        table.add_row(row.engine, *(f"{value:.1f}" for value in row.rss_mb.values()), f"{row.growth_mb:+.1f}")
    return table
