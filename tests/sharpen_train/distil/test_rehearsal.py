import io
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch
from media_files import smooth
from rich.console import Console

from sharpen_train.architectures import build
from sharpen_train.config import Config
from sharpen_train.data import Source
from sharpen_train.distil import rehearsal
from sharpen_train.distil.parallel import Ranks
from sharpen_train.distil.progress import Display, Pace
from sharpen_train.distil.throughput import measure_loops

ALONE = Ranks(0, 1, torch.device("cpu"))
TWO_PHASES = 'phase=[{share=0.25, preset="heavy", patch_px=16, batch=2}, {share=0.75, preset="mixed", patch_px=32, batch=4}]'


def test_every_phase_is_measured_and_nothing_is_written(settings: Callable[..., Config], data: Path) -> None:
    before = sorted(data.rglob("*"))
    config = settings(TWO_PHASES, "train.steps=100")
    found = rehearsal.estimate(config, ALONE, None)
    assert len(found.step_ms) == 2
    assert all(ms > 0 for ms in found.step_ms)
    assert found.minutes == pytest.approx(100 * (0.25 * found.step_ms[0] + 0.75 * found.step_ms[1]) / 60_000)
    assert (found.patches, found.parameters, found.steps) == (12, 12_764, 100)
    assert sorted(data.rglob("*")) == before


def test_what_a_step_keeps_grows_with_the_patch(settings: Callable[..., Config]) -> None:
    config, network = settings(TWO_PHASES), build("plain-16x4")
    small, large = (rehearsal.kept_bytes(config, network, number) for number in (0, 1))
    assert large == pytest.approx(8 * small, rel=0.1)  # four times the pixels, twice the patches
    # Six convolutions at half resolution: 16 channels each, f32, of 4 patches of 32 px; kept once by a ReLU and the next convolution.
    assert large > 5 * 16 * 16 * 16 * 4 * 4


def test_the_steps_fill_the_time_that_is_left(settings: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "measure_step_ms", lambda *_: [100.0, 200.0])
    config = settings(TWO_PHASES, "train.steps=0", "train.max_minutes=10")
    steps = rehearsal.fit_steps(config, ALONE, None, [], time.monotonic())
    assert steps == pytest.approx(600_000 * 0.97 / 175, abs=2)
    assert rehearsal.fit_steps(config, ALONE, None, [], time.monotonic() - 10_000) == 1  # the time is over already


def test_pace_counts_time_and_waiting() -> None:
    now = iter([0.0, 4.0, 4.0, 10.0, 11.0, 11.0])
    pace = Pace(lambda: next(now))
    pace.add(0.5)
    pace.add(0.5)
    assert pace.look() == (2000.0, 0.25)
    pace.restart()
    pace.add(0.0)
    assert pace.look()[0] == 1000.0


def test_only_the_speaking_process_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    for speaking in (True, False):
        with Display(10, speaking=speaking) as display:
            display.step(3, "loss 0.1")
            display.say(f"[bold] {speaking}")
    assert capsys.readouterr().out == "[bold] True\n"


def test_a_terminal_gets_a_live_line() -> None:
    console = Console(force_terminal=True, width=80, record=True, file=io.StringIO())
    with Display(10, console=console) as display:
        display.step(3, "loss 0.1")
    assert "step 3/10  loss 0.1" in console.export_text()


def test_both_loops_are_measured_on_the_same_work(settings: Callable[..., Config], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), smooth(80, 90))
    results = measure_loops(settings("train.workers=1"), [Source(tmp_path / "a.png", 1.0)], torch.device("cpu"), 0.01)
    assert [result.name for result in results] == ["plain loop", "sharpen-train"]
    for result in results:
        assert result.steps >= 5
        assert result.patches_per_s > 0
        assert 0 <= result.waiting_share < 1
