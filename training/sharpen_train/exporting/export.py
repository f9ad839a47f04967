"""From a trained run to a model folder: deploy form, graphs, proofs, golden numbers, manifest, card."""

import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors.torch import save_file

from sharpen_core.frame import Size
from sharpen_core.model_store import MANIFEST, FileEntry, InputContract, Manifest, Model, Precision, Score
from sharpen_train.architectures import Network
from sharpen_train.architectures.macs import count_macs
from sharpen_train.distil.restore import load_run
from sharpen_train.distil.run_folder import METRICS, read_run_config
from sharpen_train.errors import ConfigError, DataError, ExportError
from sharpen_train.exporting.calibration import Examples, read_examples
from sharpen_train.exporting.card import Fact, describe_training, write_card
from sharpen_train.exporting.golden import golden_pictures
from sharpen_train.exporting.graph import ByteContract, count_working_bytes, deploy, write_graphs
from sharpen_train.exporting.parity import check_parity
from sharpen_train.exporting.placing import place
from sharpen_train.exporting.quantise import import_nncf, quantise

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]*"
MACS_SIDE_PX = 256
SCORES = "scores.json"


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
    """

    name: str = ""
    title: str = ""
    note: str = ""
    credits_text: str = ""
    f16: bool = False
    int8: bool = False
    calibration: Path | None = None
    accuracy_limit_db: float = 0.15


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


def export(run: Path, out: Path | None = None, options: ExportOptions | None = None) -> Manifest:
    """Writes the model of a run into a folder, replacing a model that is there. Nothing is replaced if a check fails.

    Args:
        run: folder that `train` wrote.
        out: folder to write; None: `export` in the run.
        options: see there.

    Raises:
        CheckpointError: the folder is not a finished run.
        ConfigError: the name cannot be a model's.
        DataError: the pictures to calibrate on are missing.
        ExportError: the exported model does not do what the trained one does, or the folder cannot be written.
    """
    config = read_run_config(run)
    name = re.sub(r"[^a-z0-9._-]+", "-", run.resolve().name.lower()).strip("-._") or "model"
    training = describe_training(config.model_dump(exclude_none=True), run / METRICS)
    trained = Trained(load_run(run), config.model.arch, name, training, _read_scores(run / SCORES), config.data.path)
    return export_network(trained, out or run / "export", options or ExportOptions())


def export_network(trained: Trained, out: Path, options: ExportOptions) -> Manifest:
    """Writes the model of a network into the folder `out`; see `export`."""
    name = options.name or trained.name
    _check(name, out)
    examples = _examples(trained, options)
    pictures = golden_pictures(trained.network.multiple_px)
    deployed, difference = deploy(trained.network, pictures)
    print(f"deploy form: at most {difference:.1g} from the trained network (values 0 to 1)")
    contract = ByteContract(deployed).eval()
    with tempfile.TemporaryDirectory(prefix="sharpen-export-") as scratch:
        folder = Path(scratch)
        write_graphs(contract, Size.of(pictures[0]), folder, f16=options.f16)
        cost = quantise(folder, examples, options.accuracy_limit_db) if examples else None
        save_file({key: value.contiguous() for key, value in trained.network.state_dict().items()}, folder / "weights.safetensors")
        expected = [contract.restore(picture) for picture in pictures]
        np.savez_compressed(folder / "golden.npz", input=pictures[0], output=expected[0])
        manifest = _manifest(name, trained, deployed, options, folder).model_copy(update={"int8": cost})
        low: list[Precision] = [*(["f16"] if options.f16 else []), *(["int8"] if options.int8 else [])]
        parity = check_parity(Model(folder, manifest), pictures, expected, low)
        manifest = manifest.model_copy(update={"parity": parity})
        write_card(folder / "card.md", manifest, options.credits_text)
        manifest = manifest.model_copy(update={"files": manifest.files | {"card.md": _entry(folder / "card.md")}})
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
    if source is None or not source.exists():
        missing = f"the dataset {source} of the run is not there" if source and not options.calibration else f"there is no folder {source}"
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
        parameters=sum(parameter.numel() for parameter in deployed.parameters()),
        kmac_per_px=round(count_macs(deployed, MACS_SIDE_PX, MACS_SIDE_PX) / MACS_SIDE_PX**2 / 1000, 2),
        working_bytes_per_px=round(count_working_bytes(deployed), 1),
        halo_px=deployed.halo_px,
        whole_frame=deployed.whole_frame,
        input=InputContract(multiple_px=deployed.multiple_px),
        parity={},
        training=trained.training | ({"note": options.note} if options.note else {}),
        scores=trained.scores,
        files={path.name: _entry(path) for path in sorted(folder.iterdir())},
    )


def _entry(path: Path) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
