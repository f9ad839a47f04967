"""Several losses as one, and what a teacher adds to it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from sharpen_train.errors import ConfigError
from sharpen_train.losses.distances import LOSSES, mse
from sharpen_train.losses.perceptual import PERCEPTUAL


class Loss(nn.Module):
    """A weighted sum of losses.

    Its feature networks move to a device with it and never learn; it is no part of the network that is trained.
    """

    def __init__(self, terms: Mapping[str, tuple[float, Callable[[Tensor, Tensor], Tensor]]]) -> None:
        super().__init__()
        self.terms = dict(terms)
        self.networks = nn.ModuleDict({name: term for name, (_, term) in terms.items() if isinstance(term, nn.Module)})

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """Returns the sum for each example, (N,), of two (N, 3, H, W) in [0, 1]."""
        values = (weight * term(result, truth) for weight, term in self.terms.values())
        return torch.stack(tuple(values)).sum(dim=0)

    def parts(self, result: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Returns each loss by name, unweighted, (N,)."""
        return {name: term(result, truth) for name, (_, term) in self.terms.items()}


def build_loss(terms: Mapping[str, float], perceptual_weights: Path | None = None, perceptual_head: Path | None = None) -> Loss:
    """Returns the sum of the losses with a weight above 0.

    Args:
        terms: weight of each loss by name: `LOSSES` and `PERCEPTUAL`.
        perceptual_weights: weights of the feature network, for a perceptual loss.
        perceptual_head: LPIPS weights of SqueezeNet's features; None: all features count alike.

    Raises:
        ConfigError: a name is unknown, nothing has a weight, or a perceptual loss has no file of weights.
        CheckpointError: a file of weights cannot be read or is of another network.
        MissingExtraError: the file needs a library that is not installed.
    """
    built: dict[str, tuple[float, Callable[[Tensor, Tensor], Tensor]]] = {}
    for name, weight in terms.items():
        if weight == 0:
            continue
        if name in LOSSES:
            built[name] = weight, LOSSES[name]
        elif name in PERCEPTUAL:
            if perceptual_weights is None:
                raise ConfigError(f"the loss '{name}' has no weights", f"Give their file: {PERCEPTUAL[name].files}")
            built[name] = weight, PERCEPTUAL[name].load(perceptual_weights, perceptual_head)
        else:
            raise ConfigError(f"there is no loss '{name}'", f"Choose from: {', '.join([*LOSSES, *PERCEPTUAL])}")
    if not built:
        raise ConfigError("no loss has a weight above 0", f"Choose from: {', '.join([*LOSSES, *PERCEPTUAL])}")
    return Loss(built)


def distilled(
    loss: Callable[[Tensor, Tensor], Tensor],
    result: Tensor,
    truth: Tensor,
    teacher: Tensor | None,
    has_teacher: Tensor | None,
    soft: Tensor,
    alpha: float,
    *,
    mask_harm: bool = True,
) -> Tensor:
    """Returns `alpha * loss(result, truth) + (1 - alpha) * loss(result, teacher)` for each example, (N,).

    An example counts its truth alone where there is no teacher, and, with `mask_harm`, where the teacher is no nearer to the truth than
    the soft picture is (in mean squared error): there it would teach to harm.

    Args:
        loss: maps two (N, 3, H, W) to (N,).
        result: what the student made of `soft`. All pictures are (N, 3, H, W) in [0, 1].
        truth: the sharp pictures.
        teacher: what the teacher made of `soft`, with anything where there is none; None: no example has one.
        has_teacher: (N,) bool; None: all have one, if `teacher` is given.
        soft: the input.
        alpha: weight of the truth.
        mask_harm: leave a teacher out where it harms.
    """
    to_truth = loss(result, truth)
    if teacher is None or alpha >= 1:
        return to_truth
    counts = torch.ones_like(to_truth, dtype=torch.bool) if has_teacher is None else has_teacher
    if mask_harm:
        counts = counts & (mse(teacher, truth) < mse(soft, truth))
    # The rows without a teacher are replaced, not multiplied by zero: whatever lies in them, even NaN, has no gradient.
    shown = torch.where(counts[:, None, None, None], teacher, truth)
    return torch.where(counts, alpha * to_truth + (1 - alpha) * loss(result, shown), to_truth)
