"""From a trained run to a model folder: deploy form, graphs, proofs, golden numbers, manifest, card."""

import hashlib
import json
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors.torch import save_file

from sharpen_core.frame import Size
from sharpen_core.model_store import GAUGE, MANIFEST, FileEntry, InputContract, Manifest, Model, Precision, Score, read_model
from sharpen_train.architectures import Network, build
from sharpen_train.architectures.macs import count_macs
from sharpen_train.distil.checkpoint import load_weights
from sharpen_train.distil.restore import load_run
from sharpen_train.distil.run_folder import METRICS, read_run_config
from sharpen_train.errors import ConfigError, DataError, ExportError
from sharpen_train.exporting.calibration import Examples, read_examples
from sharpen_train.exporting.card import Fact, describe_training, read_credits, write_card
from sharpen_train.exporting.family import family_of, restored, write_family
from sharpen_train.exporting.golden import golden_pictures
from sharpen_train.exporting.graph import count_working_bytes, deploy
from sharpen_train.exporting.parity import check_parity
from sharpen_train.exporting.placing import place
from sharpen_train.exporting.quantise import import_nncf

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]*"
MACS_SIDE_PX = 256
SCORES, WEIGHTS, CARD = "scores.json", "weights.safetensors", "card.md"


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and what is said about it.

    Attributes:
        name: name of the model; empty: made from the name of the run's folder.
        title: one line for people; empty: made from the architecture.
        note: what else is to be known of the training, for manifest and card.
        credits_text: whose pictures it was trained on, for the card.
        f16: write OpenVINO's graph with weights of half the size too.
        int8: write it with 8-bit convolutions too.
        calibration: pictures or dataset for that; None takes the run's own dataset.
        accuracy_limit_db: how far 8 bits may take the mean PSNR below float32.
        compact: take as little room as possible: weights in half precision, which are computed with in float32 as before, graphs packed,
            and without OpenVINO's float32 files, as it reads ONNX too, or the weights to train on from.
    """

    name: str = ""
    title: str = ""
    note: str = ""
    credits_text: str = ""
    f16: bool = False
    int8: bool = False
    calibration: Path | None = None
    accuracy_limit_db: float = 0.15
    compact: bool = False


@dataclass(frozen=True)
class Trained:
    """What a run has come to.

    Attributes:
        network: with the finished weights, in the form that is trained.
        architecture: its name.
        name: what the model is called unless an option says otherwise.
        training: how it was trained, in plain keys and values.
        scores: what `evaluate` measured, by condition.
        data: folder that it was trained on; empty if that is not known.
    """

    network: Network
    architecture: str
    name: str
    training: dict[str, Fact]
    scores: dict[str, Score]
    data: str = ""


def export(source: Path, out: Path | None = None, options: ExportOptions | None = None) -> Manifest:
    """Writes the model of a run into a folder, replacing a model that is there. Nothing is replaced if a check fails.

    A model is written again from its own weights: in the form that this version gives to graphs, with its training, scores, credits and
    precisions. Its 8 bits are chosen anew, so they need pictures.

    Args:
        source: folder that `train` wrote, or folder of a model.
        out: folder to write; None: see `default_folder`.
        options: see there.

    Raises:
        CheckpointError: the folder is neither a finished run nor a model.
        ConfigError: the name cannot be a model's, or there is no such architecture here.
        DataError: the pictures to calibrate on are missing.
        ExportError: the exported model does not do what the trained one does, it came without weights, or the folder cannot be written.
        ModelCorrupt: the model is damaged.
    """
    options = options or ExportOptions()
    if (source / MANIFEST).is_file():
        model = read_model(source)
        trained, options = _of_model(model), _as_before(model, options)
    else:
        trained = _of_run(source)
    return export_network(trained, out or default_folder(source), options)


def default_folder(source: Path) -> Path:
    """Returns where `export` writes unless it is told: `export` in a run, and over a model itself."""
    return source if (source / MANIFEST).is_file() else source / "export"


def _of_run(run: Path) -> Trained:
    config = read_run_config(run)
    name = re.sub(r"[^a-z0-9._-]+", "-", run.resolve().name.lower()).strip("-._") or "model"
    training = describe_training(config.model_dump(exclude_none=True), run / METRICS)
    return Trained(load_run(run), config.model.arch, name, training, _read_scores(run / SCORES), config.data.path)


def _of_model(model: Model) -> Trained:
    manifest = model.manifest
    if WEIGHTS not in manifest.files:
        raise ExportError(f"the model '{model.name}' was written without its weights", "Export the run that it came from.")
    network = build(manifest.architecture)
    load_weights(model.file(WEIGHTS), network)
    return Trained(network.eval(), manifest.architecture, manifest.name, dict(manifest.training), dict(manifest.scores))


def _as_before(model: Model, options: ExportOptions) -> ExportOptions:
    """Returns the options with what the model says of itself where they say nothing."""
    return replace(
        options,
        title=options.title or model.manifest.title,
        credits_text=options.credits_text or read_credits(model.file(CARD).read_text(encoding="utf-8")),
        f16=options.f16 or "f16" in model.precisions,
        int8=options.int8 or "int8" in model.precisions,
    )


def export_network(trained: Trained, out: Path, options: ExportOptions) -> Manifest:
    """Writes the model of a network into the folder `out`; see `export`."""
    name = options.name or trained.name
    _check(name, out)
    examples = _examples(trained, options)
    pictures = golden_pictures(trained.network.multiple_px)
    deployed, difference = deploy(trained.network, pictures)
    print(f"deploy form: at most {difference:.1g} from the trained network (values 0 to 1)")
    family = family_of(deployed)
    with tempfile.TemporaryDirectory(prefix="sharpen-export-") as scratch:
        folder = Path(scratch)
        size, limit_db = Size.of(pictures[0]), options.accuracy_limit_db
        cost = write_family(family, folder, size, examples, limit_db, f16=options.f16, compact=options.compact)
        if family.gauge_arrays:
            np.savez(folder / GAUGE, allow_pickle=False, **family.gauge_arrays)
        if not options.compact:
            save_file({key: value.contiguous() for key, value in trained.network.state_dict().items()}, folder / WEIGHTS)
        expected = [restored(family, pictures, half=options.compact, number=number) for number in range(len(family.members))]
        np.savez_compressed(folder / "golden.npz", input=pictures[0], output=expected[family.choose(pictures[0])][0])
        manifest = _manifest(name, trained, deployed, options, folder).model_copy(update={"int8": cost, "bounds": family.bounds})
        low: list[Precision] = [*(["f16"] if options.f16 else []), *(["int8"] if options.int8 else [])]
        parity = check_parity(Model(folder, manifest), pictures, expected, low)
        manifest = manifest.model_copy(update={"parity": parity})
        write_card(folder / CARD, manifest, options.credits_text)
        manifest = manifest.model_copy(update={"files": manifest.files | {CARD: _entry(folder / CARD)}})
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        place(folder, [*manifest.files, MANIFEST], out)
    return manifest


def _check(name: str, out: Path) -> None:
    """Refuses what could only fail after minutes."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ConfigError(f"'{name}' cannot be the name of a model", "Use small letters, digits, dots, hyphens and underscores.")
    if out.exists() and not (out / MANIFEST).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise ExportError(f"{out} is a folder of something else", "Give a new folder, or one that holds a model.")


