import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sharpen_train.architectures import build
from sharpen_train.distil import checkpoint
from sharpen_train.errors import CheckpointError, DiskFullError

OLD = {"a": b"old a" * 1000, "b": b"old b" * 1000}
NEW = {"a": b"new a" * 1000, "b": b"new b" * 1000}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in checkpoint.settled(folder).iterdir()}


def in_a_child(work: Callable[[], object]) -> int:
    """Runs `work` in a forked process and returns the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def killed_at(call: int, work: Callable[[], object]) -> int:
    """Runs `work` in a process that is killed at its n-th step on the disk: half of a file is written, or a name not yet changed."""
    calls = 0

    def count() -> bool:
        nonlocal calls
        calls += 1
        return calls == call

    def write(path: Path, data: bytes) -> None:
        path.write_bytes(data[: len(data) // 2] if (now := count()) else data)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)

    def rename(self: Path, target: Path) -> None:
        if count():
            os.kill(os.getpid(), signal.SIGKILL)
        os.rename(self, target)

    def patched() -> None:
        checkpoint._write_through = write
        Path.rename = rename
        work()

    return in_a_child(patched)


def test_a_kill_at_any_moment_of_a_save_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    for call in range(1, 6):
        folder = tmp_path / str(call) / "last"
        checkpoint.write_folder(folder, OLD)
        ended = killed_at(call, lambda folder=folder: checkpoint.write_folder(folder, NEW))
        assert ended == (signal.SIGKILL if call < 5 else 0)  # two files, two names
        assert content(folder) == (OLD if call < 5 else NEW)
        checkpoint.write_folder(folder, NEW)  # what the kill left behind is in nobody's way
        assert content(folder) == NEW
        assert [path.name for path in folder.parent.iterdir()] == ["last"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    checkpoint.write_bytes(path, OLD["a"])
    assert killed_at(1, lambda: checkpoint.write_bytes(path, NEW["a"])) == signal.SIGKILL
    assert path.read_bytes() == OLD["a"]
    checkpoint.write_bytes(path, NEW["a"])
    assert path.read_bytes() == NEW["a"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(tmp_path: Path) -> None:
    folder, file = tmp_path / "last", tmp_path / "best"
    checkpoint.write_folder(folder, OLD)
    checkpoint.write_bytes(file, OLD["a"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # for the writer the same as a disk without room
    try:
        with pytest.raises(DiskFullError, match="no room left to write"):
            checkpoint.write_folder(folder, NEW)
        with pytest.raises(DiskFullError, match="no room left to write"):
            checkpoint.write_bytes(file, NEW["a"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert content(folder) == OLD
    assert file.read_bytes() == OLD["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "last"]


def test_shards_for_a_journey_are_small_and_come_back(tmp_path: Path) -> None:
    network = build("plain-32x4")
    weights = network.state_dict()
    files = checkpoint.save_shards(tmp_path / "travel", weights, 100_000, {"arch": "plain-32x4"})
    assert len(files) > 1
    assert all(file.stat().st_size <= 100_000 for file in files)
    back = build("plain-32x4")
    checkpoint.load_weights(tmp_path / "travel", back)
    for name, tensor in back.state_dict().items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, weights[name], rtol=1e-3, atol=1e-4)
    assert checkpoint.read_facts(tmp_path / "travel")["arch"] == "plain-32x4"
    files[0].unlink()
    with pytest.raises(CheckpointError, match="shards"):
        checkpoint.load_weights(tmp_path / "travel", back)


def test_weights_of_another_architecture_are_refused_and_the_keys_named(tmp_path: Path) -> None:
    path, other = tmp_path / "weights.safetensors", build("plain-32x2")
    checkpoint.write_bytes(path, checkpoint.weights_to_bytes(build("plain-16x4").state_dict()))
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"another architecture \(unknown: body\.2\.bias.*of another shape: body\.0\.bias"):
        checkpoint.load_weights(path, other)
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())


@pytest.mark.parametrize("damage", [b"", b"garbage" * 10])
def test_damaged_files_are_one_clear_error(tmp_path: Path, damage: bytes) -> None:
    for name in ("weights.safetensors", "state.pt"):
        (tmp_path / name).write_bytes(damage)
    with pytest.raises(CheckpointError):
        checkpoint.read_weights(tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError):
        checkpoint.read_facts(tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError, match="cannot resume"):
        checkpoint.load_state(tmp_path / "state.pt")


class Evil:
    """A pickle that opens a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"step": Evil(tmp_path / "touched")}, tmp_path / "state.pt")
    for read in (checkpoint.load_state, checkpoint.read_weights):
        with pytest.raises(CheckpointError):
            read(tmp_path / "state.pt")
    assert not (tmp_path / "touched").exists()
