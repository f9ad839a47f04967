from pathlib import Path

import pytest

from sharpen_core.model_store import InputContract, Manifest, Parity, Quantisation
from sharpen_train.config import RECIPES, Config, Distil, Loss, Model, Phase, load_config
from sharpen_train.exporting.card import describe_training, write_card


def facts(config: Config) -> dict[str, object]:
    return dict(describe_training(config.model_dump(exclude_none=True), Path("nowhere")))


def test_a_curriculum_with_a_teacher_in_plain_words() -> None:
    config = Config(
        loss=Loss(terms={"charbonnier": 1.0, "fft": 0.05, "ssim": 0.0}),
        distil=Distil(teacher="/home/me/runs/big-teacher"),
        phase=(
            Phase(share=0.25, preset="heavy", batch=8, alpha=0.5, alpha_end=0.8),
            Phase(share=0.75, preset="mixed", patch_px=64),
        ),
    )
    said = facts(config)
    assert said["supervision"] == (
        "the sharp picture and the outputs of the teacher big-teacher, left out where they are farther from the truth than the input"
    )
    assert said["phase 1"] == "25% of the steps, degradation heavy, 8 patches of 128 px in a step, weight of the truth from 0.5 to 0.8"
    assert said["phase 2"] == "75% of the steps, degradation mixed, 16 patches of 64 px in a step"
    assert said["loss"] == "charbonnier + 0.05 fft"
    assert "Gaussian" in str(said["degradation heavy"])
    assert "/home/me" not in str(said)


def test_a_teacher_that_never_counts_is_none() -> None:
    assert facts(Config(distil=Distil(teacher="big")))["supervision"] == "the sharp picture alone, no teacher"
    said = facts(Config(phase=(Phase(alpha=0.5),)))
    assert said["supervision"] == "the sharp picture alone, no teacher"
    assert "weight of the truth" not in str(said)


def test_a_gauge_that_was_trained_by_itself_is_mentioned() -> None:
    assert "gauge" not in facts(Config())
    said = facts(Config(model=Model(gauge="/home/me/gauge.safetensors")))
    assert "by itself" in str(said["gauge"])
    assert "/home/me" not in str(said)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_can_be_described(recipe: str) -> None:
    said = facts(load_config(recipe, overrides={"loss.perceptual_weights": "vgg.safetensors"}))
    assert "vgg.safetensors" not in str(said)
    assert {"supervision", "loss", "optimiser", "learning rate", "arithmetic", "seed"} <= set(said)


def test_steps_and_minutes_come_from_the_last_row_that_has_them(tmp_path: Path) -> None:
    table = tmp_path / "metrics.csv"
    table.write_text("step,minutes,loss\n10,0.5,1\n20,1.26,1\n", encoding="utf-8")
    assert describe_training({}, table) == {"supervision": "the sharp picture alone, no teacher", "steps": 20, "minutes": 1.3}
    table.write_text("step,minutes,loss\n", encoding="utf-8")
    assert "steps" not in describe_training({}, table)


def test_the_card_of_a_whole_frame_network_says_so(tmp_path: Path) -> None:
    manifest = Manifest(
        name="big", title="Big", architecture="restormer", licence="MIT", parameters=1000, kmac_per_px=1, working_bytes_per_px=1,
        halo_px=8, whole_frame=True, input=InputContract(multiple_px=8), parity={"openvino/f32": Parity(max_abs=1, mean_abs=0)},
        int8=Quantisation(
            method="all convolutions", psnr_loss_db=0.05, worst_psnr_loss_db=0.2, pictures=32, sharp_db=41.26, sharp_db_float=56,
        ),
        training={"seed": 1}, files={},
    )  # fmt: skip
    write_card(tmp_path / "card.md", manifest, "")
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "never computed in tiles" in card
    assert "Not evaluated." in card
    assert "PSNR -0.050 dB on average and -0.200 dB at worst, on 32 pictures" in card
    assert "sharp already comes back at 41.3 dB in 8 bits, at 56.0 dB in float32" in card
