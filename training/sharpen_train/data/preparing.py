"""From folders of pictures to a dataset: found, judged, shared out, cut; see `dataset.py` for the result."""

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import cv2
import numpy as np

from sharpen_core.machine import usable_cores
from sharpen_train.data.ahead import obey_parent
from sharpen_train.data.dataset import CONTEXT_PX, FORMAT, SPLITS, DatasetInfo, SourceInfo, Split, is_dataset
from sharpen_train.data.folder import whole_folder
from sharpen_train.data.overview import write_overview
from sharpen_train.data.pairing import find_pairs, without_blurry_halves
from sharpen_train.data.pictures import find_pictures, read_scales
from sharpen_train.data.scanning import Candidate, CutPlan, Scanned, cut, scan
from sharpen_train.data.screening import near_duplicates
from sharpen_train.data.splits import group, sequence_of, share_out
from sharpen_train.errors import DataError

MOST_BENCHMARK_PICTURES = 50  # whole ones; a large collection would copy itself
WORTH_PROCESSES = 12  # pictures; fewer are done before a second process has started

Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many


@dataclass(frozen=True)
class PrepareOptions:
    """How a dataset is made.

    Attributes:
        patch_px: side of a patch, without its 16 px of context on each side.
        stride_px: distance between neighbouring patches; 0 for patches side by side.
        per_picture: most patches from one picture, so that large screenshots do not outvote faces.
        pairs: folders of really blurred pictures and of their sharp partners; None: both halves are in the first one.
        skip_unpaired: leave out what has no partner, or one of another size, instead of refusing.
        text: number of generated pictures of text and screens.
        screen: find out at which scale each picture is truly sharp, where no table says it.
        test_share: share of the pictures that test.
        benchmark_share: share of the pictures that are kept whole, for the final comparison.
        seed: of everything random.
        force: replace a dataset that is there.
        processes: that read pictures; 0 for one per core.
    """

    patch_px: int = 128
    stride_px: int = 0
    per_picture: int = 48
    pairs: tuple[tuple[Path, Path | None], ...] = ()
    skip_unpaired: bool = False
    text: int = 0
    screen: bool = True
    test_share: float = 0.05
    benchmark_share: float = 0.05
    seed: int = 1
    force: bool = False
    processes: int = 0


def _silent(_what: str, _done: int, _total: int) -> None:
    """Reports nothing."""


