import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sharpen_core.errors import ModelCorrupt, ModelNotFound
from sharpen_core.model_store import DEFAULT_MODEL, MANIFEST, find_model, list_models
from sharpen_train.cli import app
from sharpen_train.errors import ConfigError, DiskFullError, ExportError
from sharpen_train.exporting import install as module
from sharpen_train.exporting.export import _entry  # pyright: ignore[reportPrivateUsage]
from sharpen_train.exporting.install import Outcome, install


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, not made yet."""
    monkeypatch.setenv("SHARPENED_CAMERA_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    """A copy of an exported model that a test may change."""
    return shutil.copytree(exported, tmp_path / "a folder")


def change(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


def test_an_installed_model_is_found_under_its_own_name(model: Path, root: Path) -> None:
    (model / "notes.txt").write_text("mine alone", encoding="utf-8")
    installed, outcome = install(model)
    assert outcome is Outcome.NEW
    assert installed.folder == root / "mine"
    assert find_model("mine") == installed
    assert "mine" in [known.name for known in list_models()[0]]
    assert {path.name for path in installed.folder.iterdir()} == {MANIFEST, *installed.manifest.files}
    assert names(root) == ["mine"]


def test_the_same_model_again_changes_nothing_and_a_damaged_copy_is_repaired(model: Path, root: Path) -> None:
    install(model)
    assert install(model)[1] is Outcome.SAME
    (root / "mine" / "model.bin").write_bytes(b"")
    assert install(model)[1] is Outcome.REPLACED
    find_model("mine").file("model.bin")


def test_another_model_of_that_name_is_replaced_only_by_force(model: Path, root: Path) -> None:
    install(model)
    change(model, title="Another")
    with pytest.raises(ConfigError, match=r"another model is called 'mine'.*--force"):
        install(model)
    assert find_model("mine").manifest.title == "A test"
    assert install(model, force=True)[1] is Outcome.REPLACED
    assert find_model("mine").manifest.title == "Another"
    assert names(root) == ["mine"]


def test_a_shipped_model_is_not_shadowed_without_force(model: Path, root: Path) -> None:
    change(model, name=DEFAULT_MODEL)
    with pytest.raises(ConfigError, match="another model is called 'nafnet-tiny'"):
        install(model)
    assert install(model, force=True)[1] is Outcome.NEW
    assert find_model(DEFAULT_MODEL).folder == root / DEFAULT_MODEL


def test_installing_what_came_with_the_program_is_nothing_new(root: Path) -> None:
    assert install(find_model(DEFAULT_MODEL).folder)[1] is Outcome.SAME
    assert not root.exists()


@pytest.mark.parametrize("name", ["model.xml", "model-int8.bin", "weights.safetensors", "golden.npz"])
def test_a_damaged_model_is_not_installed(model: Path, root: Path, name: str) -> None:
    with (model / name).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelCorrupt, match=name.replace(".", r"\.")):
        install(model)
    assert names(root) == []


def test_a_model_that_lacks_a_file_is_not_installed(model: Path, root: Path) -> None:
    files = json.loads((model / MANIFEST).read_text(encoding="utf-8"))["files"]
    del files["golden.npz"]
    change(model, files=files)
    with pytest.raises(ModelCorrupt, match="lists no file golden"):
        install(model)


def test_a_model_that_computes_something_else_here_is_not_installed(model: Path, root: Path) -> None:
    with np.load(model / "golden.npz") as golden:
        np.savez(model / "other.npz", input=golden["input"], output=255 - golden["output"])
    os.replace(model / "other.npz", model / "golden.npz")
    files = json.loads((model / MANIFEST).read_text(encoding="utf-8"))["files"]
    change(model, files=files | {"golden.npz": _entry(model / "golden.npz").model_dump()})
    with pytest.raises(ExportError, match="from its golden picture"):
        install(model)
    assert names(root) == []


def test_what_is_no_model_is_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(ModelNotFound, match="holds no model"):
        install(tmp_path)


def test_a_full_disk_leaves_the_old_model(model: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(model)
    change(model, title="Another")

    def full(*_: object) -> None:
        raise DiskFullError("no room left", "")

    monkeypatch.setattr("sharpen_train.distil.checkpoint._write_through", full)
    with pytest.raises(DiskFullError):
        install(model, force=True)
    assert names(root) == ["mine"]
    assert find_model("mine").manifest.title == "A test"
    assert not list_models()[1]


def test_a_folder_that_cannot_be_made_is_named(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("SHARPENED_CAMERA_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(ExportError, match="cannot write"):
        install(model)


def test_the_commands_end_in_a_model_that_is_installed(run: Path, tmp_path: Path, root: Path) -> None:
    (tmp_path / "credits.md").write_text("Pictures of *me*.", encoding="utf-8")
    arguments = ["export", run, "--out", tmp_path / "out", "--name", "own", "--title", "My own", "--credits", tmp_path / "credits.md"]
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    for words in ("deploy form", "openvino/f32", "37,756 parameters", f"sharpen-train install {tmp_path / 'out'}"):
        assert words in done.output
    assert "Pictures of *me*." in (tmp_path / "out" / "card.md").read_text(encoding="utf-8")
    done = CliRunner().invoke(app, ["install", str(tmp_path / "out")], catch_exceptions=False)
    assert "'own' installed" in done.output
    assert "sharpened-camera run --model own" in done.output
    assert names(root) == ["own"]
    assert module.user_model_root() == root
