import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from sharpen_core.errors import SettingsError
from sharpened_camera.settings import Settings, default_settings_path, load_settings, save_settings


def test_a_file_of_the_first_version_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        'camera = "/dev/video4"\nfps = 30.0\nengine = "auto"\nstrength = 0.5\nmirror = true\nshow = "split"\nsplit = 0.5\n',
        encoding="utf-8",
    )
    settings, error = load_settings(path)
    assert error is None
    assert (settings.camera, settings.camera_path, settings.pause) == ("/dev/video4", None, True)


def test_a_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.toml") == (Settings(), None)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    settings = Settings(
        camera="Lid", size="1280X720", model="fine", strength=0.4, crispness=0.1, mirror=True, split=0.25, show="after", geometry="AAAA"
    )
    save_settings(path, settings)
    assert load_settings(path) == (settings, None)
    assert settings.size == "1280x720"
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"strength = 7", "strength"),
        (b"crispness = -1", "crispness"),
        (b"colour = 'red'", "colour"),
        (b"size = 'huge'", "size"),
        (b"strength = = 1", "line 1"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_a_damaged_file_is_kept_aside_and_reported(tmp_path: Path, text: bytes, reason: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text)
    settings, error = load_settings(path)
    assert settings == Settings()
    assert error is not None
    assert reason in error.message
    assert str(tmp_path / "settings.toml.bad") in error.hint
    assert (tmp_path / "settings.toml.bad").read_bytes() == text
    assert not path.exists()


def test_an_older_damaged_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    for text in ("a = 1", "b = 1", "c = 1"):
        path.write_text(text, encoding="utf-8")
        load_settings(path)
    kept = {entry.name: entry.read_text(encoding="utf-8") for entry in tmp_path.iterdir()}
    assert kept == {"settings.toml.bad": "a = 1", "settings.toml.bad.2": "b = 1", "settings.toml.bad.3": "c = 1"}


def test_a_file_that_cannot_be_read_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.mkdir()
    settings, error = load_settings(path)
    assert settings == Settings()
    assert error is not None
    assert "cannot be read" in error.message
    assert path.is_dir()


def test_an_unwritable_place_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        save_settings(in_the_way / "settings.toml", Settings())
    assert caught.value.hint


def test_a_failed_save_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.toml"
    save_settings(path, Settings(camera="old"))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(SettingsError, match="No space left"):
        save_settings(path, Settings(camera="new"))
    assert load_settings(path)[0].camera == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.toml"]


def test_changes_are_checked() -> None:
    assert Settings().changed(strength=0.5).strength == 0.5
    for wrong in ({"strength": 2}, {"cpu_percent": 3}, {"colour": "red"}, {"show": "sideways"}):
        with pytest.raises(ValidationError):
            Settings().changed(**wrong)


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ({"camera": "x"}, True),
        ({"camera_path": "/dev/x"}, True),
        ({"pause": False}, False),
        ({"size": "640x480"}, True),
        ({"cpu_percent": 75}, True),
        ({"strength": 0.2}, False),
        ({"crispness": 0.2}, False),
        ({"split": 0.1}, False),
    ],
)
def test_only_some_changes_need_a_new_session(change: dict[str, object], needed: bool) -> None:
    assert Settings().needs_new_session(Settings().changed(**change)) is needed


def test_the_default_place_is_the_users_settings_folder() -> None:
    assert str(default_settings_path()).startswith(os.environ["XDG_CONFIG_HOME"])
