"""Writes the study of students: docs/students.md's table and plot, from what `sharpen-train evaluate --json` printed.

    python tests/bench/students.py EVALUATION.json [RUNS]

Models are named by their architecture, as they are when runs in folders of those names are exported. RUNS holds those folders, for the
steps that each took. What stands around the table stays.
"""

import json
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sharpen_train.evaluation import plots
from sharpen_train.evaluation.plots import Series

PAGE = Path(__file__).parents[2] / "docs" / "students.md"
PLOT = PAGE.parent / "images" / "students.svg"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
LEVELS = ("heavy", "heavy+jpeg", "medium", "medium+jpeg", "low", "low+jpeg")
LEAST_SHOWN_DB = -1.0  # what harms more than that would press all others together
WAYS = ("openvino/f32", "openvino/bf16", "onnxruntime/f32")


@dataclass(frozen=True)
class Student:
    """One line of the table.

    Attributes:
        name: of its architecture.
        kmac_per_px, parameters: what it is.
        steps: how many its training took; 0 if that is not known.
        ms: medians for 720p by way; None where it was not timed.
        gains_db: mean gains over the input by level.
        worst_db: the worst gain of any picture.
        sharp_db: mean PSNR of sharp pictures that were given to it.
    """

    name: str
    kmac_per_px: float
    parameters: int
    steps: int
    ms: dict[str, float | None]
    gains_db: dict[str, float]
    worst_db: float
    sharp_db: float

    @property
    def gain_db(self) -> float:
        """The mean over the levels."""
        return sum(self.gains_db.values()) / len(self.gains_db)


def read_student(model: dict[str, Any], runs: Path | None) -> Student:
    """Takes a model of an evaluation apart."""
    timings, summary = model["timings"], model["summary"]
    return Student(
        model["name"],
        model["kmac_per_px"],
        model["parameters"],
        _steps(runs / model["name"] / "metrics.csv") if runs else 0,
        {way: timings[way]["p50_ms"] if way in timings else None for way in WAYS},
        {level: summary[level]["gain_db"] for level in LEVELS},
        model["worst_gain_db"],
        summary["identity"]["psnr_db"],
    )


def _steps(metrics: Path) -> int:
    """The last step that a run wrote down."""
    lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.exists() else []
    return int(lines[-1].split(",")[0]) if len(lines) > 1 else 0


def table(students: list[Student]) -> str:
    """Returns the table as Markdown, cheapest first."""
    head = [
        "architecture",
        "kMAC/px",
        "weights",
        "steps",
        *(way.replace("openvino/", "") for way in WAYS),
        *LEVELS,
        "mean",
        "worst",
        "sharp",
    ]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for one in sorted(students, key=lambda student: student.kmac_per_px):
        times = ["" if ms is None else f"{ms:.0f}" for ms in one.ms.values()]
        gains = [f"{gain:+.2f}" for gain in (*one.gains_db.values(), one.gain_db, one.worst_db)]
        steps = f"{one.steps:,}" if one.steps else ""
        cells = [f"`{one.name}`", f"{one.kmac_per_px:.1f}", f"{one.parameters:,}", steps, *times, *gains, f"{one.sharp_db:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(students: list[Student]) -> str:
    """Returns gain over time as SVG: up and to the left is better."""
    style = files("sharpen_train.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    series = [
        Series(one.name.removeprefix("published-"), 0 if one.name.startswith("published") else 1, [(time_ms, one.gain_db)])
        for one in students
        if (time_ms := one.ms["openvino/f32"]) and one.gain_db > LEAST_SHOWN_DB
    ]
    figure = plots.scatter(series, "ms for 720p, OpenVINO float32", "mean gain in dB")
    return figure.replace(
        'role="img">', f'role="img" width="1080" height="640" xmlns="http://www.w3.org/2000/svg"><style>{style}</style>', 1
    )


def main() -> None:
    """Reads, and writes both files."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    evaluation = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    students = [read_student(model, Path(sys.argv[2]) if sys.argv[2:] else None) for model in evaluation["models"]]
    measured = f"{BEGIN}\n{evaluation['pictures']} pictures; {evaluation['machine']}.\n\n{table(students)}\n{END}"
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: measured, page, flags=re.DOTALL), encoding="utf-8")
    PLOT.write_text(plot(students), encoding="utf-8")
    print(f"wrote {PAGE} and {PLOT}")


if __name__ == "__main__":
    main()
