"""A model that was trained and installed is one of those that the window offers."""

import json
import shutil
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from window_stand import Stand, opened, pick, texts

from sharpen_core.model_store import DEFAULT_MODEL, MANIFEST, find_model, list_models


def test_an_installed_model_is_offered_and_can_be_picked(
    qtbot: QtBot, stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sharpen_train.exporting.install import install

    exported = shutil.copytree(find_model(DEFAULT_MODEL).folder, tmp_path / "export")
    manifest = json.loads((exported / MANIFEST).read_text(encoding="utf-8")) | {"name": "mine", "title": "Trained for my own camera"}
    (exported / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setenv("SHARPENED_CAMERA_MODELS", str(tmp_path / "models"))
    install(exported)
    stand.models = list_models()
    whole = opened(qtbot, stand)
    offered = next(text for text in texts(whole.window.controls.model) if "Trained for my own camera" in text)
    pick(whole.window.controls.model, offered)
    qtbot.waitUntil(lambda: stand.made[-1].model == "mine")
