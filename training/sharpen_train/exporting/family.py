"""The graphs of a model: one for a network, or one for each of its specialists."""

import gzip
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sharpen_core.frame import Size
from sharpen_core.gauge import Floats, Gauge
from sharpen_core.model_store import GRAPHS, Quantisation, graph_name
from sharpen_core.specialists import in_charge
from sharpen_train.architectures import Network
from sharpen_train.architectures.base import HalfSizeNetwork
from sharpen_train.architectures.specialists import Specialists
from sharpen_train.degradations import Picture
from sharpen_train.exporting.calibration import Examples
from sharpen_train.exporting.graph import ByteContract, graph_form, halve_file, halved, write_graphs
from sharpen_train.exporting.quantise import combined, quantise


@dataclass(frozen=True)
class Family:
    """What becomes graphs, in the form that runs.

    Attributes:
        members: the network, or its specialists, the one for the softest pictures first.
        bounds: mean MTF up to which each member but the last is in charge.
        gauge: what reads that; None for networks that are not told.
        gauge_arrays: its weights.
    """

    members: Sequence[Network]
    bounds: tuple[float, ...]
    gauge: Gauge | None
    gauge_arrays: Mapping[str, Floats]

    def choose(self, picture: Picture) -> int:
        """Returns the number of the member in charge of a picture, (H, W, 3) uint8."""
        return in_charge(self.bounds, self.gauge.read_whole(picture)) if self.gauge and self.bounds else 0


def family_of(deployed: Network) -> Family:
    """Returns what becomes graphs of a network in the form that runs."""
    members, bounds = (deployed.networks, deployed.bounds) if isinstance(deployed, Specialists) else ([deployed], ())
    arrays = deployed.gauge.arrays() if isinstance(deployed, HalfSizeNetwork | Specialists) and deployed.guided else {}
    return Family(members, bounds, Gauge(arrays) if arrays else None, arrays)


def restored(family: Family, pictures: Sequence[Picture], *, half: bool, number: int) -> list[Picture]:
    """Returns what a member makes of pictures, (H, W, 3) uint8, in charge or not; `half`: with weights of half precision."""
    contract = ByteContract(family.members[number], family.gauge).eval()
    if half:
        halved(contract)
    return [contract.restore(picture) for picture in pictures]


def write_family(
    family: Family, folder: Path, size: Size, examples: Examples | None, limit_db: float, *, f16: bool, compact: bool
) -> Quantisation | None:
    """Writes the graphs of all members into a folder, and returns what 8 bits cost, if there are any.

    Args:
        family: what to write.
        folder: where.
        size: of the example that is traced.
        examples: what 8 bits are calibrated on; each member sees what it is in charge of.
        limit_db: how far 8 bits may take a member's mean PSNR below float32.
        f16: write OpenVINO's graphs with weights of half the size too.
        compact: take as little room as possible.

    Raises:
        ExportError: a member cannot be written, or 8 bits cost too much.
    """
    costs: list[Quantisation] = []
    for number, member in enumerate(family.members):
        part = folder / f"member-{number}"
        part.mkdir()
        form = graph_form(member)
        write_graphs(halved(form) if compact else form, size, part, f16=f16, told=family.gauge is not None)
        if examples:
            own = examples.only(lambda picture, number=number: family.choose(picture) == number)
            costs.append(quantise(part, own, limit_db, family.gauge))
        if compact:
            _compact(part)
        for path in part.iterdir():
            stem, _, suffix = path.name.partition(".")
            shutil.move(path, folder / graph_name(stem, f".{suffix}", number, len(family.members)))
        part.rmdir()
    return combined(costs) if costs else None


def _compact(folder: Path) -> None:
    """Leaves out what can be done without and packs the rest."""
    halve_file(folder / "model.onnx")
    for suffix in (".xml", ".bin"):
        (folder / f"{GRAPHS['f32']}{suffix}").unlink()
    for graph in list(folder.glob("*.xml")):
        graph.with_name(f"{graph.name}.gz").write_bytes(gzip.compress(graph.read_bytes(), mtime=0))
        graph.unlink()
