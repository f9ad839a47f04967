"""The settings of a training run: one section for each part, one line of meaning for each value.

The files that people write are TOML with the same sections. Everything is checked when it is read, so that a run never stops after an
hour for a number that could not have worked.
"""

import re
from typing import Annotated, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    """A part of the settings; its docstrings are what a written file says about each value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Data(_Section):
    """Where the examples come from."""

    path: str = ""
    """Folder that `sharpen-train prepare` wrote."""


class Model(_Section):
    """The network that is trained."""

    arch: str = "nafnet-tiny"
    """Name of the architecture."""
    start_from: str = ""
    """Weights to begin with, a file or the folder of a run; empty: random weights."""
    gauge: str = ""
    """What `sharpen-train gauge` wrote, or weights with a gauge among them, which then stays as it is; empty: the gauge learns, too."""


class Train(_Section):
    """The optimiser and the machine it runs on."""

    steps: int = Field(default=0, ge=0, le=100_000_000)
    """Steps of the optimiser; 0: as many as fit into max_minutes, counted from the first measured steps."""
    max_minutes: float = Field(default=60.0, gt=0)
    """Longest time to train for, in minutes, with the time before a resume counted."""
    lr: float = Field(default=1.5e-3, gt=0, le=1)
    """Highest learning rate."""
    lr_floor: float = Field(default=0.0, ge=0, le=1)
    """Learning rate below which the schedule does not fall."""
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    """How the learning rate falls after the warm-up: cosine, step or constant."""
    step_shares: tuple[Share, ...] = Field(default=(0.5, 0.75, 0.9), strict=False)
    """With the step schedule: shares of the steps after the warm-up at which the learning rate is multiplied by step_factor."""
    step_factor: float = Field(default=0.5, gt=0, lt=1)
    """With the step schedule: what the learning rate is multiplied by."""
    warmup_steps: int = Field(default=300, ge=0)
    """Steps over which the learning rate rises from zero; at most a tenth of the run."""
    optimiser: Literal["adamw", "adam", "muon"] = "adamw"
    """adamw (decoupled weight decay), adam, or muon (orthogonal momentum for the weights that are matrices, Adam for the others)."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(default=(0.9, 0.99), strict=False)
    """Decay of the optimiser's running mean and of its running square."""
    weight_decay: float = Field(default=1e-5, ge=0, le=1)
    """Weight decay of the optimiser."""
    clip: float = Field(default=0.5, ge=0)
    """Longest gradient, as an L2 norm over all weights; 0: not clipped."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    """Decay per step of the averaged weights, which are the result; 0: no averaging."""
    precision: Literal["f32", "bf16", "fp16"] = "bf16"
    """Arithmetic of the network: f32, bf16, or fp16 (with loss scaling, on a GPU); weights and losses stay f32."""
    channels_last: bool = True
    """Lay tensors out with the channels last, which convolutions prefer."""
    accumulate: int = Field(default=1, ge=1, le=4096)
    """Parts that a batch is worked off in, to save memory; the step sees the whole batch."""
    freeze_norm_share: Share = 0.1
    """Last share of the steps in which the statistics of batch norms no longer move."""
    told_truth: Share = 0.5
    """Share of the pictures of which a guided network is told the true MTF, a little off; of the others what the gauge reads in a patch."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Of the first weights and of everything that is drawn."""
    threads: int = Field(default=0, ge=0, le=1024)
    """CPU threads of the arithmetic; 0: one for each core."""
    workers: int = Field(default=1, ge=1, le=256)
    """Processes that make the batches; their number changes no batch."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda or cuda:N."""
    compile: bool = False
    """Let torch.compile make the network faster; needs a C++ compiler and some minutes at the start."""
    validate_every: int = Field(default=1000, ge=1)
    """Steps between validations, each of which also saves the run."""
    samples_every: int = Field(default=5000, ge=0)
    """Steps between sample pictures; 0: none."""

    @field_validator("device")
    @classmethod
    def _is_a_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", device):
            raise ValueError(f'"{device}" is no device')
        return device

    @model_validator(mode="after")
    def _floor_is_below(self) -> Self:
        if self.lr_floor > self.lr:
            raise ValueError(f"lr_floor = {self.lr_floor:g} is above lr = {self.lr:g}")
        return self


