from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import tiny_dataset

from sharpen_core.gauge import BANDS, CROP_PX, Gauge
from sharpen_core.traces import FEATURES
from sharpen_train.data import open_dataset
from sharpen_train.degradations.published import soften
from sharpen_train.distil import gauging
from sharpen_train.errors import ConfigError


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("data") / "large", patch_px=CROP_PX, train=6, test=2)


def silent() -> Callable[..., None]:
    return lambda *_: None


def test_a_gauge_learns_to_tell_soft_from_sharp(patches: Path) -> None:
    heard: list[int] = []
    examples = gauging.collect(patches, ["mixed"], 150, seed=3, workers=1, progress=heard.append)
    assert examples.traces.shape == (150, FEATURES)
    assert examples.mtf.shape == (150, BANDS)
    assert heard == [*range(16, 150, 16), 150]
    gauge = gauging.fit(examples, 3, silent(), epochs=60)
    off, doubt = gauging.error(gauge, examples)
    guess = float((examples.mtf - examples.mtf.mean(0)).abs().mean())
    assert off < 0.5 * guess
    assert 0 < doubt < 1
    running, truth = Gauge(gauge.arrays()), np.load(patches / "test/truth.npy")[0]
    sharp, soft = (running.read_whole(picture).mean() for picture in (truth, soften(truth, 2.0, 1.3)))
    assert sharp > soft + 0.2


def test_examples_are_a_function_of_the_seed_alone(patches: Path) -> None:
    first, again, other = (gauging.collect(patches, ["any", "mixed"], 20, seed, 1, silent()) for seed in (1, 1, 2))
    assert torch.equal(first.traces, again.traces)
    assert torch.equal(first.mtf, again.mtf)
    assert not torch.equal(first.traces, other.traces)


def test_presets_take_turns(patches: Path) -> None:
    examples = gauging.collect(patches, ["identity", "heavy"], 2 * gauging.BATCH, 1, 1, silent())
    untouched, heavy = examples.mtf.mean(1).split(gauging.BATCH)
    assert (untouched > 0.95).all()
    assert (heavy < 0.6).all()


def test_other_pictures_are_those_of_the_test_split(patches: Path) -> None:
    unseen = gauging.collect_unseen(open_dataset(patches), ["identity"], seed=1)
    assert len(unseen.mtf) == 2 * gauging.VARIANTS
    assert (unseen.mtf > 0.95).all()


def test_patches_that_are_too_small_and_unknown_presets_are_refused(patches: Path, data: Path) -> None:
    with pytest.raises(ConfigError, match="not 256"):
        gauging.collect(data, ["mixed"], 16, 1, 1, silent())
    with pytest.raises(ConfigError, match="nonsense"):
        gauging.collect(patches, ["mixed", "nonsense"], 16, 1, 1, silent())
