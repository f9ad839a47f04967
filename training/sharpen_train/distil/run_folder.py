"""A run on disk.

config.toml          the settings, as they were read
env.json             versions, processor, threads, revision of the source
train.log            what was said, with the time
metrics.csv          one row for each look at the loss; validations fill more of its columns
checkpoints/last/    network.safetensors, averaged.safetensors, state.pt: all that a resume needs
checkpoints/best/    weights.safetensors: the averaged weights with the best SSIM so far
checkpoints/travel/  the best weights in half precision and small files, where `--shard-mb` asked for them
samples/             soft | result | truth (| teacher) at 200 %
tb/                  TensorBoard, where it is installed
"""

import contextlib
import csv
import io
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import cv2
import torch
from filelock import FileLock, Timeout
from torch import nn

from sharpen_core.machine import this_processor, usable_cores
from sharpen_train.config import Config, read_config
from sharpen_train.distil import checkpoint
from sharpen_train.errors import CheckpointError, ConfigError
from sharpen_train.metrics import Picture

CONFIG = "config.toml"
METRICS = "metrics.csv"
LAST, BEST, TRAVEL = Path("checkpoints/last"), Path("checkpoints/best"), Path("checkpoints/travel")
NETWORK, AVERAGED, STATE, WEIGHTS = "network.safetensors", "averaged.safetensors", "state.pt", "weights.safetensors"


def new_run(name: str, parent: Path = Path("runs")) -> Path:
    """Makes and returns the next free folder `parent/name-NNN`.

    Raises:
        ConfigError: it cannot be made.
    """
    taken = [int(found[1]) for path in parent.glob(f"{name}-*") if (found := re.fullmatch(rf"{re.escape(name)}-(\d+)", path.name))]
    for number in range(max(taken, default=0) + 1, 100_000):
        folder = parent / f"{name}-{number:03d}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another run was quicker
            continue
        except OSError as error:
            raise ConfigError(f"cannot make the run folder {folder}: {error.strerror}", "Give another with --run.") from error
        return folder
    raise ConfigError(f"{parent} is full of runs", "Give another folder with --run.")


def read_run_config(run: Path) -> Config:
    """Returns the settings of a run.

    Raises:
        CheckpointError: the folder is not a run.
        ConfigError: its settings are damaged.
    """
    if not (run / CONFIG).is_file():
        raise CheckpointError(f"{run} is not the folder of a run", "Give a folder that `sharpen-train train` wrote.")
    return read_config(run / CONFIG)


def best_weights(run: Path) -> Path:
    """Returns the file, or the folder of shards, with the result of a run: the best weights, or the last averaged ones.

    Raises:
        CheckpointError: the run has saved nothing yet.
    """
    places = [run / BEST / WEIGHTS, run / TRAVEL, checkpoint.settled(run / LAST) / AVERAGED]
    for place in places:
        if place.exists():
            return place
    raise CheckpointError(f"the run {run} has no weights yet", "Train it first.")


def save_travel(run: Path, shard_mb: float) -> list[Path]:
    """Writes the result of a run once more, in half precision and in files of at most `shard_mb` million bytes; returns them.

    Raises:
        CheckpointError: the run has saved nothing yet.
        DiskFullError: there is no room.
    """
    weights = best_weights(run)
    return checkpoint.save_shards(run / TRAVEL, checkpoint.read_weights(weights), int(shard_mb * 1e6), checkpoint.read_facts(weights))