def _examples(trained: Trained, options: ExportOptions) -> Examples | None:
    """Reads what 8 bits are calibrated on before anything slow is done; None where they are not asked for."""
    if not options.int8:
        return None
    import_nncf()
    source = options.calibration or (Path(trained.data) if trained.data else None)
    if source is None:
        raise DataError(
            "8 bits have to be chosen by pictures, and a model brings none", "Name pictures to calibrate on: --calibration FOLDER."
        )
    if not source.exists():
        missing = f"there is no folder {source}" if options.calibration else f"the dataset {source} of the run is not there"
        raise DataError(missing, "Name pictures to calibrate on: --calibration FOLDER.")
    return read_examples(source, trained.network.multiple_px)


def _read_scores(path: Path) -> dict[str, Score]:
    """Returns what `evaluate` wrote into the run; nothing where it has not run.

    Raises:
        ExportError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return {condition: Score.model_validate(score) for condition, score in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError, ValidationError) as error:
        raise ExportError(f"the scores {path} are damaged", "Evaluate the run again, or remove the file.") from error


def _manifest(name: str, trained: Trained, deployed: Network, options: ExportOptions, folder: Path) -> Manifest:
    """Returns the manifest without what is measured later; `folder` holds the files so far."""
    return Manifest(
        name=name,
        title=options.title or f"{name}: {trained.architecture}",
        architecture=trained.architecture,
        licence="MIT",
        parameters=deployed.size,
        kmac_per_px=round(count_macs(deployed, MACS_SIDE_PX, MACS_SIDE_PX) / MACS_SIDE_PX**2 / 1000, 2),
        working_bytes_per_px=round(count_working_bytes(deployed), 1),
        halo_px=deployed.halo_px,
        whole_frame=deployed.whole_frame,
        told=deployed.guided,
        input=InputContract(multiple_px=deployed.multiple_px),
        parity={},
        training=trained.training | ({"note": options.note} if options.note else {}),
        scores=trained.scores,
        files={path.name: _entry(path) for path in sorted(folder.iterdir())},
    )


def _entry(path: Path) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
