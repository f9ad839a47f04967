"""What a teacher makes of the patches, written beside them once, so that no student has to wait for it.

Each row is one patch in one preset, degraded by the generator of (seed, row): what is missing after a kill is made without what is there.
"""

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpen_train.architectures import Network
from sharpen_train.data import Dataset, TeacherInfo
from sharpen_train.degradations import find_preset
from sharpen_train.distil import checkpoint
from sharpen_train.distil.restore import restore_batch
from sharpen_train.distil.validation import BATCH_PX, Condition, Gain, make_conditions, measure
from sharpen_train.errors import ConfigError, DiskFullError, TeacherError
from sharpen_train.metrics import Picture

NOTE_EVERY_S = 3.0  # a kill loses no more than this


@dataclass(frozen=True)
class Outputs:
    """What is to be written.

    Attributes:
        name: of the set, `DATA/teacher/<name>`.
        presets: degradations, each for every patch.
        variants: how often each patch is degraded by each preset.
        seed: of the degradations.
    """

    name: str
    presets: tuple[str, ...]
    variants: int = 1
    seed: int = 1


def compare(network: Network, student: Network | None, conditions: Sequence[Condition]) -> dict[str, dict[str, float]]:
    """Returns by condition the PSNR in dB and SSIM of the input, of the teacher, and of a student that had none."""
    taught = measure(network, conditions)
    alone = measure(student, conditions) if student else {}
    report: dict[str, dict[str, float]] = {}
    for condition in conditions:
        after = taught[condition.name]
        report[condition.name] = {
            "input_psnr_db": after.input_psnr_db,
            "input_ssim": after.input_ssim,
            **_figures("teacher", after),
            **(_figures("student", alone[condition.name]) if alone else {}),
        }
    return {name: {key: round(value, 5) for key, value in figures.items()} for name, figures in report.items()}


def _figures(who: str, gain: Gain) -> dict[str, float]:
    return {f"{who}_psnr_db": gain.psnr_db, f"{who}_ssim": gain.ssim}


def harmful(report: dict[str, dict[str, float]], presets: Sequence[str]) -> list[str]:
    """Returns the presets in which the teacher is worse than its input on average."""
    by_preset = {name.replace("+", "-"): figures for name, figures in report.items()}
    return [name for name in presets if by_preset[name]["teacher_psnr_db"] <= by_preset[name]["input_psnr_db"]]


def weights_sha256(network: Network) -> str:
    """Returns a digest of the network's weights, whatever file they came from."""
    return hashlib.sha256(checkpoint.weights_to_bytes(network.state_dict())).hexdigest()


def begin(dataset: Dataset, outputs: Outputs, arch: str, network: Network, student: Network | None = None) -> TeacherInfo:
    """Compares the teacher with its input, makes room for its outputs, and returns what is to be known of them.

    Where the set is there already, in part or whole, its report is kept.

    Raises:
        TeacherError: a set of this name was made otherwise, or the teacher harms in every preset.
        ConfigError: a preset is unknown, or the name is none for a folder.
        DiskFullError: there is no room for all rows.
    """
    if Path(outputs.name).name != outputs.name or outputs.name in {"", ".", ".."}:
        raise ConfigError(f"'{outputs.name}' is no name for a folder", "Use letters and digits.")
    for preset in outputs.presets:
        find_preset(preset)
    folder, digest = dataset.folder / "teacher" / outputs.name, weights_sha256(network)
    found = dataset.teacher(outputs.name)
    if found is not None:
        rows = _rows(dataset, outputs, found.info.masked)
        same = (found.info.presets, found.info.seed, found.info.weights_sha256) == (list(outputs.presets), outputs.seed, digest)
        if not same or len(np.load(folder / "index.npy", mmap_mode="r")) != len(rows):
            hint = f"Choose another name with --outputs, or remove {folder}."
            raise TeacherError(f"the outputs '{outputs.name}' were made with other weights or settings", hint)
        return found.info
    report = compare(network, student, make_conditions(dataset, outputs.presets))
    masked = harmful(report, outputs.presets)
    if len(masked) == len(outputs.presets):
        raise TeacherError(
            f"the teacher is worse than its input in {', '.join(masked)}", "Train it on these degradations first: sharpen-train teacher."
        )
    info = TeacherInfo(
        name=outputs.name,
        presets=list(outputs.presets),
        seed=outputs.seed,
        arch=arch,
        weights_sha256=digest,
        done=0,
        report=report,
        masked=masked,
    )
    _make_room(dataset, folder, _rows(dataset, outputs, masked))
    _note(folder, info)
    return info


