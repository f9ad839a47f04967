"""Putting an exported model where the program looks for models."""

from dataclasses import replace
from enum import Enum
from pathlib import Path

import numpy as np

from sharpen_core.engines.select import select_engine
from sharpen_core.errors import ModelCorrupt
from sharpen_core.frame import Size
from sharpen_core.model_store import MANIFEST, Model, model_roots, read_model, user_model_root
from sharpen_core.specialists import fitting
from sharpen_train.errors import ConfigError, ExportError
from sharpen_train.exporting.placing import place

NEEDED = ("golden.npz", "card.md")
MOST_GOLDEN_STEPS = 1


class Outcome(Enum):
    """What an installation came to, in words."""

    NEW = "installed"
    REPLACED = "replaced"
    SAME = "is installed already"


def install(folder: Path, *, force: bool = False) -> tuple[Model, Outcome]:
    """Copies the model in `folder` into the user's models, under its own name, after proving that it is whole and works here.

    Args:
        folder: an exported model.
        force: replace another model of the same name, or go before one of that name that came with the program.

    Returns:
        The installed model, and whether it is new.

    Raises:
        ModelNotFound: the folder holds no model.
        ModelCorrupt: a file is not what the manifest says.
        ExportError: it does not give its golden picture here, or the models' folder cannot be written.
        ConfigError: another model has its name.
        EngineError: no engine runs it here.
    """
    model = read_model(folder)
    _check_files(model)
    _check_golden(model)
    target = user_model_root() / model.name
    there = [known for root in model_roots() if (known := root / model.name).exists()]
    equal = [known for known in there if _manifest_of(known) == _manifest_of(folder)]
    whole = next((known for known in equal if _is_whole(known)), None)
    if whole and not force:
        return read_model(whole), Outcome.SAME
    if there and not equal and not force:
        raise ConfigError(
            f"another model is called '{model.name}': {there[0]}", "Export under another --name, or use this one with --force."
        )
    place(folder, [*model.manifest.files, MANIFEST], target)
    return read_model(target), Outcome.REPLACED if target in there else Outcome.NEW


def _check_files(model: Model) -> None:
    graphs = [replace(model, number=number).onnx_file for number in range(model.sets)]
    for name in dict.fromkeys([*graphs, *NEEDED, *model.manifest.files]):
        model.file(name)


def _check_golden(model: Model) -> None:
    """Runs the model on its golden picture: a graph that another version wrote may load here and compute something else."""
    try:
        with np.load(model.file("golden.npz")) as golden:
            picture, expected = golden["input"], golden["output"]
    except (ValueError, KeyError, OSError) as error:
        raise ExportError("the golden numbers of the model are damaged", "Export it again.") from error
    engine, gauge = select_engine(precision="f32"), model.gauge()
    mtf = gauge.read_whole(picture) if gauge else None
    chosen = model if mtf is None else fitting(model, mtf)
    result = engine.compile(chosen, Size.of(picture)).infer(picture, mtf)
    most = int(np.abs(result.astype(np.int16) - expected).max())
    if most > MOST_GOLDEN_STEPS:
        raise ExportError(
            f"on this machine the model is {most}/255 from its golden picture ({engine.name})",
            "Export it again here; it was not installed.",
        )


def _manifest_of(folder: Path) -> bytes | None:
    path = folder / MANIFEST
    return path.read_bytes() if path.is_file() else None


def _is_whole(folder: Path) -> bool:
    try:
        _check_files(read_model(folder))
    except ModelCorrupt:
        return False
    return True
