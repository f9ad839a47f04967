"""The bench from top to bottom: its sections, one after the other, until they are through or Ctrl-C."""

from collections.abc import Callable, Iterator, Sequence

from sharpen_core.errors import SharpenError
from sharpened_camera.bench.machine import describe_machine
from sharpened_camera.bench.networks import measure_networks, measure_published
from sharpened_camera.bench.options import BenchOptions, Progress
from sharpened_camera.bench.results import Findings, Row
from sharpened_camera.bench.roof import measure_roof
from sharpened_camera.bench.section import Section
from sharpened_camera.bench.sessions import measure_memory, measure_sessions
from sharpened_camera.bench.stages import measure_stages

Measurement = Callable[[BenchOptions, Progress], Iterator[Row]]

MEASUREMENTS: dict[Section, Measurement] = {
    Section.ROOF: measure_roof,
    Section.NETWORK: measure_networks,
    Section.PUBLISHED: measure_published,
    Section.STAGES: measure_stages,
    Section.PIPELINE: measure_sessions,
    Section.MEMORY: measure_memory,
}
LONG = (Section.MEMORY,)
"""What --quick leaves out unless it is asked for by name."""


def choose_sections(only: Sequence[Section], *, quick: bool) -> list[Section]:
    """Returns the sections to measure, in their order: those in `only`, by default all, without the long ones if it is to be quick."""
    return [section for section in Section if (section in only if only else not (quick and section in LONG))]


def measure(options: BenchOptions, sections: Sequence[Section], progress: Progress, findings: Findings | None = None) -> Findings:
    """Measures sections into `findings`, row by row: after Ctrl-C they hold what was measured until then.

    A section that cannot be measured here says why, and the next one follows.

    Raises:
        SharpenError: nothing at all could be measured.
    """
    findings = findings or Findings(describe_machine(options.threads))
    first: SharpenError | None = None
    for name in sections:
        rows = findings.rows.setdefault(name, [])
        try:
            for row in MEASUREMENTS[name](options, progress):
                rows.append(row)  # each at once: Ctrl-C must not lose it
        except SharpenError as error:
            first = first or error
            findings.problems[name] = str(error)
    if first and not any(findings.rows.values()):
        raise first
    findings.complete = True
    return findings
