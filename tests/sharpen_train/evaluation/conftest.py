from pathlib import Path

import pytest

from sharpen_core.model_store import find_model


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run whose result is the network of the model `fast`."""
    from sharpen_train.config import Config
    from sharpen_train.distil import checkpoint

    folder = tmp_path / "my-run"
    model = find_model("fast")
    checkpoint.write_bytes(folder / "checkpoints/best/weights.safetensors", model.file("weights.safetensors").read_bytes())
    config = Config.model_validate({"model": {"arch": model.manifest.architecture}})
    checkpoint.write_bytes(folder / "config.toml", config.to_toml().encode())
    return folder
