# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false
"""Muon: momentum whose update is made orthogonal, for the weights that are matrices; Adam for all others.

After Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with the step length of Liu et al., "Muon is scalable
for LLM training" (2025), which is that of Adam. So one learning rate serves both kinds, and one for AdamW can be kept.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of the quintic that drives all singular values towards 1
ROUNDS = 5
STEP_LENGTH = 0.2  # root mean square of Adam's updates, as Liu et al. measured it
LEAST_SIDE = 16  # below it there is next to nothing to make orthogonal


def is_matrix(weight: Tensor) -> bool:
    """Returns whether a weight is a matrix to Muon: that of a convolution or layer of some width, not depthwise."""
    return weight.ndim in (2, 4) and min(len(weight), weight[0].numel()) >= LEAST_SIDE


class Muon(torch.optim.Optimizer):
    """See the head of this file.

    Args:
        parameters: what to train.
        lr: learning rate.
        betas: decay of Adam's running mean and running square; Muon's momentum is always `MOMENTUM`.
        weight_decay: decoupled, for both kinds.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], weight_decay: float) -> None:
        every = list(parameters)
        common = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        kinds = {"muon": [weight for weight in every if is_matrix(weight)], "adam": [weight for weight in every if not is_matrix(weight)]}
        super().__init__([{"params": weights, "kind": kind, **common} for kind, weights in kinds.items()], common)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Takes a step; weights without a gradient stay.

        Raises:
            ValueError: a closure was given.
        """
        if closure is not None:
            raise ValueError("this optimiser takes no closure")
        for group in self.param_groups:
            weights: list[Tensor] = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
                (self._step_matrices if group["kind"] == "muon" else self._step_others)(weights, group)

    def _step_matrices(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [cast("Tensor", weight.grad) for weight in weights]
        momenta = [self._kept(weight, "momentum") for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        updates = torch._foreach_lerp(gradients, momenta, MOMENTUM)  # Nesterov's
        alike: dict[tuple[int, int], list[int]] = {}
        for index, weight in enumerate(weights):  # matrices of one shape go through the matrix products together
            alike.setdefault((len(weight), weight[0].numel()), []).append(index)
        for (rows, columns), some in alike.items():
            length = group["lr"] * STEP_LENGTH * max(rows, columns) ** 0.5
            straight = orthogonal(torch.stack([updates[index].reshape(rows, columns) for index in some]))
            for index, update in zip(some, straight, strict=True):
                weights[index].sub_(update.reshape(weights[index].shape), alpha=length)

    def _step_others(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Adam (Kingma and Ba, ICLR 2015), for all weights at once: they are many and small."""
        decay1, decay2 = group["betas"]
        group["steps"] = steps = group.get("steps", 0) + 1
        gradients = [cast("Tensor", weight.grad) for weight in weights]
        means, squares = ([self._kept(weight, name) for weight in weights] for name in ("mean", "square"))
        torch._foreach_lerp_(means, gradients, 1 - decay1)
        torch._foreach_mul_(squares, decay2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - decay2)
        roots = torch._foreach_div(squares, 1 - decay2**steps)
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, 1e-8)
        torch._foreach_addcdiv_(weights, means, roots, -group["lr"] / (1 - decay1**steps))

    def _kept(self, weight: Tensor, name: str) -> Tensor:
        """Returns what is remembered of a weight between steps; zeros at first."""
        kept = self.state[weight]
        if name not in kept:
            kept[name] = torch.zeros_like(weight)
        return kept[name]


def orthogonal(matrices: Tensor) -> Tensor:
    """Returns matrices, (N, R, C), with their singular vectors and with singular values of about 1 (0.7 to 1.2); float32."""
    high = matrices.shape[1] > matrices.shape[2]
    x = matrices.float().transpose(1, 2).contiguous() if high else matrices.float()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(ROUNDS):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if high else x
