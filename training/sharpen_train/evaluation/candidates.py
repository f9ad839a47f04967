"""What can be scored: a run, an exported or installed model, or a file of weights, all as one function from picture to picture."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sharpen_core.engines.base import Engine
from sharpen_core.engines.select import select_engine
from sharpen_core.errors import ModelIncompatible, ModelNotFound
from sharpen_core.frame import Size
from sharpen_core.model_store import GRAPHS, MANIFEST, Model, Precision, find_model, list_models, read_model
from sharpen_core.restorer import Restorer
from sharpen_train.errors import CheckpointError, ConfigError
from sharpen_train.metrics import Picture

if TYPE_CHECKING:
    from sharpen_train.architectures import Network

Kind = Literal["run", "model", "weights"]
TAKEN = ("input", "unsharp", "truth")  # what tables and crops call the rest


@dataclass(frozen=True)
class CandidateSpec:
    """What to open and how to run it; it travels to other processes, where it is opened again.

    Attributes:
        what: a run folder, an exported model's folder, an installed model's name, or a file of weights; an exported model may be
            followed by the precision to run it in, such as "fast@int8".
        label: the name in tables; empty for the candidate's own.
        arch: the architecture of a file of weights; None for what the weights tell.
        engine: what runs an exported model: openvino, onnxruntime or auto.
        device: what runs a network of torch: auto, cpu, cuda or cuda:N.
        threads: CPU threads.
    """

    what: str
    label: str = ""
    arch: str | None = None
    engine: str = "openvino"
    device: str = "auto"
    threads: int = 1


class Candidate(ABC):
    """Something that sharpens pictures. Used by one thread at a time.

    Attributes:
        name: as in tables.
        kind: "run", "model" or "weights".
        parameters: number of weights.
        runs_on: engine and precision, for people.
    """

    name: str
    kind: Kind
    parameters: int
    runs_on: str

    @property
    @abstractmethod
    def kmac_per_px(self) -> float:
        """Thousand multiply-accumulates per pixel."""

    @abstractmethod
    def restore(self, picture: Picture) -> Picture:
        """Returns the picture, (H, W, 3) uint8 RGB of any size, sharpened as a whole."""

    def restore_clip(self, frames: Sequence[Picture]) -> list[Picture]:
        """Returns frames that follow each other, (H, W, 3) uint8 RGB of one size, sharpened."""
        return [self.restore(frame) for frame in frames]


class ModelCandidate(Candidate):
    """An exported model, run as the program runs it.

    Attributes:
        model: the model.
        precision: what was asked for; None if nothing was, which is float32.
    """

    kind: Kind = "model"

    def __init__(self, spec: CandidateSpec, model: Model, precision: Precision | None = None) -> None:
        self.name = spec.label or (f"{model.name}@{precision}" if precision else model.name)
        self.model = model
        self.precision: Precision | None = precision
        self.parameters = model.manifest.parameters
        # By default float32, which is the trained network; what bfloat16 or 8 bits cost is asked for by name.
        self._engine: Engine = select_engine(spec.engine, spec.threads, precision or "f32")
        self.runs_on = f"{self._engine.name}, {precision or 'f32'}"
        self._restorer: Restorer | None = None

    @property
    def kmac_per_px(self) -> float:
        """See `Candidate.kmac_per_px`."""
        return self.model.manifest.kmac_per_px

    def restore(self, picture: Picture) -> Picture:
        """See `Candidate.restore`."""
        return self.restore_clip([picture])[0]

    def restore_clip(self, frames: Sequence[Picture]) -> list[Picture]:
        """See `Candidate.restore_clip`."""
        size = Size.of(frames[0])
        if self._restorer is None or self._restorer.size != size:
            self._restorer = Restorer(self.model, self._engine, size)
        self._restorer.forget()
        return [self._restorer.sharpen(frame) for frame in frames]


class NetworkCandidate(Candidate):
    """A network of torch, from a run or from a file of weights."""

    def __init__(self, spec: CandidateSpec, network: "Network", name: str, run: Path | None = None) -> None:
        import torch

        torch.set_num_threads(spec.threads)
        self.name = spec.label or name
        self.kind = "run" if run else "weights"
        self.run = run
        self.parameters = network.size
        device = usable_device(spec.device)
        self.runs_on = f"torch, f32, {device}"
        self.network = network.deploy().to(device)

    @property
    def kmac_per_px(self) -> float:
        """See `Candidate.kmac_per_px`: of the form that is deployed, on a picture that every network can divide."""
        from sharpen_train.architectures.macs import count_macs

        side_px = 256
        return count_macs(self.network, side_px, side_px) / side_px**2 / 1000

    def restore(self, picture: Picture) -> Picture:
        """See `Candidate.restore`."""
        from sharpen_train.distil.restore import restore_tiled

        return restore_tiled(self.network, picture)


def open_candidate(what: str | CandidateSpec) -> Candidate:
    """Opens what can be scored.

    Raises:
        ConfigError: there is no such thing.
        CheckpointError: a run or a file of weights is damaged, or of another architecture.
        ModelError: an exported model is damaged.
        EngineError: the engine cannot be used.
    """
    spec = what if isinstance(what, CandidateSpec) else CandidateSpec(what)
    path, precision = _split(spec.what)
    if (path / MANIFEST).is_file():
        return ModelCandidate(spec, _checked(read_model(path), precision), precision)
    if path.exists():
        from sharpen_train.distil.restore import load_network
        from sharpen_train.distil.run_folder import CONFIG

        if path.is_dir() and not (path / CONFIG).is_file() and not any(path.glob("*.safetensors")):
            raise CheckpointError(
                f"the folder {path} holds neither a run nor a model nor weights", "Give a folder that holds one of these."
            )
        _, network = load_network(path, spec.arch)
        return NetworkCandidate(spec, network, path.resolve().stem, path if (path / CONFIG).is_file() else None)
    try:
        return ModelCandidate(spec, _checked(find_model(str(path)), precision), precision)
    except ModelNotFound as error:
        names = ", ".join(model.name for model in list_models()[0]) or "none"
        hint = f"Installed models: {names}. Or give the folder of a run or of an exported model, or a file of weights"
        raise ConfigError(f"there is no model '{spec.what}'", hint) from error


def _split(what: str) -> tuple[Path, Precision | None]:
    """Splits "fast@int8"; a path that holds an @ itself stays whole."""
    name, _, after = what.rpartition("@")
    precision: Precision | None = next((known for known in GRAPHS if known == after), None)
    return (Path(name), precision) if precision and name and not Path(what).exists() else (Path(what), None)


def _checked(model: Model, precision: Precision | None) -> Model:
    """Compares the files with the manifest at once, before anything slow is done."""
    for name in model.manifest.files:
        model.file(name)
    if precision and precision not in model.precisions:
        raise ModelIncompatible(f"the model '{model.name}' has no {precision}", f"It has: {', '.join(model.precisions)}.")
    return model


@cache
def open_once(spec: CandidateSpec) -> Candidate:
    """Opens a candidate, or returns the one that this process has open already."""
    return open_candidate(spec)


def label_specs(specs: Sequence[CandidateSpec]) -> list[CandidateSpec]:
    """Returns the specs with the names of their candidates, made distinct where two are alike by what was given.

    Raises:
        ConfigError: the same candidate is given twice; and as `open_candidate`.
    """
    twice = [what for what, count in Counter(spec.what for spec in specs).items() if count > 1]
    if twice:
        raise ConfigError(f"'{twice[0]}' is given twice", "Give each model once.")
    names = [open_once(spec).name for spec in specs]
    alike = {name for name, count in Counter(names).items() if count > 1}
    labels = [spec.what if name in alike else name for spec, name in zip(specs, names, strict=True)]
    return [replace(spec, label=f"{label} (model)" if label in TAKEN else label) for spec, label in zip(specs, labels, strict=True)]


def usable_device(wanted: str) -> str:
    """Returns "cpu", "cuda" or "cuda:N" for "auto" or one of these.

    Raises:
        ConfigError: there is no such device here.
    """
    import torch

    there = torch.cuda.is_available()
    if wanted == "auto":
        return "cuda" if there else "cpu"
    known = ["cpu", *(["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))] if there else [])]
    if wanted not in known:
        raise ConfigError(f"there is no device '{wanted}' here", f"Choose one of: auto, {', '.join(known)}.")
    return wanted
