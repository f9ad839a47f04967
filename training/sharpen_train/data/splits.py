"""Who goes where: groups of pictures that belong together, shared among train, test and benchmark."""

import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from sharpen_train.data.dataset import Split

_GOPRO = re.compile(r"GOPR\d+_\d+_\d+")
_FRAME = re.compile(r"^(?P<sequence>.*?)[_-]?(?:frame|img|im)?[_-]?\d+$", re.IGNORECASE)
_HALVES = {"blur", "blurry", "blur_gamma", "sharp", "gt", "target", "input"}


def sequence_of(file: str) -> str | None:
    """Returns the name of the sequence that a picture is a frame of, if its path tells; None for a picture of its own.

    It tells in the GOPRO data (`GOPR0372_07_00/...` or in the file's name), in folders with halves (`X/sharp/000047.png`),
    in numbered folders of numbered frames (REDS, Vimeo: `000/00000000.png`), and where the name says "frame".
    """
    path = PurePosixPath(file)
    gopro = _GOPRO.search(file)
    if gopro:
        return gopro.group()
    parent = path.parent.parent if path.parent.name.lower() in _HALVES else path.parent
    frame = _FRAME.match(path.stem)
    if not frame:
        return None
    if parent != path.parent or (parent.name.isdigit() and not frame["sequence"]):
        return str(parent)
    if "frame" in path.stem.lower():
        return f"{parent}/{frame['sequence']}"
    return None


def group(count: int, together: Iterable[tuple[int, int]]) -> list[int]:
    """Returns for each of `count` things the number of its group; two that are named together share one."""
    leader = list(range(count))

    def find(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for a, b in together:
        a, b = find(a), find(b)
        leader[max(a, b)] = min(a, b)
    return [find(one) for one in range(count)]


def share_out(
    names: Sequence[str],
    groups: Sequence[int],
    kinds: Sequence[str],
    fixed: Sequence[Split | None],
    test: float,
    benchmark: float,
    seed: int,
) -> list[Split]:
    """Returns the split of each picture; those of a group get the same.

    Each kind (a folder of portraits, a folder of screens) gives its share. The order depends on the names and the seed
    alone. Two groups are enough for a test picture, three for a benchmark picture as well.

    Args:
        names: of the pictures, unique.
        groups: number of the group of each.
        kinds: what each one is; groups of a kind are shared out evenly.
        fixed: split that a picture must go to, with its group, or None.
        test: share of the groups for "test".
        benchmark: share of the groups for "benchmark".
        seed: of the choice.
    """
    members: dict[int, list[int]] = {}
    for at, number in enumerate(groups):
        members.setdefault(number, []).append(at)
    decided: dict[int, Split | None] = {number: next((fixed[at] for at in found if fixed[at]), None) for number, found in members.items()}
    free = [number for number in members if decided[number] is None]
    free.sort(key=lambda number: (kinds[members[number][0]], zlib.crc32(f"{seed}:{names[members[number][0]]}".encode())))
    have_test = any(split == "test" for split in decided.values())
    wanted_test = max(round(test * len(free)), int(test > 0 and not have_test and len(free) > 1))
    wanted_benchmark = max(round(benchmark * len(free)), int(benchmark > 0 and len(free) > 2))
    held_out = _evenly(len(free), min(wanted_test + wanted_benchmark, len(free) - 1 if free else 0))
    benches = {held_out[at] for at in _evenly(len(held_out), min(wanted_benchmark, len(held_out) - int(wanted_test > 0)))}
    for at in held_out:
        decided[free[at]] = "benchmark" if at in benches else "test"
    train: Split = "train"
    return [decided[number] or train for number in groups]


def _evenly(count: int, wanted: int) -> list[int]:
    """Returns `wanted` places spread over `count`."""
    return [int((at + 0.5) * count / wanted) for at in range(max(wanted, 0))]