def _rows(dataset: Dataset, outputs: Outputs, masked: Sequence[str]) -> NDArray[np.int64]:
    """Returns the patch and the preset's number of every row, (R, 2): nothing is made where the teacher harms."""
    used = [number for number, preset in enumerate(outputs.presets) if preset not in masked]
    patches = dataset.info.counts["train"]
    pairs = [(patch, number) for _ in range(outputs.variants) for number in used for patch in range(patches)]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _make_room(dataset: Dataset, folder: Path, rows: NDArray[np.int64]) -> None:
    """Makes the files at their full size, so that a disk that is too small says so now."""
    folder.mkdir(parents=True, exist_ok=True)
    side = dataset.info.side_px
    for name, column in (("index.npy", 0), ("preset.npy", 1)):
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(rows[:, column]))
        checkpoint.write_bytes(folder / name, buffer.getvalue())
    try:
        for name in ("soft.npy", "teacher.npy"):
            with checkpoint.room_needed(folder / name), (folder / name).open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), side, side, 3)}
                np.lib.format.write_array_header_1_0(file, header)
                size = file.tell() + len(rows) * side * side * 3
                file.flush()
                os.posix_fallocate(file.fileno(), 0, size) if hasattr(os, "posix_fallocate") else file.truncate(size)
    except DiskFullError:
        for name in ("soft.npy", "teacher.npy", "index.npy", "preset.npy"):
            (folder / name).unlink(missing_ok=True)
        raise


def _note(folder: Path, info: TeacherInfo) -> None:
    checkpoint.write_bytes(folder / "teacher.json", (info.model_dump_json(indent=2) + "\n").encode())


def write_rows(dataset: Dataset, info: TeacherInfo, network: Network, progress: Callable[[int, int], None]) -> TeacherInfo:
    """Makes the rows that are missing and returns the finished set's facts; what is done is noted every few seconds.

    Args:
        dataset: whose training patches are degraded.
        info: what `begin` returned.
        network: the teacher, in evaluation mode, on the device that it shall use.
        progress: told (rows done, rows in all).

    Raises:
        DiskFullError: there is no room; what is done stays.
    """
    folder = dataset.folder / "teacher" / info.name
    patches, presets = np.load(folder / "index.npy"), np.load(folder / "preset.npy")
    total, side = len(patches), dataset.info.side_px
    offset = np.load(folder / "soft.npy", mmap_mode="r").offset
    with ExitStack() as opened:
        files = [opened.enter_context((folder / name).open("r+b")) for name in ("soft.npy", "teacher.npy")]
        noted_s = time.monotonic()
        for first, softs in _softs_ahead(dataset, info, patches, presets):
            for file, pictures in zip(files, (softs, restore_batch(network, softs)), strict=True):
                with checkpoint.room_needed(folder):
                    file.seek(offset + first * side * side * 3)
                    file.write(np.ascontiguousarray(pictures).data)
            done = first + len(softs)
            progress(done, total)
            if done == total or time.monotonic() - noted_s > NOTE_EVERY_S:
                for file in files:
                    file.flush()
                    os.fsync(file.fileno())
                info = info.model_copy(update={"done": done})
                _note(folder, info)
                noted_s = time.monotonic()
    return info


def _softs_ahead(
    dataset: Dataset, info: TeacherInfo, patches: NDArray[np.int64], presets: NDArray[np.int64]
) -> Iterator[tuple[int, Picture]]:
    """Yields (first row, degraded patches) for all rows that are missing; a thread degrades the next while these are used."""
    truths = dataset.truths("train")
    count = max(1, BATCH_PX // dataset.info.side_px**2)

    def degrade(first: int) -> Picture:
        rows = range(first, min(first + count, len(patches)))
        return np.stack(
            [find_preset(info.presets[presets[r]]).apply(np.array(truths[patches[r]]), np.random.default_rng([info.seed, r])) for r in rows]
        )

    with ThreadPoolExecutor(1) as ahead:
        firsts = range(info.done, len(patches), count)
        waiting = ahead.submit(degrade, firsts[0]) if firsts else None
        for number, first in enumerate(firsts):
            assert waiting is not None
            softs = waiting.result()
            waiting = ahead.submit(degrade, firsts[number + 1]) if number + 1 < len(firsts) else None
            yield first, softs
