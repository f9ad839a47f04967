"""Models on disk: where they are, what they promise, and whether their files are still what they were.

A model is a folder:

    manifest.json   the promises below, and the sha256 of every other file
    model.onnx      for ONNX Runtime
    model.xml/.bin  optional: for OpenVINO, which otherwise reads model.onnx
    model-f16.xml/.bin   optional: the same with weights of half the size
    model-int8.xml/.bin  optional: the same with quantised convolutions
    gauge.npz       optional: what reads how soft a frame is, for a network that is told; see `sharpen_core.gauge`
    golden.npz      an input and the output that the model gave when it was exported
    weights.safetensors  optional: what training can start from
    card.md         how it was trained and what it scores

A model may have several sets of weights, each for frames of a range of softness. Then its graphs are numbered, the one for the softest
frames first: model-1.onnx, model-2.onnx, model-int8-1.xml and so on. An .xml may be packed: .xml.gz.
"""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sharpen_core.errors import ModelCorrupt, ModelNotFound
from sharpen_core.gauge import Gauge

APP_NAME = "sharpened-camera"
MANIFEST = "manifest.json"
GAUGE = "gauge.npz"
Precision = Literal["f32", "bf16", "f16", "int8"]
"""How a model is computed: float32, bfloat16 arithmetic, float16 weights (float32 arithmetic), 8-bit convolutions."""

GRAPHS: dict[Precision, str] = {"f32": "model", "bf16": "model", "f16": "model-f16", "int8": "model-int8"}
"""The files that OpenVINO reads for each precision, without the suffixes .xml and .bin."""

_HARMLESS_DB, _HARMLESS_AT_WORST_DB = 0.1, 0.5


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Strict):
    """What a file must be."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class InputContract(_Strict):
    """What the network takes and gives: u8, RGB, (1, H, W, 3), both sides multiples of `multiple_px`."""

    layout: Literal["NHWC"] = "NHWC"
    dtype: Literal["uint8"] = "uint8"
    colour: Literal["RGB"] = "RGB"
    multiple_px: int = Field(ge=1, le=64)


class Parity(_Strict):
    """How far one way of running the model is from the trained network, in 1/255, on the golden picture and others."""

    max_abs: float = Field(ge=0)
    mean_abs: float = Field(ge=0)


class Score(_Strict):
    """Mean quality on one level of degradation: RGB PSNR in dB and SSIM of luma."""

    input_psnr_db: float
    input_ssim: float
    unsharp_psnr_db: float
    unsharp_ssim: float
    psnr_db: float
    ssim: float


class Quantisation(_Strict):
    """What 8 bits cost: PSNR in dB below float32, on average and at most, on pictures that it was not calibrated on.

    Attributes:
        method: what is in 8 bits.
        psnr_loss_db: on average over soft pictures.
        worst_psnr_loss_db: of the one that suffers most.
        pictures: how many there were.
        sharp_db: PSNR at which they come back when they are sharp already and should not change, on average; None where nobody looked.
        sharp_db_float: the same in float32.
    """

    method: str
    psnr_loss_db: float
    worst_psnr_loss_db: float
    pictures: int = Field(ge=1)
    sharp_db: float | None = None
    sharp_db_float: float | None = None

    @property
    def harmless(self) -> bool:
        """Whether nobody would tell: what is lost is next to nothing on average, and little on the picture that suffers most."""
        return self.psnr_loss_db <= _HARMLESS_DB and self.worst_psnr_loss_db <= _HARMLESS_AT_WORST_DB


class Manifest(_Strict):
    """What a model promises.

    Attributes:
        format: version of this file's layout.
        name: the folder's name, by which the model is chosen.
        title: one line for people.
        architecture: name of the network's architecture.
        licence: SPDX identifier of the weights' licence.
        parameters: number of weights in a set.
        kmac_per_px: thousand multiply-accumulates per pixel of a frame.
        working_bytes_per_px: memory per pixel that the widest step of the network touches, in float32.
        halo_px: an output pixel at least this far inside the edge of a tile depends on nothing beyond that edge, if the tile starts and
            ends at multiples of `input.multiple_px`.
        whole_frame: whether the network looks at the whole frame at once, so that its tiles would differ; it is never tiled.
        bounds: mean MTF up to which each set of weights but the last is used, rising; empty for a model of one set.
        told: whether the network is told how soft the frame is: its graphs have a second input, and gauge.npz reads that from frames.
        input: what goes in and out.
        parity: by engine and precision, such as "openvino/bf16".
        training: how it was trained, in plain keys and values.
        scores: by level of degradation, such as "heavy+jpeg".
        int8: what 8 bits cost, if the model has a graph for them.
        files: every other file of the folder.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str
    architecture: str
    licence: str
    parameters: int = Field(gt=0)
    kmac_per_px: float = Field(gt=0)
    working_bytes_per_px: float = Field(gt=0)
    halo_px: int = Field(ge=0, le=1024)
    whole_frame: bool = False
    told: bool = False
    bounds: tuple[float, ...] = ()
    input: InputContract
    parity: dict[str, Parity]
    training: dict[str, str | int | float | bool]
    scores: dict[str, Score] = {}
    int8: Quantisation | None = None
    files: dict[str, FileEntry]

    @field_validator("bounds")
    @classmethod
    def _rise(cls, bounds: tuple[float, ...]) -> tuple[float, ...]:
        if list(bounds) != sorted(set(bounds)):
            raise ValueError("the bounds do not rise")
        return bounds