class Loss(_Section):
    """What is minimised."""

    terms: dict[str, Annotated[float, Field(ge=0, le=1e6)]] = {"psnr": 1.0}
    """Weight of each loss by name; 0 leaves one out."""
    perceptual_weights: str = ""
    """File with the weights of the feature network, for the terms vgg16 and squeezenet."""
    perceptual_head: str = ""
    """File with the LPIPS weights of the squeezenet features; empty: all features count alike."""

    @field_validator("terms")
    @classmethod
    def _something_counts(cls, terms: dict[str, float]) -> dict[str, float]:
        if not any(terms.values()):
            raise ValueError("no loss has a weight above 0")
        return terms


class Distil(_Section):
    """What a teacher adds; how much it counts is the `alpha` of each phase."""

    teacher: str = ""
    """Outputs that `sharpen-train teacher` wrote (by name), the folder of a run, or a file of weights; empty: no teacher."""
    mode: Literal["offline", "online"] = "offline"
    """offline: the teacher's outputs lie in the data folder; online: it runs beside the student."""
    mask_harm: bool = True
    """Leave the teacher out wherever it is farther from the truth than its input is."""


class Phase(_Section):
    """A stretch of the curriculum."""

    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the steps, relative to the shares of the other phases."""
    preset: str = "mixed"
    """Name of the degradation that makes the soft pictures."""
    patch_px: int = Field(default=128, ge=16, le=1024, multiple_of=8)
    """Side of a square patch, in pixels."""
    surround_px: int = Field(default=0, ge=0, le=512, multiple_of=8)
    """Pixels around each patch by which a guided network's gauge judges how soft it is; the network does not see them."""
    batch: int = Field(default=16, ge=1, le=65536)
    """Patches in a step, over all GPUs and machines together."""
    alpha: Share = 1.0
    """Weight of the truth; the teacher has the rest of 1."""
    alpha_end: Share | None = None
    """Alpha at the end of the phase, to which it moves in a straight line; left out: it stays."""
    pairs_share: Share = 0.0
    """Share of each batch that is taken from real blurred partners, where the data has some."""


class Config(_Section):
    """Everything that decides a run."""

    data: Data = Data()
    """Where the examples come from."""
    model: Model = Model()
    """The network that is trained."""
    train: Train = Train()
    """The optimiser and the machine it runs on."""
    loss: Loss = Loss()
    """What is minimised."""
    distil: Distil = Distil()
    """What a teacher adds; how much it counts is the alpha of each phase."""
    phase: tuple[Phase, ...] = Field(default=(Phase(),), min_length=1, strict=False)
    """The curriculum, one phase after the other."""

    def to_toml(self) -> str:
        """Returns the settings as a file for people, each value under a line that explains it; it reads back equal."""
        parts = ["# Settings of a training run of Sharpened Camera. Paths are relative to the folder that the run was started in.\n"]
        for name in ("data", "model", "train", "loss", "distil"):
            parts.append(f"\n# {type(self).model_fields[name].description}\n[{name}]\n{_lines(getattr(self, name))}")
        for number, phase in enumerate(self.phase, start=1):
            parts.append(f"\n# Phase {number} of {len(self.phase)}\n[[phase]]\n{_lines(phase)}")
        return "".join(parts)


def _lines(section: _Section) -> str:
    """Returns the values of a section as TOML, each under its meaning."""
    lines: list[str] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        written = f"# {name} =\n" if value is None else _line(name, value)
        lines.append(f"# {field.description}\n{written}")
    return "".join(lines)


def _line(name: str, value: object) -> str:
    if isinstance(value, dict):  # as an inline table, so that the values below it still belong to the section
        return f"{name} = {{ {', '.join(_line(key, part).strip() for key, part in value.items())} }}\n"
    if isinstance(value, tuple):
        return f"{name} = [{', '.join(repr(part) for part in value)}]\n"
    return tomli_w.dumps({name: value})
