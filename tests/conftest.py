"""For every test: nothing of the person who runs them is read or written."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Points the user's data, cache and settings folders at a temporary place."""
    root: Path = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        patch.setenv(name, str(root / name.lower()))
    patch.setenv("PIPEWIRE_RUNTIME_DIR", str(root / "no-pipewire"))  # nothing is published on the desktop of who runs the tests
    patch.delenv("SHARPENED_CAMERA_MODELS", raising=False)
    yield
    patch.undo()