def graph_name(stem: str, suffix: str, number: int, sets: int) -> str:
    """Returns the name of a graph's file for one of several sets of weights."""
    return f"{stem}{suffix}" if sets == 1 else f"{stem}-{number + 1}{suffix}"


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose manifest was read; its files are checked when they are asked for.

    Attributes:
        folder: where it is.
        manifest: what it promises.
        number: which of its sets of weights the names of its graphs mean, 0 for the softest frames; by default the one in the middle.
    """

    folder: Path
    manifest: Manifest
    number: int = -1

    def __post_init__(self) -> None:
        if self.number < 0:
            object.__setattr__(self, "number", self.sets // 2)

    @property
    def name(self) -> str:
        """The name by which it is chosen."""
        return self.manifest.name

    @property
    def sets(self) -> int:
        """How many sets of weights it has."""
        return len(self.manifest.bounds) + 1

    @property
    def onnx_file(self) -> str:
        """The name of the file that ONNX Runtime reads."""
        return self._graph("model", ".onnx")

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """What OpenVINO may compute it in: float32 always, any other where the manifest promises its parity."""
        promised = self.manifest.parity
        return tuple(precision for precision in GRAPHS if precision == "f32" or f"openvino/{precision}" in promised)

    def graph_files(self, precision: Precision) -> tuple[str, ...]:
        """Returns the names of the files that OpenVINO reads for a precision, the first of which it is given."""
        graph, packed, weights = (self._graph(GRAPHS[precision], suffix) for suffix in (".xml", ".xml.gz", ".bin"))
        if packed in self.manifest.files:
            return packed, weights
        return (graph, weights) if graph in self.manifest.files or GRAPHS[precision] != GRAPHS["f32"] else (self.onnx_file,)

    def graph_bytes(self, precision: Precision) -> int:
        """Size of the files that OpenVINO reads for a precision, for all sets of weights; 0 where the manifest lists none."""
        names = [name for number in range(self.sets) for name in replace(self, number=number).graph_files(precision)]
        return sum(entry.bytes for name in names if (entry := self.manifest.files.get(name)))

    def _graph(self, stem: str, suffix: str) -> str:
        return graph_name(stem, suffix, self.number, self.sets)

    def gauge(self) -> Gauge | None:
        """Returns what reads how soft a frame is, for a model that is told that.

        Raises:
            ModelCorrupt: it is missing or damaged.
        """
        if not self.manifest.told:
            return None
        try:
            return Gauge.load(self.file(GAUGE))
        except ValueError as error:
            raise ModelCorrupt(f"the model '{self.name}' is damaged: {error}", "Install the model again.") from error

    def file(self, name: str) -> Path:
        """Returns the path of one of the model's files after checking it against the manifest.

        Raises:
            ModelCorrupt: the file is missing, not listed, or its sha256 is wrong.
        """
        entry = self.manifest.files.get(name)
        path = self.folder / name
        if entry is None:
            raise ModelCorrupt(f"the model '{self.name}' lists no file {name}", "Install the model again.")
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelCorrupt(f"the model '{self.name}' lacks its file {name}", "Install the model again.") from error
        if digest != entry.sha256:
            raise ModelCorrupt(
                f"the model '{self.name}' is damaged: {path} is not the file that its manifest names", "Install the model again."
            )
        return path


def read_model(folder: Path) -> Model:
    """Reads the model in `folder`.

    Raises:
        ModelNotFound: the folder holds no manifest.
        ModelCorrupt: the manifest is not what it must be.
    """
    path = folder / MANIFEST
    try:
        return Model(folder, Manifest.model_validate_json(path.read_bytes()))
    except FileNotFoundError as error:
        raise ModelNotFound(f"{folder} holds no model", f"A model is a folder with a {MANIFEST}.") from error
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        raise ModelCorrupt(f"the manifest {path} is damaged: {_first_line(error)}", "Install the model again.") from error


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"
    return str(error).splitlines()[0]


def model_roots() -> list[Path]:
    """Where models are looked for, first match first: the user's own, then those that came with the program."""
    here = Path(__file__).parent
    shipped = here / "_models"  # in a wheel; a checkout has them beside the packages
    roots = [user_model_root(), shipped if shipped.is_dir() else here.parent / "models"]
    return [root for root in roots if root.is_dir()]