class RunFolder:
    """An open run: nobody else writes to it meanwhile. A context manager.

    Args:
        path: the folder; made if it is missing.
        config: the settings to note in it.
        resume: whether it must hold a run (True) or must not (False).
        columns: what `metrics.csv` has, in order.

    Raises:
        CheckpointError: there is no run to resume.
        ConfigError: the folder holds something already, cannot be written, or another process trains in it.
    """

    def __init__(self, path: Path, config: Config, columns: Sequence[str], *, resume: bool) -> None:
        self.path = path
        self._columns = list(columns)
        self._closing = contextlib.ExitStack()
        _check_folder(path, resume=resume)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._closing.enter_context(FileLock(path / ".lock", timeout=0))
        except Timeout as error:
            raise ConfigError(f"another process trains in {path}", "Wait for it, or give another folder with --run.") from error
        except OSError as error:
            raise ConfigError(f"cannot write to the run folder {path}: {error.strerror}", "Give another with --run.") from error
        checkpoint.write_bytes(path / CONFIG, config.to_toml().encode())
        self._board = self._open_board()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def note_environment(self, device: torch.device) -> None:
        """Writes `env.json`: what someone needs who wants to see the same figures again."""
        text = json.dumps(describe_environment(device), indent=2) + "\n"
        checkpoint.write_bytes(self.path / "env.json", text.encode())

    def log(self, line: str) -> None:
        """Adds a line to `train.log`."""
        with self._appending("train.log") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def add_row(self, row: Mapping[str, float]) -> None:
        """Adds a row to `metrics.csv`, and its values to TensorBoard."""
        new = not (self.path / METRICS).exists()
        with self._appending(METRICS) as file:
            writer = csv.DictWriter(file, self._columns, restval="")
            if new:
                writer.writeheader()
            writer.writerow({key: f"{value:.6g}" for key, value in row.items()})
        if self._board is not None:
            for key, value in row.items():
                self._board.add_scalar(key.replace(" ", "/"), value, int(row["step"]))

    def forget_after(self, step: int) -> None:
        """Removes the rows of steps that a resumed run takes again."""
        table = self.path / METRICS
        if not table.exists():
            return
        with table.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if float(row["step"]) <= step]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        checkpoint.write_bytes(table, text.getvalue().encode())

    def save_sample(self, step: int, picture: Picture) -> None:
        """Writes a sample picture, (H, W, 3) uint8 RGB, as PNG."""
        _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        checkpoint.write_bytes(self.path / "samples" / f"step-{step:07d}.png", data.tobytes())

    def save_last(self, network: nn.Module, averaged: nn.Module, state: Mapping[str, Any], facts: Mapping[str, str]) -> None:
        """Saves all that a resume needs, as one.

        Raises:
            DiskFullError: there is no room; the state saved before is intact.
        """
        files = {
            NETWORK: checkpoint.weights_to_bytes(network.state_dict(), facts),
            AVERAGED: checkpoint.weights_to_bytes(averaged.state_dict(), facts),
            STATE: checkpoint.state_to_bytes(state),
        }
        checkpoint.write_folder(self.path / LAST, files)

    def save_best(self, averaged: nn.Module, facts: Mapping[str, str]) -> None:
        """Saves the result of the run.

        Raises:
            DiskFullError: there is no room; the result saved before is intact.
        """
        checkpoint.write_bytes(self.path / BEST / WEIGHTS, checkpoint.weights_to_bytes(averaged.state_dict(), facts))

    @contextlib.contextmanager
    def _appending(self, name: str) -> Generator[io.TextIOWrapper]:
        with checkpoint.room_needed(self.path / name), (self.path / name).open("a", encoding="utf-8", newline="") as file:
            yield file

    def _open_board(self) -> Any:
        """Returns a TensorBoard writer, or None where it is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.log("TensorBoard is not installed: tb/ is left out (pip install tensorboard)")
            return None
        board = SummaryWriter(str(self.path / "tb"))
        self._closing.callback(board.close)
        return board


def _check_folder(path: Path, *, resume: bool) -> None:
    if resume and not (path / CONFIG).is_file():
        raise CheckpointError(f"there is no run to resume in {path}", "Give the folder of a run, or train without --resume.")
    if resume and not (checkpoint.settled(path / LAST) / STATE).is_file():
        raise CheckpointError(f"the run {path} has no complete checkpoint to resume", "Start it anew in another folder.")
    if not resume and path.exists() and (not path.is_dir() or any(path.iterdir())):
        hint = f"Go on with it by `--resume {path}`, or give another." if (path / CONFIG).is_file() else "Give a new or empty folder."
        raise ConfigError(f"the run folder {path} is not empty", hint)


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Returns versions, processor, threads and the revision of the source."""
    packages = ("sharpened-camera", "torch", "numpy", "opencv-python-headless", "safetensors")
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: metadata.version(name) for name in packages},
        "processor": this_processor().name,
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cuda": torch.version.cuda,
        "revision": _revision(),
    }


def _revision() -> str | None:
    """Returns the git revision of this source, if it is a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=10).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
