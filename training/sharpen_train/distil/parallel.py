"""Several processes on one run: `torchrun --nproc-per-node N -m -- sharpen_train train --run DIR ...`.

The bare `--` is needed: without it torchrun takes `--run` for its own `--run-path`.

Each process works off its slice of the same batch, and gradients are averaged: N processes do what one does with the
whole batch. Batch norm is the exception: each process normalises by its own slice, and the running statistics are those of
process 0, so networks with batch norm want large slices or one process.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from sharpen_train.errors import ConfigError


@dataclass(frozen=True)
class Ranks:
    """This process among the processes of a run.

    Attributes:
        rank: its number, from 0; only process 0 writes.
        world: how many there are.
        device: where it computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def agree(self, code: int) -> int:
        """Returns the highest code that any process gives; all of them call this at the same step."""
        if self.world == 1:
            return code
        highest = torch.tensor(code, device=self.device)
        distributed.all_reduce(highest, distributed.ReduceOp.MAX)
        return int(highest.item())

    def share(self, values: list[float]) -> list[float]:
        """Returns the values of process 0."""
        if self.world == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(tensor, 0)
        return tensor.tolist()


@contextmanager
def join(device: str) -> Generator[Ranks]:
    """Joins the processes that torchrun started, or stands alone without it.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:N"; each process of a group takes the GPU of its own number.

    Raises:
        ConfigError: there is no such GPU.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks(0, 1, choose_device(device))
        return
    here = choose_device("cuda" if device.startswith("cuda") else device, int(os.environ["LOCAL_RANK"]))
    if here.type == "cuda":
        torch.cuda.set_device(here)
    distributed.init_process_group("nccl" if here.type == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), world, here)
    finally:
        distributed.destroy_process_group()


def choose_device(name: str, number: int = 0) -> torch.device:
    """Returns the device that settings name; for "auto" and "cuda" GPU `number`.

    Raises:
        ConfigError: there is no such GPU.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and gpus == 0):
        return torch.device("cpu")
    wanted = int(name.partition(":")[2]) if ":" in name else number
    if wanted >= gpus:
        raise ConfigError(f"there is no GPU for cuda:{wanted} ({gpus} found)", "Use --device cpu, or as many processes as there are GPUs.")
    return torch.device("cuda", wanted)
