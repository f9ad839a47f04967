"""Really blurred pictures and their sharp partners, matched strictly by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sharpen_train.data.pictures import find_pictures
from sharpen_train.errors import DataError

BLURRY, SHARP = {"blur", "blurry", "input"}, {"sharp", "gt", "target"}
_IGNORED = {"blur_gamma"}  # GOPRO's second version of the blurred half


@dataclass(frozen=True)
class Pair:
    """A blurred picture and its sharp partner."""

    blurry: Path
    sharp: Path


def find_pairs(blurry: Path, sharp: Path | None, *, skip_unpaired: bool) -> tuple[list[Pair], list[Path]]:
    """Returns the pairs, sorted by name, and the pictures without a partner, which `skip_unpaired` allows.

    With two folders, partners have the same path below them. With one folder, its halves are told by folders (`blur`,
    `sharp`, at any depth, as in GOPRO) or by names (`X_blur.png`, `X_sharp.png`). Endings may differ.

    Raises:
        DataError: a folder is missing or empty, a picture has no partner, or two pictures claim the same one.
    """
    if sharp is None:
        paths = [path for path in find_pictures(blurry) if not _IGNORED & set(path.relative_to(blurry).parts)]
        halves = {True: [p for p in paths if _half(p, blurry) in BLURRY], False: [p for p in paths if _half(p, blurry) in SHARP]}
        odd = [path for path in paths if not _half(path, blurry)]
        soft, truth = _by_key(halves[True], blurry), _by_key(halves[False], blurry)
    else:
        odd = []
        soft, truth = _by_key(find_pictures(blurry), blurry), _by_key(find_pictures(sharp), sharp)
    odd += [soft.get(key) or truth[key] for key in soft.keys() ^ truth.keys()]
    if odd and not skip_unpaired:
        one, more = min(odd), f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
        raise DataError(f"{one} has no partner{more}", "Names must match; leave such pictures out with --skip-unpaired.")
    found = [Pair(soft[key], truth[key]) for key in sorted(soft.keys() & truth.keys())]
    if not found:
        raise DataError(f"no pairs in {blurry}", "Halves are folders `blur` and `sharp`, names X_blur and X_sharp, or BLURRY:SHARP.")
    return found, sorted(odd)


def without_blurry_halves(paths: list[Path], root: Path) -> list[Path]:
    """Returns the paths without the blurred half of any pair among them: `X_blur` beside `X_sharp`, `blur/` beside `sharp/`."""
    keys = {_key(path, root) for path in paths if _half(path, root) in SHARP}
    return [p for p in paths if not (_half(p, root) in BLURRY and _key(p, root) in keys) and not _IGNORED & set(p.relative_to(root).parts)]


def _half(path: Path, root: Path) -> str | None:
    """Returns the word that tells which half a picture belongs to; its name comes first, then the nearest folder."""
    words = (path.stem.rpartition("_")[2], *reversed(path.relative_to(root).parts[:-1]))
    return next((word.lower() for word in words if word.lower() in BLURRY | SHARP), None)


def _key(path: Path, root: Path) -> str:
    """Returns what the two halves of a pair have in common."""
    *folders, _ = path.relative_to(root).parts
    stem, _, last = path.stem.rpartition("_")
    name = stem if last.lower() in BLURRY | SHARP and stem else path.stem
    return "/".join([*(part for part in folders if part.lower() not in BLURRY | SHARP), name])


def _by_key(paths: Iterable[Path], root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        key = _key(path, root)
        if key in found:
            raise DataError(f"{found[key]} and {path} claim the same partner", "Remove one of them.")
        found[key] = path
    return found
