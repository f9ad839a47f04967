"""Weights and states on disk: safe to read, never half written.

Weights are safetensors. What else a resume needs is a torch file that is read with `weights_only`, so that no file can run code.
Whatever interrupts a save, what was there before it stays whole.
"""

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sharpen_train.architectures import official
from sharpen_train.errors import CheckpointError, DiskFullError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SHARD_PATTERN = "weights-*.safetensors"


def write_bytes(path: Path, data: bytes) -> None:
    """Puts a file in place whole: a kill, a full disk or a power cut leaves the old one.

    Raises:
        DiskFullError: there is no room for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        _write_through(part, data)
        os.replace(part, path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Puts a folder of files in place as one: readers see all of the old ones or all of the new ones (see `settled`).

    Raises:
        DiskFullError: there is no room for them.
    """
    part, old = folder.with_name(f".{folder.name}.part"), _set_aside(folder)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for name, data in files.items():
            _write_through(part / name, data)
        _sync_folder(part)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        part.rename(folder)
        _sync_folder(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def settled(folder: Path) -> Path:
    """Returns where the whole content of `folder` is: itself, or the set-aside one if a kill came between two renames."""
    return folder if folder.exists() or not _set_aside(folder).exists() else _set_aside(folder)


def _set_aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _write_through(path: Path, data: bytes) -> None:
    """Writes a file down to the disk."""
    with room_needed(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def room_needed(path: Path) -> Generator[None]:
    """Translates a full disk.

    Raises:
        DiskFullError: what is done inside found no room.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskFullError(f"no room left to write {path}", "Free some space; what was saved before is intact.") from error


def _sync_folder(folder: Path) -> None:
    """Makes a rename outlive a power cut, where the system lets folders be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def weights_to_bytes(weights: Mapping[str, Tensor], facts: Mapping[str, str] | None = None) -> bytes:
    """Returns named tensors as a safetensors file; `facts` (the architecture, the step) lie in its header."""
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, dict(facts or {}))


def save_shards(folder: Path, weights: Mapping[str, Tensor], most_bytes: int, facts: Mapping[str, str]) -> list[Path]:
    """Writes weights for a journey: half precision (vectors stay float32), in files of at most `most_bytes`.

    A tensor that alone is larger gets a file of its own. Returns the files; `read_weights` takes their folder.

    Raises:
        DiskFullError: there is no room for them.
    """
    shards: list[dict[str, Tensor]] = []
    filled_bytes = most_bytes
    for name, tensor in weights.items():
        small = tensor.detach().cpu().half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor.detach().cpu()
        if filled_bytes + small.nbytes > most_bytes - 65536:  # room for the header
            shards.append({})
            filled_bytes = 0
        shards[-1][name] = small
        filled_bytes += small.nbytes
    names = [f"weights-{number:03d}-of-{len(shards):03d}.safetensors" for number in range(1, len(shards) + 1)]
    write_folder(folder, {name: weights_to_bytes(shard, facts) for name, shard in zip(names, shards, strict=True)})
    return [folder / name for name in names]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a file of weights, ours or published, or of a folder of shards; on the CPU.

    Raises:
        CheckpointError: there is no such file, it is damaged or holds code, or a shard is missing.
    """
    weights: dict[str, Tensor] = {}
    for file in weight_files(path):
        weights |= official.read_weights(file)
    return weights


def read_facts(path: Path) -> dict[str, str]:
    """Returns what the header of a safetensors file, or of the shards in a folder, says of itself; nothing for other files.

    Raises:
        CheckpointError: there is no such file, or it is damaged.
    """
    first = weight_files(path)[0]
    if first.suffix != ".safetensors":
        return {}
    try:
        with safe_open(first, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read the weights {first}", "Give a run, or weights that one wrote.") from error


def weight_files(path: Path) -> list[Path]:
    """Returns the file itself, or the shards in a folder.

    Raises:
        CheckpointError: the folder holds no shards, or not all of them.
    """
    if not path.is_dir():
        return [path]
    shards = sorted(path.glob(SHARD_PATTERN))
    expected = int(shards[0].stem.rpartition("-of-")[2]) if shards else 0
    if not shards or len(shards) != expected:
        raise CheckpointError(f"{path} holds {len(shards)} of {expected or '?'} shards of weights", "Bring all of them.")
    return shards


def load_weights(path: Path, network: nn.Module) -> None:
    """Fills `network` with the weights at `path`, a file or a folder of shards; on failure nothing was changed.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it belongs to another architecture.
    """
    fill(network, read_weights(path), str(path))


def fill(network: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Fills `network` with `weights`, which messages call `name`; on failure nothing was changed.

    Raises:
        CheckpointError: the weights belong to another architecture; the keys are named.
    """
    own = network.state_dict()
    wrong = [
        _named("missing", own.keys() - weights.keys()),
        _named("unknown", weights.keys() - own.keys()),
        _named("of another shape", (key for key in own.keys() & weights.keys() if own[key].shape != weights[key].shape)),
    ]
    if any(wrong):
        raise CheckpointError(
            f"the weights {name} are of another architecture ({'; '.join(filter(None, wrong))})",
            "Give the architecture they were trained with.",
        )
    network.load_state_dict(dict(weights))


def _named(kind: str, keys: Iterable[str]) -> str:
    found = sorted(keys)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"{kind}: {', '.join(found[:3])}{more}" if found else ""


def state_to_bytes(state: Mapping[str, Any]) -> bytes:
    """Returns numbers, texts, lists and tensors as a torch file."""
    # By way of memory: torch's own writer turns a full disk into an error without a cause.
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def load_state(path: Path) -> dict[str, Any]:
    """Reads what `state_to_bytes` made; a pickle with code in it is refused, not run.

    Raises:
        CheckpointError: there is no such file, or it is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise CheckpointError(f"cannot resume from {path}", "The run has no complete checkpoint; start it anew.") from error
