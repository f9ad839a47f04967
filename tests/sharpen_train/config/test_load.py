"""Where settings come from, and what is refused."""

from pathlib import Path

import pytest

from sharpen_train.config import RECIPES, load_config, read_config
from sharpen_train.errors import ConfigError

PUBLISHED = ["published-nafnet26", "published-mini-unet", "published-cnn3", "published-encoder-decoder", "published-simple-nafnet"]


def refused(*sets: str, file: Path | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config("quick", file, sets)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_the_later_wins(file: Path) -> None:
    file.write_text("[train]\nlr = 2e-3\nseed = 5\nmax_minutes = 7\n", encoding="utf-8")
    config = load_config("quick", file, ["train.seed=6", "train.clip=1"], {"train.clip": 2.0, "train.steps": None})
    assert config.train.warmup_steps == 50, "the recipe over the defaults"
    assert config.train.lr == 2e-3, "the file over the recipe"
    assert config.train.max_minutes == 7.0
    assert config.train.seed == 6, "--set over the file"
    assert config.train.clip == 2.0, "options over --set"
    assert config.train.steps == 0, "an option that is not given changes nothing"


def test_a_file_replaces_phases_and_terms_as_a_whole(file: Path) -> None:
    file.write_text("[loss]\nterms = { l1 = 1 }\n[[phase]]\npreset = 'low'\n[[phase]]\npreset = 'heavy'\n", encoding="utf-8")
    config = load_config("published-nafnet26", file)
    assert config.loss.terms == {"l1": 1.0}
    assert [(phase.preset, phase.batch) for phase in config.phase] == [("low", 16), ("heavy", 16)]


def test_set_adds_a_term_and_reaches_phases() -> None:
    config = load_config("published-nafnet26", sets=["loss.terms.fft=0.5", "phase.batch=8", "phase.2.batch=2", "phase.4.preset=low"])
    assert config.loss.terms == {"mse": 1.0, "fft": 0.5}
    assert [phase.batch for phase in config.phase] == [8, 2, 8, 8]
    assert config.phase[3].preset == "low"


def test_bare_words_are_text_and_values_are_toml() -> None:
    sets = ["model.arch=plain-32x2", 'data.path="2024"', "train.betas=[0.5, 0.6]", "train.channels_last=false", "model.start_from="]
    config = load_config("quick", sets=sets)
    assert (config.model.arch, config.data.path, config.model.start_from) == ("plain-32x2", "2024", "")
    assert config.train.betas == (0.5, 0.6)
    assert not config.train.channels_last


def test_a_value_cannot_smuggle_in_another_setting() -> None:
    assert load_config("quick", sets=["data.path='a'\nb = 3"]).data.path == "'a'\nb = 3"


def test_an_option_may_be_a_path(tmp_path: Path) -> None:
    assert load_config("quick", overrides={"data.path": tmp_path}).data.path == str(tmp_path)


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("train.lrr=1", "train.lr"),
        ("lr=1", "train.lr"),
        ("trian.lr=1", "train"),
        ("train.alpha=1", "phase.alpha"),
        ("phase.1.patch=64", "phase.patch_px"),
        ("data.paths=x", "data.path"),
        ("loss.terms.charbonier=1", "charbonnier"),
        ("model.arch=plain-32x5", "plain-32x4"),
        ("phase.preset=havy", "heavy"),
    ],
)
def test_what_is_unknown_is_refused_with_what_was_meant(setting: str, meant: str) -> None:
    error = refused(setting)
    assert error.message.startswith("there is no")
    assert error.hint == f"Did you mean {meant}?"


