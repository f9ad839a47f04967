"""What learns: a network, its averaged copy, its optimiser, and one step of them on one batch."""

import copy
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from typing_extensions import TypeIs

from sharpen_train.architectures import Network, build
from sharpen_train.architectures.base import HalfSizeNetwork
from sharpen_train.architectures.guidance import traces_of
from sharpen_train.architectures.specialists import Specialists
from sharpen_train.config import Config, StepPlan, Train
from sharpen_train.data.stream import Batch
from sharpen_train.distil import checkpoint, transfer
from sharpen_train.distil.muon import Muon
from sharpen_train.distil.parallel import Ranks
from sharpen_train.distil.restore import GAUGE, read_gauge, start_from
from sharpen_train.distil.run_folder import AVERAGED, NETWORK
from sharpen_train.errors import CheckpointError, ConfigError
from sharpen_train.losses import build_loss, distilled

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Average:
    """An exponential mean of a network's weights, which is better than any one of them.

    The running statistics of batch norms are averaged with the weights: they describe the activations of the weights of the same
    steps, where the latest ones would describe those of the last few alone.

    Attributes:
        network: the averaged network, in evaluation mode.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Takes in the weights after `step`; the first steps count more, so that the start is soon forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        own, new = self.network.state_dict(), network.state_dict()
        moving = [name for name, tensor in own.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([own[name] for name in moving], [new[name] for name in moving], 1 - decay)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        for name in own.keys() - set(moving):  # counters
            own[name].copy_(new[name])


class Learner:
    """A network on its way. Everything that a step changes is here, so that saving this is saving the run.

    Args:
        config: the settings.
        ranks: this process among those of the run.
        teacher: a network that is asked about every batch, or None.

    Attributes:
        network: the weights that learn.
        average: their mean, which is the result.
        teacher: the network that is asked about every batch, or None.

    Raises:
        ConfigError: the settings do not fit the device.
        CheckpointError: the weights to begin with cannot be used.
    """

    def __init__(self, config: Config, ranks: Ranks, teacher: Network | None = None) -> None:
        train = config.train
        if train.precision == "fp16" and ranks.device.type == "cpu":
            raise ConfigError("fp16 needs a GPU", "Use --set train.precision=bf16 on a processor.")
        seed_everything(train.seed)
        self._config, self._ranks = config, ranks
        self._layout = torch.channels_last if train.channels_last else torch.contiguous_format
        self.network = build(config.model.arch)
        gauge = read_gauge(Path(config.model.gauge)) if config.model.gauge else {}
        if config.model.start_from:
            start_from(Path(config.model.start_from), self.network, gauge)
        elif gauge:
            checkpoint.fill(self.network, self.network.state_dict() | gauge, config.model.gauge)
        self.network = self._placed(self.network).train()
        self._gauge_stays = bool(gauge)
        if self._gauge_stays and _guided(self.network):
            self.network.gauge.requires_grad_(requires_grad=False).eval()
        self.average = Average(self.network, train.ema)
        self.teacher = self._placed(teacher).eval() if teacher else None
        paths = [Path(path) if path else None for path in (config.loss.perceptual_weights, config.loss.perceptual_head)]
        self._loss = build_loss(config.loss.terms, *paths).to(ranks.device)
        named = list(self.network.named_parameters())
        self._gauge_weights = [weight for name, weight in named if name.startswith(GAUGE) and weight.requires_grad]
        self._weights = [weight for name, weight in named if not name.startswith(GAUGE)]
        self._optimiser = _optimiser(train, [weight for _, weight in named if weight.requires_grad])
        self._scaler = torch.amp.GradScaler(ranks.device.type, enabled=train.precision == "fp16")
        self._model: nn.Module = self.network
        if ranks.world > 1:
            self._model = DistributedDataParallel(self.network, find_unused_parameters=isinstance(self.network, Specialists))
        if train.compile:
            self._model.compile(dynamic=False)

    def _placed(self, network: Network) -> Network:
        return network.to(device=self._ranks.device).to(memory_format=self._layout)  # pyright: ignore[reportCallIssue]

    def learn(self, batch: Batch, plan: StepPlan, *, freeze_norm: bool) -> Tensor:
        """Takes one step on one batch and returns its loss, a tensor without shape: not finite if the step must not count.

        A batch is worked off in `accumulate` parts; the sum of their gradients is that of the whole.
        """
        _freeze_norms(self.network, frozen=freeze_norm)
        for group in self._optimiser.param_groups:
            group["lr"] = plan.lr
        self._optimiser.zero_grad(set_to_none=True)
        size = len(batch.soft)
        part = -(-size // self._config.train.accumulate)
        total = torch.zeros((), device=self._ranks.device)
        for first in range(0, size, part):
            chosen = slice(first, first + part)
            last = first + part >= size
            if isinstance(self._model, DistributedDataParallel):
                self._model.require_backward_grad_sync = last  # gradients are exchanged once, with the last part
            loss = self._loss_of(batch, chosen, plan).sum() / size
            self._scaler.scale(loss).backward()
            total += loss.detach()
        self._scaler.unscale_(self._optimiser)
        norm = self._clip()
        if not self._scaler.is_enabled():
            total += 0 * norm  # a gradient that is not finite spoils the weights; with loss scaling it only skips a step
            if self._ranks.device.type == "cpu" and not torch.isfinite(total):
                return total
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return total

    def _clip(self) -> Tensor:
        """Shortens long gradients and returns their norm. The gauge learns from a loss of its own, so it is held down by itself."""
        most = self._config.train.clip or float("inf")
        norm = nn.utils.clip_grad_norm_(self._weights, most)
        return norm + nn.utils.clip_grad_norm_(self._gauge_weights, most) if self._gauge_weights else norm

    def _loss_of(self, batch: Batch, chosen: slice, plan: StepPlan) -> Tensor:
        """Returns the loss of some examples of a batch, (N,)."""
        wide = self._floats(batch.soft[chosen]), self._floats(batch.truth[chosen])  # each (N, 3, P, P) in [0, 1]
        soft, truth = (_middle(pictures, plan.patch_px) for pictures in wide)
        softened = wide if batch.moved is None else (wide[0], self._floats(batch.moved[chosen]))
        teacher, has_teacher = None, None
        if batch.teacher is not None:
            teacher = _middle(self._floats(batch.teacher[chosen]), plan.patch_px)
            has_teacher = torch.from_numpy(batch.has_teacher[chosen]).to(self._ranks.device)
        elif self.teacher is not None and plan.alpha < 1:
            teacher = self._ask_teacher(soft, softened)
        loss_of_gauge: Tensor | float = 0.0
        network = self.network
        if not _guided(network):
            with self._autocast():
                result = self._model(soft)
        else:
            mtf = transfer.measure(*softened)
            reading = network.gauge(traces_of(batch.soft[chosen]).to(self._ranks.device))
            with self._autocast():
                result = self._model(soft, transfer.told(mtf, reading[0].detach(), self._config.train.told_truth))
            loss_of_gauge = 0.0 if self._gauge_stays else transfer.misreading(reading[0], reading[1], mtf)
        mask = self._config.distil.mask_harm
        return loss_of_gauge + distilled(self._loss, result.float(), truth, teacher, has_teacher, soft, plan.alpha, mask_harm=mask)

    def _ask_teacher(self, soft: Tensor, softened: tuple[Tensor, Tensor]) -> Tensor:
        """A guided teacher is told the true MTF: what it knows and its student does not is what it has to give, even to its own likeness.

        Distillation of privileged information (Lopez-Paz et al., ICLR 2016).
        """
        assert self.teacher is not None
        known = (transfer.measure(*softened),) if _guided(self.teacher) else ()
        with torch.inference_mode(), self._autocast():
            answer = self.teacher(soft, *known).float().clamp(0, 1)
        return answer.clone()  # what is made in inference mode must not meet gradients

    def _autocast(self) -> torch.autocast:
        precision = self._config.train.precision
        return torch.autocast(self._ranks.device.type, dtype=DTYPES[precision], enabled=precision != "f32")

    def _floats(self, pictures: NDArray[np.uint8]) -> Tensor:
        """Returns (N, 3, P, P) uint8 as floats in [0, 1] on the device."""
        tensor = torch.from_numpy(pictures)
        if self._ranks.device.type == "cuda":
            tensor = tensor.pin_memory().to(self._ranks.device, non_blocking=True)
        return tensor.to(memory_format=self._layout).float() / 255

    def state(self) -> dict[str, Any]:
        """Returns all that is not weights: optimiser, loss scaler and random states."""
        return {"optimiser": self._optimiser.state_dict(), "scaler": self._scaler.state_dict(), "random": random_state()}

    def load(self, folder: Path, state: Mapping[str, Any]) -> None:
        """Goes back to what `RunFolder.save_last` wrote into `folder`; `state` is the part that `state` returned.

        Raises:
            CheckpointError: it is damaged, or of another architecture.
        """
        checkpoint.load_weights(folder / NETWORK, self.network)
        checkpoint.load_weights(folder / AVERAGED, self.average.network)
        try:
            self._optimiser.load_state_dict(state["optimiser"])
            self._scaler.load_state_dict(state["scaler"])
            set_random_state(state["random"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the state in {folder} is of another program or optimiser", "Start the run anew.") from error


def _optimiser(train: Train, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    if train.optimiser == "muon":
        return Muon(parameters, train.lr, train.betas, train.weight_decay)
    make = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[train.optimiser]
    return make(parameters, lr=train.lr, betas=train.betas, weight_decay=train.weight_decay, fused=True)


def _guided(network: Network) -> TypeIs[HalfSizeNetwork | Specialists]:
    """Whether a network can be told an MTF."""
    return isinstance(network, HalfSizeNetwork | Specialists) and network.guided


def _middle(pictures: Tensor, side_px: int) -> Tensor:
    """Returns the middle of pictures, (N, 3, side_px, side_px): what is around it only the gauge sees."""
    off = (pictures.shape[-1] - side_px) // 2
    return pictures[:, :, off : off + side_px, off : off + side_px]


def _freeze_norms(network: nn.Module, *, frozen: bool) -> None:
    """Stops the statistics of batch norms, so that the last steps fit the numbers that will be folded into convolutions."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.training == frozen:
            module.train(not frozen)


def seed_everything(seed: int) -> None:
    """Seeds every generator that a network or a library may draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """Returns the states of Python's, numpy's and torch's generators, as plain values that a safe reader takes."""
    name, keys, position, has_gauss, cached = cast("tuple[str, NDArray[np.uint32], int, int, float]", np.random.get_state(legacy=True))
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Goes back to what `random_state` returned."""
    random.setstate(state["python"])
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