def prepare(sources: Sequence[Path], out: Path, options: PrepareOptions, progress: Progress = _silent) -> DatasetInfo:
    """Makes a dataset of all pictures below `sources` in the folder `out`, which appears only when it is whole.

    Raises:
        DataError: there is nothing to use, a pair does not match, or `out` is occupied; says what.
        DiskFullError: the disk is full; nothing is left behind.
    """
    plan = CutPlan(options.patch_px, options.stride_px or options.patch_px, options.per_picture, options.seed)
    _refuse_nested(sources, out)
    with whole_folder(out, force=options.force) as draft:
        candidates, unpaired = find_candidates(sources, options)
        judged = _in_processes(partial(scan, plan=plan), candidates, options.processes, partial(progress, "reading"))
        kept, skipped = _select(judged, options)
        if unpaired:
            skipped.setdefault("unpaired", []).extend(unpaired)
        splits = _share_out(kept, options)
        info = _write(draft, kept, splits, skipped, plan, options, progress)
        write_overview(draft, info)
        (draft / "dataset.json").write_text(info.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return info


def _refuse_nested(sources: Sequence[Path], out: Path) -> None:
    """A dataset among its own sources would be read as pictures the next time."""
    target = out.resolve()
    for source in (folder.resolve() for folder in sources):
        if target.is_relative_to(source) or source.is_relative_to(target):
            raise DataError(f"{out} and the source {source} lie in one another", "Choose another folder for --out.")


def find_candidates(sources: Sequence[Path], options: PrepareOptions) -> tuple[list[Candidate], list[str]]:
    """Returns the pictures to judge, each file once, and the files that have no partner.

    Recognised by their names: low-resolution halves (`DIV2K_train_LR_bicubic`) and the blurred halves of pairs are left
    out; what lies in `DIV2K_valid_HR`, `val2017`, `test` and the like tests.

    Raises:
        DataError: a folder is missing, empty or a dataset, or a picture has no partner.
    """
    found: dict[Path, Candidate] = {}
    names = _names([*(sharp or blurry for blurry, sharp in options.pairs), *sources])
    unpaired: list[str] = []
    for blurry, sharp in options.pairs:
        pairs, odd = find_pairs(blurry, sharp, skip_unpaired=options.skip_unpaired)
        unpaired += map(str, odd)
        root = sharp or blurry
        for pair in pairs:
            file = f"{names[root]}/{pair.sharp.relative_to(root).as_posix()}"
            found[pair.sharp.resolve()] = Candidate(file, "pair", pair.sharp, pair.blurry, scale=1.0, fixed=_fixed(file))
    for folder in sources:
        if is_dataset(folder):
            raise DataError(f"{folder} is a dataset already", "Give folders of pictures.")
        scales = read_scales(folder)
        for path in without_blurry_halves(find_pictures(folder), folder):
            file = f"{names[folder]}/{path.relative_to(folder).as_posix()}"
            if "_LR_" not in f"{PurePosixPath(file).parent}_":
                scale = scales.get(path.resolve(), None if options.screen else 1.0)
                found.setdefault(path.resolve(), Candidate(file, "photo", path, scale=scale, fixed=_fixed(file)))
    texts = [Candidate(f"text:{number}", "text", number=number, scale=1.0) for number in range(options.text)]
    candidates = [*found.values(), *texts]
    if not candidates:
        raise DataError("there is nothing to prepare", "Give folders of pictures, --pairs or --text.")
    if all(one.fixed for one in candidates):  # nothing but a folder called `val`: its owner means it
        candidates = [replace(one, fixed=None) for one in candidates]
    return candidates, unpaired


def _names(roots: Sequence[Path]) -> dict[Path, str]:
    """Returns what each folder is called in the dataset: its own name, and a number where two have the same."""
    by_path: dict[Path, str] = {}
    for path in (root.resolve() for root in roots):
        same = sum(other.name == path.name for other in by_path if other != path)
        by_path.setdefault(path, f"{path.name}-{same + 1}" if same else path.name)
    return {root: by_path[root.resolve()] for root in roots}


def _fixed(file: str) -> Split | None:
    folders = [part.lower().rstrip("0123456789") for part in PurePosixPath(file).parts[:-1]]
    return "test" if any(part in ("val", "valid", "test") or "_valid_" in part for part in folders) else None


def _select(judged: list[Scanned], options: PrepareOptions) -> tuple[list[Scanned], dict[str, list[str]]]:
    """Returns the pictures to use, and those left out by reason."""
    wrong = next((one for one in judged if one.reason == "unpaired"), None)
    broken = next((one for one in judged if one.reason == "unreadable" and one.candidate.kind == "pair"), None)
    if (wrong or broken) and not options.skip_unpaired:
        raise DataError((wrong or broken or judged[0]).detail, "Leave such pairs out with --skip-unpaired.")
    skipped: dict[str, list[str]] = {}
    for one in judged:
        if one.reason:
            skipped.setdefault(one.reason, []).append(one.candidate.file + (f" ({one.detail})" if one.reason == "too small" else ""))
    kept, doubles = _without_duplicates([one for one in judged if not one.reason])
    if doubles:
        skipped["near-duplicate"] = doubles
    if not kept:
        why = ", ".join(f"{len(files)} {reason}" for reason, files in skipped.items())
        raise DataError(f"none of the {len(judged)} pictures can be used: {why}", "Give sharp, readable pictures larger than a patch.")
    return kept, skipped


def _without_duplicates(judged: list[Scanned]) -> tuple[list[Scanned], list[str]]:
    """Keeps the largest of the photographs that show the same thing; pairs and generated pictures stay."""
    ranked = sorted((one for one in judged if one.candidate.kind != "text"), key=lambda one: (one.candidate.kind != "pair", -one.pixels))
    dropped: set[int] = set()
    for earlier, later in near_duplicates([one.thumbnail for one in ranked if one.thumbnail is not None]):
        if earlier not in dropped and ranked[later].candidate.kind == "photo":
            dropped.add(later)
    files = {ranked[at].candidate.file for at in dropped}
    return [one for one in judged if one.candidate.file not in files], sorted(files)


def _share_out(kept: list[Scanned], options: PrepareOptions) -> list[Split]:
    """Assigns the pictures to splits; frames of a sequence and pairs that look alike stay together."""
    first_of: dict[str, int] = {}
    together: list[tuple[int, int]] = []
    for at, one in enumerate(kept):
        sequence = sequence_of(one.candidate.file) if one.candidate.path else None
        if sequence:
            together.append((first_of.setdefault(sequence, at), at))
    pairs = [at for at, one in enumerate(kept) if one.candidate.kind == "pair"]
    alike = near_duplicates([small for at in pairs if (small := kept[at].thumbnail) is not None])
    together += [(pairs[a], pairs[b]) for a, b in alike]
    files = [one.candidate.file for one in kept]
    kinds = [f"{one.candidate.kind}:{PurePosixPath(one.candidate.file).parent}" for one in kept]
    fixed: list[Split | None] = [one.candidate.fixed for one in kept]
    return share_out(files, group(len(kept), together), kinds, fixed, options.test_share, options.benchmark_share, options.seed)


def _write(
    draft: Path,
    kept: list[Scanned],
    splits: list[Split],
    skipped: dict[str, list[str]],
    plan: CutPlan,
    options: PrepareOptions,
    progress: Progress,
) -> DatasetInfo:
    """Plans the rows of every picture, then cuts."""
    counts, soft_counts = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0)
    partners: dict[Split, list[int]] = {split: [] for split in SPLITS}
    infos: list[SourceInfo] = []
    tasks: list[tuple[Any, ...]] = []
    wholes = 0
    for number, (one, split) in enumerate(zip(kept, splits, strict=True)):
        first, count, candidate = counts[split], len(one.corners), one.candidate
        whole = f"{number:05d}" if split == "benchmark" and wholes < MOST_BENCHMARK_PICTURES else None
        wholes += whole is not None
        tasks.append((one, plan, first, soft_counts[split], draft / split, whole))
        infos.append(
            SourceInfo(
                id=number,
                file=candidate.file,
                sha256=one.sha256,
                split=split,
                scale=one.scale,
                kind=candidate.kind,
                first=first,
                patches=count,
            )
        )
        counts[split] += count
        if candidate.soft:
            partners[split] += range(first, first + count)
            soft_counts[split] += count
    side = plan.patch_px + 2 * CONTEXT_PX
    (draft / "benchmark" / "pictures").mkdir(parents=True)
    for split in SPLITS:
        (draft / split).mkdir(exist_ok=True)
        new_array(draft / split / "truth.npy", (counts[split], side, side, 3))
        if soft_counts[split]:
            new_array(draft / split / "soft.npy", (soft_counts[split], side, side, 3))
            np.save(draft / split / "soft_index.npy", np.array(partners[split], np.int64))
    _in_processes(_cut, tasks, options.processes, partial(progress, "cutting"))
    return DatasetInfo(
        format=FORMAT,
        patch_px=plan.patch_px,
        context_px=CONTEXT_PX,
        stride=plan.stride_px,
        seed=options.seed,
        created_by=f"sharpen-train {version('sharpened-camera')}",
        counts=counts,
        soft_counts=soft_counts,
        sources=infos,
        skipped={reason: sorted(files) for reason, files in sorted(skipped.items())},
    )


