from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import tiny_dataset

from sharpen_train.architectures import Network, build
from sharpen_train.config import Config
from sharpen_train.data import Dataset, open_dataset
from sharpen_train.distil import teacher as teaching
from sharpen_train.distil import train
from sharpen_train.distil.restore import restore
from sharpen_train.distil.teacher import Outputs, begin, harmful, write_rows
from sharpen_train.distil.validation import make_conditions
from sharpen_train.errors import ConfigError, DiskFullError, TeacherError


class Killed(Exception):
    """Stands for a kill between two chunks."""


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return open_dataset(tiny_dataset(tmp_path / "data", train=30))


@pytest.fixture
def network() -> Network:
    return build("sharpener").eval()


def silent(_done: int, _total: int) -> None:
    return None


def files_of(dataset: Dataset, name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((dataset.folder / "teacher" / name).iterdir())}


def test_outputs_are_what_the_teacher_makes_of_the_degraded_patches(dataset: Dataset, network: Network) -> None:
    info = begin(dataset, Outputs("mask", ("heavy", "medium"), variants=2), "sharpener", network)
    done = write_rows(dataset, info, network, silent)
    found = dataset.teacher("mask")
    assert found is not None
    assert (found.info, done.done, len(found.soft)) == (done, 120, 120)
    assert found.rows_of("heavy")[3] == [3, 63]
    assert not np.array_equal(found.soft[3], found.soft[63])  # each variant is drawn anew
    for row in (0, 31, 95, 119):
        np.testing.assert_array_equal(found.teacher[row], restore(network, np.array(found.soft[row])))
        assert np.abs(found.soft[row].astype(int) - dataset.truths("train")[found.index[row]]).max() > 5


def test_a_teacher_is_left_out_where_it_harms(dataset: Dataset, network: Network) -> None:
    info = begin(dataset, Outputs("mask", ("heavy", "identity")), "sharpener", network, build("plain-16x4").eval())
    assert info.masked == ["identity"]
    assert info.report["heavy"]["teacher_psnr_db"] > info.report["heavy"]["input_psnr_db"]
    assert info.report["heavy"]["student_psnr_db"] == pytest.approx(info.report["heavy"]["input_psnr_db"])  # untrained: the input
    assert info.report["identity"]["teacher_psnr_db"] < info.report["identity"]["input_psnr_db"] == 60
    write_rows(dataset, info, network, silent)
    found = dataset.teacher("mask")
    assert found is not None
    assert len(found.soft) == 30
    assert found.rows_of("identity") == {}
    with pytest.raises(TeacherError, match="worse than its input in identity"):
        begin(dataset, Outputs("other", ("identity",)), "sharpener", network)


def test_a_preset_with_jpeg_is_judged_by_its_condition() -> None:
    report = {"heavy": {"input_psnr_db": 30.0, "teacher_psnr_db": 31.0}, "heavy+jpeg": {"input_psnr_db": 30.0, "teacher_psnr_db": 29.0}}
    assert harmful(report, ["heavy", "heavy-jpeg"]) == ["heavy-jpeg"]


def test_what_was_stopped_goes_on_and_ends_the_same(dataset: Dataset, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "BATCH_PX", 8 * dataset.info.side_px**2)
    monkeypatch.setattr(teaching, "NOTE_EVERY_S", 0)
    plan = Outputs("a", ("heavy",))
    write_rows(dataset, begin(dataset, plan, "sharpener", network), network, silent)

    def stop(done: int, _total: int) -> None:
        if done == 16:
            raise Killed

    again = Outputs("b", ("heavy",))
    with pytest.raises(Killed):
        write_rows(dataset, begin(dataset, again, "sharpener", network), network, stop)
    part = begin(dataset, again, "sharpener", network)
    assert part.done == 8
    seen: list[int] = []
    write_rows(dataset, part, network, lambda done, _: seen.append(done))
    assert seen == [16, 24, 30]
    one, two = files_of(dataset, "a"), files_of(dataset, "b")
    two["teacher.json"] = two["teacher.json"].replace(b'"name": "b"', b'"name": "a"')
    assert one == two
    assert begin(dataset, again, "sharpener", network).done == 30


def test_a_set_is_not_mixed_with_another_teacher_or_other_settings(dataset: Dataset, network: Network) -> None:
    begin(dataset, Outputs("a", ("heavy",)), "sharpener", network)
    for other in (Outputs("a", ("medium",)), Outputs("a", ("heavy",), variants=2), Outputs("a", ("heavy",), seed=2)):
        with pytest.raises(TeacherError, match="made with other weights or settings"):
            begin(dataset, other, "sharpener", network)
    network.amount.data += 0.1
    with pytest.raises(TeacherError, match="made with other weights or settings"):
        begin(dataset, Outputs("a", ("heavy",)), "sharpener", network)
    with pytest.raises(ConfigError, match="no name for a folder"):
        begin(dataset, Outputs("../a", ("heavy",)), "sharpener", network)
    with pytest.raises(ConfigError, match="heavyy"):
        begin(dataset, Outputs("b", ("heavyy",)), "sharpener", network)


def test_a_full_disk_is_said_before_the_work(dataset: Dataset, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(teaching.os, "posix_fallocate", full)
    with pytest.raises(DiskFullError):
        begin(dataset, Outputs("a", ("heavy",)), "sharpener", network)
    assert not any((dataset.folder / "teacher" / "a").iterdir())
    assert dataset.teacher("a") is None


def test_a_student_learns_from_outputs_beside_the_patches(
    dataset: Dataset, network: Network, settings: Callable[..., Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(dataset, begin(dataset, Outputs("mask", ("heavy",)), "sharpener", network), network, silent)
    sets = ("phase.preset=heavy", "phase.alpha=0.2", f"data.path={dataset.folder}")
    train(settings(*sets), tmp_path / "alone")
    train(settings(*sets, "distil.teacher=mask"), tmp_path / "taught")
    assert "teacher: the outputs 'mask'" in capsys.readouterr().out
    weights = [(tmp_path / run / "checkpoints/last/network.safetensors").read_bytes() for run in ("alone", "taught")]
    assert weights[0] != weights[1]


def test_conditions_are_the_same_each_time(dataset: Dataset) -> None:
    first, second = (make_conditions(dataset, ["webcam", "heavy", "heavy-jpeg"]) for _ in range(2))
    names = [condition.name for condition in first]
    assert names == ["heavy", "heavy+jpeg", "medium", "medium+jpeg", "low", "low+jpeg", "identity", "webcam"]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.soft, b.soft)
        assert a.soft.shape[1:] == (32, 32, 3)
    identity: Any = first[6]
    np.testing.assert_array_equal(identity.soft, identity.truth)