def test_an_unknown_key_in_a_file_is_refused(file: Path) -> None:
    file.write_text("[[phase]]\nshare = 1\n[[phase]]\nalfa = 1\n", encoding="utf-8")
    error = refused(file=file)
    assert error.message == "there is no setting 'phase.2.alfa'"
    assert "phase.alpha" in error.hint


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.lr=-1", "train.lr = -1 must be greater than 0"),
        ("train.lr=nan", "train.lr = nan must be a finite number"),
        ("train.lr=abc", 'train.lr = "abc" must be a valid number'),
        ("train.lr=true", "train.lr = true must be a valid number"),
        ("train.steps=1.5", "train.steps = 1.5 must be a valid integer"),
        ("train.steps=-1", "train.steps = -1 must be greater than or equal to 0"),
        ("train.ema=1", "train.ema = 1 must be less than 1"),
        ("train.betas=[0.9]", "train.betas = [0.9] must have more values"),
        ("train.betas=[0.9, 1.2]", "train.betas.2 = 1.2 must be less than 1"),
        ("train.lr_floor=0.1", "train: lr_floor = 0.1 is above lr = 0.0015"),
        ("train.schedule=linear", "train.schedule = \"linear\" must be 'cosine', 'step' or 'constant'"),
        ("train.device=gpu", 'train.device: "gpu" is no device'),
        ("train=3", "train = 3 must be a table of values"),
        ("model.arch=3", "model.arch = 3 must be text, in quotes"),
        ("loss.terms={}", "loss.terms: no loss has a weight above 0"),
        ("loss.terms.psnr=-1", "loss.terms.psnr = -1 must be greater than or equal to 0"),
        ("phase.patch_px=100", "phase.1.patch_px = 100 must be a multiple of 8"),
        ("phase.batch=0", "phase.1.batch = 0 must be greater than or equal to 1"),
        ("phase.alpha=1.5", "phase.1.alpha = 1.5 must be less than or equal to 1"),
        ("phase=3", "phase = 3 must be a list of tables"),
        ("phase=[]", "phase = [] must have at least 1 item"),
        ("phase.2.batch=8", "there is no phase 2"),
        ("train.lr", "--set train.lr gives no value"),
    ],
)
def test_what_is_impossible_is_refused_by_key_value_and_limit(setting: str, words: str) -> None:
    assert refused(setting).message.startswith(words)


def test_a_table_that_should_be_a_list_is_refused_in_every_way(file: Path) -> None:
    file.write_text("[phase]\nbatch = 8\n", encoding="utf-8")
    assert "[[phase]]" in refused(file=file).hint
    assert "[[phase]]" in refused("phase.batch=4", file=file).hint


def test_files_that_cannot_be_read_are_refused(file: Path) -> None:
    assert "No such file" in refused(file=file).message
    file.write_text("[train]\nlr = \n", encoding="utf-8")
    assert "line 2" in refused(file=file).message
    file.write_bytes(b"\xff\xfe")
    assert "not text" in refused(file=file).message
    with pytest.raises(ConfigError, match="not text"):
        read_config(file)


def test_feature_losses_need_their_weights() -> None:
    assert "loss.perceptual_weights=FILE" in refused("loss.terms.vgg16=0.1").hint
    assert load_config("quick", sets=["loss.terms.vgg16=0"]).loss.terms["vgg16"] == 0
    assert load_config("quick", sets=["loss.terms.vgg16=0.1", "loss.perceptual_weights=vgg16.pth"]).loss.terms["vgg16"] == 0.1
    both = refused("loss.terms.vgg16=0.1", "loss.terms.squeezenet=0.1", "loss.perceptual_weights=vgg16.pth")
    assert "only one" in both.message


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_loads(recipe: str) -> None:
    config = load_config(recipe, sets=["loss.perceptual_weights=vgg16.pth"])
    assert config.model.arch == ("plain-16x4" if recipe == "quick" else "nafnet-tiny" if recipe == "ours" else recipe)
    assert len(RECIPES[recipe]) > 20


def test_the_recipes_are_the_five_published_ones_and_two_of_ours() -> None:
    assert set(RECIPES) == {"ours", "quick", *PUBLISHED}
    assert load_config() == load_config("ours")
    with pytest.raises(ConfigError, match="Did you mean quick"):
        load_config("quik")


def test_the_default_is_a_curriculum_that_hands_over_to_the_truth() -> None:
    config = load_config()
    assert [phase.preset for phase in config.phase] == ["heavy", "mixed", "mixed-jpeg-noise", "complex", "everyday"]
    alphas = [phase.alpha for phase in config.phase]
    assert alphas == sorted(alphas)
    assert config.phase[-1].alpha_end == 1.0
    assert set(config.loss.terms) == {"psnr", "charbonnier"}
