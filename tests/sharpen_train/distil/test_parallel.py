import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sharpen_train.config import Config
from sharpen_train.distil import parallel, train
from sharpen_train.errors import ConfigError

# What `torchrun` starts: the loop with batches made in its own process, because a process more for each would take seconds.
SCRIPT = """
import sys
from pathlib import Path
from sharpen_train.config import read_config
from sharpen_train.data.stream import BatchStream
from sharpen_train.distil import loop
loop.BatchStream = lambda *a, **k: BatchStream(*a, **(k | {"workers": 0}))
loop.train(read_config(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def test_two_processes_do_what_one_does_with_the_whole_batch(settings: Callable[..., Config], tmp_path: Path) -> None:
    config = settings("train.steps=4", "train.accumulate=2", "phase.batch=8")
    train(config, tmp_path / "alone")
    (tmp_path / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    command = [*launcher, str(tmp_path / "script.py"), str(tmp_path / "config.toml"), str(tmp_path / "both")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=100, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done: 4 steps") == 1  # one process speaks and writes
    for name in ("network", "averaged"):
        one, two = (load_file(tmp_path / run / f"checkpoints/last/{name}.safetensors") for run in ("alone", "both"))
        for key, tensor in one.items():
            torch.testing.assert_close(two[key], tensor, rtol=0, atol=1e-6)


def test_a_batch_that_cannot_be_shared_is_refused_at_once(settings: Callable[..., Config], data: Path) -> None:
    from sharpen_train.data import open_dataset
    from sharpen_train.distil.loop import check_fit

    with pytest.raises(ConfigError, match="a batch of 4 cannot be shared by 3 processes"):
        check_fit(settings(), open_dataset(data), 3)


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert parallel.choose_device("auto") == torch.device("cuda", 0)
    assert parallel.choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match="no GPU for cuda:1"):
        parallel.choose_device("cuda:1")
    with pytest.raises(ConfigError, match="no GPU for cuda:3"):
        parallel.choose_device("cuda", 3)
