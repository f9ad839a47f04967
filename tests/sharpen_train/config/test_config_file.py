"""Settings written for people read back as they were."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sharpen_train.config import KEYS, Config, Data, Distil, Loss, Model, Phase, Train, read_config

SHARES = st.floats(0, 1)
BELOW_1 = st.floats(0, 1, exclude_max=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
POSITIVE = st.floats(1e-9, 1)

TRAIN = st.builds(
    Train,
    steps=st.integers(0, 10**8),
    max_minutes=st.floats(1e-6, 1e9),
    lr=st.floats(1e-3, 1),
    lr_floor=st.floats(0, 1e-3),
    schedule=st.sampled_from(["cosine", "step", "constant"]),
    step_shares=st.lists(SHARES, max_size=4).map(tuple),
    step_factor=st.floats(0, 1, exclude_min=True, exclude_max=True),
    warmup_steps=st.integers(0, 10**6),
    optimiser=st.sampled_from(["adam", "adamw"]),
    betas=st.tuples(BELOW_1, BELOW_1),
    weight_decay=SHARES,
    clip=st.floats(0, 1e6),
    ema=BELOW_1,
    precision=st.sampled_from(["f32", "bf16", "fp16"]),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:3"]),
)
PHASE = st.builds(
    Phase,
    share=POSITIVE,
    preset=TEXT,
    patch_px=st.integers(2, 128).map(lambda n: 8 * n),
    batch=st.integers(1, 65536),
    alpha=SHARES,
    alpha_end=st.none() | SHARES,
    pairs_share=SHARES,
)
CONFIG = st.builds(
    Config,
    data=st.builds(Data, path=TEXT),
    model=st.builds(Model, arch=TEXT, start_from=TEXT),
    train=TRAIN,
    loss=st.builds(Loss, terms=st.dictionaries(TEXT, st.floats(1e-6, 1e6), min_size=1, max_size=3), perceptual_weights=TEXT),
    distil=st.builds(Distil, teacher=TEXT, mode=st.sampled_from(["offline", "online"]), mask_harm=st.booleans()),
    phase=st.lists(PHASE, min_size=1, max_size=3).map(tuple),
)


@given(CONFIG)
def test_any_settings_read_back_equal(config: Config) -> None:
    assert Config.model_validate(tomllib.loads(config.to_toml())) == config


def test_a_file_reads_back_equal(tmp_path: Path) -> None:
    config = Config(data=Data(path="Bilder für später"), model=Model(arch="plain-16x4"), phase=(Phase(alpha=0.3, alpha_end=1.0), Phase()))
    (tmp_path / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    assert read_config(tmp_path / "config.toml") == config


def test_every_value_of_a_file_is_explained() -> None:
    lines = Config().to_toml().splitlines()
    values = [number for number, line in enumerate(lines) if " =" in line]
    assert len(values) == len(KEYS)
    for number in values:
        assert lines[number - 1].startswith("# ")
    assert all(meaning.endswith(".") for meaning in KEYS.values())


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Config().train.lr = 1.0


@pytest.mark.parametrize("section", [Config, Data, Model, Train, Loss, Distil, Phase])
def test_the_defaults_are_allowed(section: type[BaseModel]) -> None:
    assert section.model_validate(section().model_dump()) == section()
