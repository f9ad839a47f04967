"""What the bench finds out, in plain values: the same for the table, the JSON object and the plot."""

from dataclasses import asdict, dataclass, field
from typing import Any

from sharpen_core.engines.base import Precision

FPS_MARKS = (24, 30, 60)
UNSHARP, PUBLISHED = "OpenCV unsharp mask", "published NAFNet-16"


@dataclass(frozen=True, slots=True)
class MachineRow:
    """Where it was measured.

    Attributes:
        processor: its name.
        cores: how many this process may use.
        threads: how many a network gets.
        features: of the processor, as far as they matter.
        system: operating system and release.
        versions: of Python and the libraries that compute.
        load: how many other processes wanted to compute when the measuring began; None where that cannot be known.
    """

    processor: str
    cores: int
    threads: int
    features: tuple[str, ...]
    system: str
    versions: dict[str, str]
    load: float | None

    @property
    def busy(self) -> bool:
        """Whether others compute meanwhile, so that times are too long."""
        return self.load is not None and self.load > 0.5


@dataclass(frozen=True, slots=True)
class RoofRow:
    """The most that plain 3x3 convolutions reach.

    Attributes:
        precision: what is computed in.
        gflops: billion operations per second; a multiply-accumulate is two.
        shape: the stack that reached it.
    """

    precision: Precision
    gflops: float
    shape: str


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One way to sharpen a frame.

    Attributes:
        model: its name.
        engine, precision: what runs it; empty for what is no network.
        size: such as "1280x720".
        tiles: in how many pieces the frame is computed.
        kmac_per_px: thousand multiply-accumulates per pixel.
        median_ms, p95_ms: for one frame.
        fps: frames per second at the median.
        runs: how many frames were timed.
        note: why there are no figures; empty when there are.
    """

    model: str
    engine: str
    precision: Precision | str
    size: str
    tiles: int = 1
    kmac_per_px: float = 0.0
    median_ms: float = 0.0
    p95_ms: float = 0.0
    fps: float = 0.0
    runs: int = 0
    note: str = ""

    def roof_ms(self, roofs: list[RoofRow]) -> float | None:
        """What the multiply-accumulates of one frame alone would take at the roof of its precision; None where that is not known."""
        arithmetic = "f32" if self.precision == "f16" else self.precision
        gflops = next((roof.gflops for roof in roofs if roof.precision == arithmetic), None)
        width, _, height = self.size.partition("x")
        return None if not gflops or not self.kmac_per_px else 2e-3 * self.kmac_per_px * int(width) * int(height) / gflops


@dataclass(frozen=True, slots=True)
class StageRow:
    """One step of a frame's way.

    Attributes:
        stage: what is done.
        size: of the frame.
        median_ms, p95_ms: for one frame.
        runs: how many frames were timed.
    """

    stage: str
    size: str
    median_ms: float
    p95_ms: float
    runs: int


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A whole session, from a decoded clip to the sent frame, as `run` reports it: medians over several runs.

    Attributes:
        scene: what the clip shows.
        size: of its frames.
        paced: at 30 frames per second as a camera; otherwise every frame as fast as possible.
        model, engine, precision: what sharpened.
        fps: frames sent per second.
        p50_ms, p95_ms, p99_ms: latency from capture to sent.
        runs: how often it was run.
        sent, sharpened, dropped: frames, in a typical run.
        cpu_percent: 100 for one whole core; of the second half of a session.
        cpu_s_per_minute: of processor time in a minute of call; of the whole run if it is not paced.
        peak_rss_mb: largest resident memory in MiB.
        treated_s: of a typical run, seconds by how frames were treated: sharpened with what, or not.
        one_core: whether the program was held to a single core.
    """

    scene: str
    size: str
    paced: bool
    model: str
    engine: str
    precision: str
    fps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    runs: int
    sent: int
    sharpened: int
    dropped: int
    cpu_percent: float
    cpu_s_per_minute: float
    peak_rss_mb: float
    treated_s: dict[str, float]
    one_core: bool = False


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """Resident memory while one long session runs.

    Attributes:
        engine: what sharpened.
        size: of the frames.
        frames: how many went through.
        rss_mb: MiB by how much of the way was gone, in percent.
        growth_mb: from the first to the last of them.
    """

    engine: str
    size: str
    frames: int
    rss_mb: dict[int, float]
    growth_mb: float


Row = RoofRow | NetworkRow | StageRow | PipelineRow | MemoryRow


@dataclass(slots=True)
class Findings:
    """All that was measured so far.

    Attributes:
        machine: where.
        rows: by section, in the order of measuring.
        problems: by section, why it has no rows or not all.
        complete: whether the measuring came to its end.
    """

    machine: MachineRow
    rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    problems: dict[str, str] = field(default_factory=dict[str, str])
    complete: bool = False

    def of(self, kind: type[Any], *sections: str) -> list[Any]:
        """The rows of one kind, of these sections or of all."""
        return [row for name, rows in self.rows.items() if not sections or name in sections for row in rows if isinstance(row, kind)]

    @property
    def roofs(self) -> list[RoofRow]:
        """The roofs, as far as they were measured."""
        return self.of(RoofRow)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: networks carry the time at their roof."""
        sections = {name: [self._plain(row) for row in rows] for name, rows in self.rows.items()}
        return {"machine": asdict(self.machine), "complete": self.complete, "problems": self.problems} | sections

    def _plain(self, row: Row) -> dict[str, Any]:
        if not isinstance(row, NetworkRow):
            return asdict(row)
        roof_ms = row.roof_ms(self.roofs)
        return asdict(row) | {"roof_ms": None if roof_ms is None else round(roof_ms, 2)}
