import json
import shutil
from pathlib import Path

import pytest

from sharpen_core import model_store
from sharpen_core.errors import ModelCorrupt, ModelNotFound
from sharpen_core.model_store import DEFAULT_MODEL, FAMILY, GAUGE, MANIFEST, find_family, find_model, list_models, read_model


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of user models that holds a copy of the fast one, named "mine"."""
    monkeypatch.setenv("SHARPENED_CAMERA_MODELS", str(tmp_path))
    folder = tmp_path / "mine"
    shutil.copytree(find_model("fast").folder, folder)
    change_manifest(folder, name="mine")
    return tmp_path


def change_manifest(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_every_shipped_model_is_what_its_manifest_says() -> None:
    found, damaged = list_models()
    assert not damaged
    assert DEFAULT_MODEL in [model.name for model in found]
    for model in found:
        assert {path.name for path in model.folder.iterdir()} == {MANIFEST, *model.manifest.files}
        for name in model.manifest.files:
            assert model.file(name).stat().st_size == model.manifest.files[name].bytes <= 6_000_000


def test_users_models_are_found_by_name_and_by_folder(own_models: Path) -> None:
    assert find_model("mine").folder == own_models / "mine"
    assert find_model(str(own_models / "mine")).name == "mine"
    assert [model.name for model in list_models()[0]] == sorted(["mine", *(m.name for m in list_models()[0] if m.name != "mine")])


def test_users_model_goes_before_a_shipped_one_of_the_same_name(own_models: Path) -> None:
    (own_models / "mine").rename(own_models / DEFAULT_MODEL)
    change_manifest(own_models / DEFAULT_MODEL, name=DEFAULT_MODEL)
    assert find_model(DEFAULT_MODEL).folder == own_models / DEFAULT_MODEL


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(ModelNotFound, match=f"there is no model 'nope'.*{DEFAULT_MODEL}"):
        find_model("nope")


def test_a_changed_file_is_refused(own_models: Path) -> None:
    mine = find_model("mine")
    with (mine.folder / mine.onnx_file).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelCorrupt, match=rf"damaged.*{mine.onnx_file}"):
        mine.file(mine.onnx_file)


def test_a_missing_or_unlisted_file_is_refused(own_models: Path) -> None:
    mine = find_model("mine")
    missing = mine.graph_files("f32")[1]
    (mine.folder / missing).unlink()
    with pytest.raises(ModelCorrupt, match=f"lacks its file {missing}"):
        mine.file(missing)
    with pytest.raises(ModelCorrupt, match="lists no file"):
        mine.file("other")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "\0\0"])
def test_a_damaged_manifest_is_one_clear_error_and_hides_no_other_model(own_models: Path, content: str) -> None:
    (own_models / "mine" / MANIFEST).write_text(content, encoding="utf-8")
    with pytest.raises(ModelCorrupt, match=r"the manifest .* is damaged"):
        read_model(own_models / "mine")
    found, damaged = list_models()
    assert DEFAULT_MODEL in [model.name for model in found]
    assert len(damaged) == 1


@pytest.mark.parametrize(
    "changes", [{"halo_px": -1}, {"format": 2}, {"surprise": 1}, {"name": "../x"}, {"files": {"a": {"sha256": "0", "bytes": 1}}}]
)
def test_impossible_promises_are_refused(own_models: Path, changes: dict[str, object]) -> None:
    change_manifest(own_models / "mine", **changes)
    with pytest.raises(ModelCorrupt):
        find_model("mine")


def test_manifests_of_older_exports_need_no_newer_field(own_models: Path) -> None:
    path = own_models / "mine" / MANIFEST
    older = {
        key: value
        for key, value in json.loads(path.read_text(encoding="utf-8")).items()
        if key not in ("whole_frame", "told", "bounds", "int8")
    }
    path.write_text(json.dumps(older), encoding="utf-8")
    manifest = find_model("mine").manifest
    assert (manifest.whole_frame, manifest.told, manifest.bounds, manifest.int8) == (False, False, (), None)
    assert find_model("mine").gauge() is None


@pytest.mark.parametrize("bounds", [[0.6, 0.4], [0.5, 0.5]])
def test_bounds_between_sets_of_weights_rise(own_models: Path, bounds: list[float]) -> None:
    change_manifest(own_models / "mine", bounds=bounds)
    with pytest.raises(ModelCorrupt, match="the bounds do not rise"):
        find_model("mine")


def test_a_model_that_is_told_needs_its_gauge(own_models: Path) -> None:
    model = find_model("fast")
    shutil.copytree(model.folder, own_models / "told")
    assert find_model("told").gauge() is not None
    (own_models / "told" / GAUGE).unlink()
    with pytest.raises(ModelCorrupt, match=r"gauge\.npz"):
        find_model("told").gauge()


def test_without_files_of_its_own_openvino_reads_onnx(own_models: Path) -> None:
    model = find_model(DEFAULT_MODEL)
    assert model.graph_files("f32") == (model.onnx_file,)
    assert find_model("fast").graph_files("f32") == ("model-2.xml", "model-2.bin")
    assert model.graph_bytes("f32") == sum(path.stat().st_size for path in model.folder.glob("model*.onnx"))


def test_precisions_are_those_that_the_manifest_promises(own_models: Path) -> None:
    assert find_model("mine").precisions == ("f32", "bf16", "int8")
    parity = {"max_abs": 1, "mean_abs": 0.1}
    change_manifest(own_models / "mine", parity=dict.fromkeys(("onnxruntime/f32", "openvino/int8", "openvino/f16"), parity))
    mine = find_model("mine")
    assert mine.precisions == ("f32", "f16", "int8")
    graphs = [*mine.folder.glob("model-?.xml"), *mine.folder.glob("model-?.bin")]
    assert len(graphs) == 6
    assert mine.graph_bytes("f32") == sum(path.stat().st_size for path in graphs)
    assert mine.graph_bytes("f16") == 0


def test_a_hidden_folder_is_no_model_yet(own_models: Path) -> None:
    (own_models / "mine").rename(own_models / ".mine.part")
    found, damaged = list_models()
    assert "mine" not in [model.name for model in found]
    assert not damaged


def test_the_users_folder_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPENED_CAMERA_MODELS", str(tmp_path / "none"))
    assert model_store.user_model_root() == tmp_path / "none"
    assert find_model(None).name == DEFAULT_MODEL


def test_the_family_is_what_is_installed_of_it_best_first(own_models: Path) -> None:
    assert [model.name for model in find_family()] == [name for name in FAMILY if (find_model("fast").folder.parent / name).is_dir()]
    (own_models / "mine").rename(own_models / FAMILY[0])
    change_manifest(own_models / FAMILY[0], name=FAMILY[0])
    assert find_family()[0].folder == own_models / FAMILY[0]
    (own_models / FAMILY[0] / MANIFEST).write_text("{", encoding="utf-8")
    assert FAMILY[0] not in [model.name for model in find_family()]


def test_without_any_of_the_family_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_store, "model_roots", list)
    with pytest.raises(ModelNotFound):
        find_family()