def new_array(path: Path, shape: tuple[int, ...]) -> None:
    """Writes an array file of zeros, uint8, that takes no room on the disk yet."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + int(np.prod(shape)))


def _cut(task: tuple[Any, ...]) -> None:
    cut(*task)


Item = TypeVar("Item")
Result = TypeVar("Result")


def _in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int, progress: Callable[[int, int], None]
) -> list[Result]:
    """Does `work` to every item in several processes and returns the results in order."""
    processes = processes or usable_cores()
    if processes == 1 or len(items) < WORTH_PROCESSES:
        return list(_counted(map(work, items), len(items), progress))
    # Spawned: a forked process inherits OpenCV's threads in a state in which they hang.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _start_worker)
    try:
        futures = [pool.submit(work, item) for item in items]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            progress(done, len(items))
        return [future.result() for future in futures]
    except BrokenProcessPool as exc:
        raise DataError("a process that reads pictures was killed", "Memory may be short: use --processes 1.") from exc
    finally:
        pool.shutdown(cancel_futures=True)


def _counted(results: Iterable[Result], total: int, progress: Callable[[int, int], None]) -> Iterable[Result]:
    for done, result in enumerate(results, 1):
        progress(done, total)
        yield result


def _start_worker() -> None:
    obey_parent()
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # damaged pictures are counted and named at the end
