from pathlib import Path

import pytest

from sharpen_core.model_store import find_model


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run whose result is the network of the model `fast`."""
    from sharpen_train.config import Config
    from sharpen_train.distil import checkpoint

    folder = tmp_path / "my-run"
    weights = (find_model("fast").folder / "weights.safetensors").read_bytes()
    checkpoint.write_bytes(folder / "checkpoints/best/weights.safetensors", weights)
    config = Config.model_validate({"model": {"arch": "guided-lean-16-32x4"}})
    checkpoint.write_bytes(folder / "config.toml", config.to_toml().encode())
    return folder
