"""A finished run with the weights of the shipped model, and what is exported of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from datasets import tiny_dataset
from weights import ARCH, weights_of_one

from sharpen_core.model_store import Score
from sharpen_train.architectures import Network
from sharpen_train.config import Config, Data, Model, Phase
from sharpen_train.distil.checkpoint import weights_to_bytes
from sharpen_train.exporting import calibration
from sharpen_train.exporting.export import ExportOptions, export

SCORE = Score(input_psnr_db=30, input_ssim=0.8, unsharp_psnr_db=31, unsharp_ssim=0.82, psnr_db=32, ssim=0.85)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("data") / "tiny", patch_px=64)


@pytest.fixture(scope="session")
def run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "My Run"
    (folder / "checkpoints/best").mkdir(parents=True)
    config = Config(data=Data(path=str(dataset)), model=Model(arch=ARCH), phase=(Phase(preset="heavy-jpeg"),))
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    (folder / "checkpoints/best/weights.safetensors").write_bytes(weights_to_bytes(weights_of_one()))
    (folder / "metrics.csv").write_text("step,minutes,loss\n100,1.5,0.1\n200,3.04,0.09\n", encoding="utf-8")
    (folder / "scores.json").write_text(f'{{"heavy": {SCORE.model_dump_json()}}}', encoding="utf-8")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _few_examples() -> None:
    """Eight crops are enough to see that something is calibrated."""
    patch = pytest.MonkeyPatch()
    patch.setattr(calibration, "CALIBRATE", 6)
    patch.setattr(calibration, "HELD_OUT", 8)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def shaken() -> Callable[[Network], Network]:
    """Gives every weight of a network a push, so that nothing is zero."""

    def shake(network: Network) -> Network:
        torch.manual_seed(3)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.05 * torch.randn_like(parameter)
        return network.eval()

    return shake


@pytest.fixture(scope="session")
def exported(run: Path, _few_examples: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with every precision. Not to be changed: copy it."""
    folder = tmp_path_factory.mktemp("models") / "mine"
    options = ExportOptions(
        name="mine", title="A test", note="of a note", credits_text="Pictures of nobody.", f16=True, int8=True, accuracy_limit_db=1
    )
    export(run, folder, options)
    return folder