def user_model_root() -> Path:
    """The folder for models that the user installs; it need not exist."""
    override = os.environ.get("SHARPENED_CAMERA_MODELS")
    return Path(override) if override else platformdirs.user_data_path(APP_NAME) / "models"


def list_models() -> tuple[list[Model], list[ModelCorrupt]]:
    """Returns every readable model, by name, and an error for each folder that is damaged."""
    models: dict[str, Model] = {}
    damaged: list[ModelCorrupt] = []
    for root in model_roots():
        for folder in sorted(root.iterdir()):
            if folder.name.startswith(".") or not (folder / MANIFEST).is_file():  # a hidden one is still being copied
                continue
            try:
                model = read_model(folder)
            except ModelCorrupt as error:
                damaged.append(error)
            else:
                models.setdefault(model.name, model)
    return [models[name] for name in sorted(models)], damaged


def find_model(name: str | None) -> Model:
    """Returns a model by name or by the path of its folder; the default one for None.

    Raises:
        ModelNotFound: there is none; the hint names those that exist.
        ModelCorrupt: its manifest is damaged.
    """
    if name is not None and (os.sep in name or "/" in name or Path(name).is_dir()):
        return read_model(Path(name))
    wanted = name or DEFAULT_MODEL
    for root in model_roots():
        if (root / wanted / MANIFEST).is_file():
            return read_model(root / wanted)
    names = ", ".join(model.name for model in list_models()[0])
    raise ModelNotFound(f"there is no model '{wanted}'", f"Choose one of: {names}." if names else "No model is installed.")


def find_family() -> list[Model]:
    """Returns the models that a live session may choose from, best first: those of `FAMILY` that are installed and whole.

    Raises:
        ModelNotFound: none is installed.
        ModelCorrupt: those that are installed are damaged.
    """
    found: list[Model] = []
    problems: list[ModelNotFound | ModelCorrupt] = []
    for name in FAMILY:
        try:
            found.append(find_model(name))
        except (ModelNotFound, ModelCorrupt) as error:
            problems.append(error)
    if not found:
        raise next((problem for problem in problems if isinstance(problem, ModelCorrupt)), problems[-1])
    return found


FAMILY = ("nafnet-tiny", "balanced", "fast")
"""Best and heaviest first."""

DEFAULT_MODEL = "nafnet-tiny"
