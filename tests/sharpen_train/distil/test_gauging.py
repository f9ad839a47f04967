"""A gauge trained by itself, on a few examples."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from sharpen_core.gauge import BANDS, FEATURES
from sharpen_train.architectures import build
from sharpen_train.cli import app
from sharpen_train.degradations import find_preset
from sharpen_train.distil import checkpoint, gauging
from sharpen_train.distil.gauging import Lesson, collect, fit, put
from sharpen_train.errors import CheckpointError

GUIDED = "guided-lean-16-32x4"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(checkpoint.weights_to_bytes(build(GUIDED).state_dict(), {"arch": GUIDED}))
    return path


def lesson(count: int = 600) -> Lesson:
    """Spectra of which six features tell the MTF."""
    generator = torch.Generator().manual_seed(3)
    spectra = torch.randn(count, FEATURES, generator=generator)
    return Lesson(spectra, (0.6 + 0.2 * spectra[:, :BANDS]).clamp(0, 1))


def test_examples_are_those_that_were_asked_for_and_the_same_each_time(data: Path) -> None:
    advanced: list[int] = []
    first = collect(data, 20, seed=5, workers=0, advance=lambda: advanced.append(1))
    again = collect(data, 20, seed=5, workers=0)
    assert first.spectra.shape == (20, FEATURES)
    assert first.mtf.shape == (20, BANDS)
    assert len(advanced) == 3
    assert torch.equal(first.spectra, again.spectra)
    assert torch.equal(first.mtf, again.mtf)
    assert not torch.equal(first.mtf, collect(data, 20, seed=6, workers=0).mtf)


def test_every_preset_it_names_is_there() -> None:
    assert {find_preset(name).name for name in gauging.PRESETS} == set(gauging.PRESETS)


def test_it_learns_what_the_spectra_tell() -> None:
    task = lesson(3000)
    usual = float((task.mtf - task.mtf.mean(0)).square().mean().sqrt())
    gauge, off = fit(task, epochs=30)
    assert off < 0.6 * usual
    assert not gauge.training
    assert fit(task, epochs=2)[1] == fit(task, epochs=2)[1]


def test_it_takes_the_place_of_the_old_one_and_nothing_else_changes(weights: Path) -> None:
    before = checkpoint.read_weights(weights)
    gauge, _ = fit(lesson(100), epochs=1)
    assert put(gauge, weights) == weights
    after = checkpoint.read_weights(weights)
    assert checkpoint.read_facts(weights) == {"arch": GUIDED}
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items() if not name.startswith("gauge."))
    network = build(GUIDED)
    checkpoint.load_weights(weights, network)
    spectra = torch.randn(3, FEATURES)
    assert torch.equal(network.eval().gauge(spectra)[0], gauge(spectra)[0])


def test_a_network_without_a_gauge_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    path.write_bytes(checkpoint.weights_to_bytes(build("plain-16x4").state_dict(), {}))
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match="holds no gauge"):
        put(fit(lesson(100), epochs=1)[0], path)
    assert path.read_bytes() == content


def test_the_command_says_how_far_off_it_is(data: Path, weights: Path) -> None:
    result = CliRunner().invoke(app, ["gauge", str(weights), "--data", str(data), "--examples", "120"])
    assert result.exit_code == 0, result.output
    assert "120 examples; on a tenth that was kept back the MTF is 0." in result.stdout
    assert f"wrote {weights}" in result.stdout.replace("\n", "")
