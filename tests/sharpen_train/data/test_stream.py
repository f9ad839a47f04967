import multiprocessing
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_train.data import TeacherInfo, open_dataset
from sharpen_train.data.stream import Batch, BatchStream, Draw
from sharpen_train.errors import ConfigError, DataError


@dataclass(frozen=True)
class Phases:
    """Asks for `first`, and from step `change` on for `then`."""

    first: Draw
    then: Draw
    change: int = 3

    def __call__(self, step: int) -> Draw:
        return self.first if step < self.change else self.then


SMALL = Phases(Draw(32, 4, "mixed-jpeg-noise"), Draw(64, 6, "heavy", pairs_share=0.5))


def take(
    folder: Path, draws: Phases = SMALL, *, start: int = 0, count: int = 5, workers: int = 0, rank: int = 0, world: int = 1
) -> list[Batch]:
    with BatchStream(folder, draws, seed=7, rank=rank, world=world, workers=workers) as stream:
        return list(islice(stream.batches(start), count))


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    for a, b in zip(one, other, strict=True):
        assert a.step == b.step
        np.testing.assert_array_equal(a.soft, b.soft)
        np.testing.assert_array_equal(a.truth, b.truth)
        np.testing.assert_array_equal(a.has_teacher, b.has_teacher)
        assert (a.teacher is None) == (b.teacher is None)
        if a.teacher is not None and b.teacher is not None:
            np.testing.assert_array_equal(a.teacher, b.teacher)


@pytest.fixture(scope="module")
def taught(dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a teacher that knows `heavy` for every other patch and answers with the negative of the truth."""
    data = Path(shutil.copytree(dataset_folder, tmp_path_factory.mktemp("taught") / "data"))
    truths = open_dataset(data).truths("train")
    folder, index = data / "teacher" / "big", np.arange(0, len(truths), 2)
    folder.mkdir(parents=True)
    info = TeacherInfo(name="big", presets=["heavy"], seed=1, arch="x", weights_sha256="0", done=len(index))
    (folder / "teacher.json").write_text(info.model_dump_json(), encoding="utf-8")
    np.save(folder / "index.npy", index)
    np.save(folder / "preset.npy", np.zeros_like(index))
    np.save(folder / "soft.npy", truths[index] // 2)
    np.save(folder / "teacher.npy", 255 - truths[index])
    return data


def test_batches_are_what_the_step_asks_for(dataset_folder: Path) -> None:
    for batch in take(dataset_folder):
        draw = SMALL(batch.step)
        assert batch.soft.shape == batch.truth.shape == (draw.batch, 3, draw.patch_px, draw.patch_px)
        assert batch.soft.dtype == batch.truth.dtype == np.uint8
        assert batch.soft.flags.c_contiguous
        assert batch.truth.flags.c_contiguous
        assert batch.teacher is None
        assert not batch.has_teacher.any()
        assert 0 < np.abs(batch.soft.astype(int) - batch.truth).mean() < 40  # the same place, only softer


@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_nothing(dataset_folder: Path, workers: int) -> None:
    assert_same(take(dataset_folder, start=1), take(dataset_folder, start=1, workers=workers))


@given(start=st.integers(0, 8))
@settings(deadline=None, max_examples=5)
def test_starting_late_equals_skipping(dataset_folder: Path, start: int) -> None:
    assert_same(take(dataset_folder, start=start, count=2), take(dataset_folder, count=start + 2)[start:])


@pytest.mark.parametrize("world", [2])
def test_the_ranks_share_one_global_batch(taught: Path, world: int) -> None:
    draws = Phases(Draw(32, 4, "heavy", teacher="big"), Draw(64, 6, "mixed", pairs_share=0.5))
    whole = take(taught, draws)
    parts = [take(taught, draws, rank=rank, world=world) for rank in range(world)]
    for at, batch in enumerate(whole):
        for name in ("soft", "truth", "has_teacher"):
            np.testing.assert_array_equal(np.concatenate([getattr(part[at], name) for part in parts]), getattr(batch, name))


def test_every_patch_comes_once_in_an_epoch(dataset_folder: Path) -> None:
    count = open_dataset(dataset_folder).info.counts["train"]
    plain = Draw(64, count, "identity")
    batches = take(dataset_folder, Phases(plain, plain), count=2)

    def seen(batch: Batch) -> list[bytes]:  # a patch as large as the dataset's is turned and mirrored, but whole
        return sorted(np.sort(patch.reshape(3, -1), axis=1).tobytes() for patch in batch.truth)

    assert seen(batches[0]) == seen(batches[1])
    assert len(set(seen(batches[0]))) == count
    assert (batches[0].truth != batches[1].truth).any()


def test_teacher_outputs_are_cut_and_turned_like_the_truth(taught: Path) -> None:
    draw = Draw(32, 8, "heavy", teacher="big")
    batches = take(taught, Phases(draw, draw), count=4)
    flags = np.concatenate([batch.has_teacher for batch in batches])
    assert 0.2 < flags.mean() < 0.8
    for batch in batches:
        assert batch.teacher is not None
        there = batch.has_teacher
        np.testing.assert_array_equal(batch.teacher[there], 255 - batch.truth[there])
        np.testing.assert_array_equal(batch.soft[there], batch.truth[there] // 2)
        np.testing.assert_array_equal(batch.teacher[~there], batch.truth[~there])


def test_a_preset_that_the_teacher_does_not_know_has_no_teacher(taught: Path) -> None:
    draw = Draw(32, 8, "low", teacher="big")
    (batch,) = take(taught, Phases(draw, draw), count=1)
    assert batch.teacher is None
    assert not batch.has_teacher.any()


def test_what_moved_comes_beside_the_truth(dataset_folder: Path) -> None:
    draw = Draw(32, 24, "moving")
    for batch in take(dataset_folder, Phases(draw, draw), count=2):
        assert batch.moved is not None
        assert batch.moved.shape == batch.truth.shape
        moved = (batch.moved != batch.truth).any(axis=(1, 2, 3))
        assert 0 < moved.mean() < 0.7
    still = Draw(32, 24, "everyday")
    assert all(batch.moved is None for batch in take(dataset_folder, Phases(still, still), count=2))


def test_real_pairs_come_with_their_share(dataset_folder: Path) -> None:
    draw = Draw(64, 40, "identity", pairs_share=0.5)
    (batch,) = take(dataset_folder, Phases(draw, draw), count=1)
    blurred = (batch.soft != batch.truth).any(axis=(1, 2, 3))
    assert 0.25 < blurred.mean() < 0.75


@pytest.mark.parametrize(
    ("draw", "world", "error", "what"),
    [
        (Draw(128, 4, "heavy"), 1, ConfigError, "patches have 64 px, not 128"),
        (Draw(32, 3, "heavy"), 2, ConfigError, "batch of 3 cannot be shared by 2"),
        (Draw(32, 4, "hevy"), 1, ConfigError, "hevy"),
        (Draw(32, 4, "heavy", teacher="none"), 1, DataError, "no outputs of a teacher 'none'"),
    ],
)
def test_an_impossible_draw_is_refused_before_anything_starts(
    dataset_folder: Path, draw: Draw, world: int, error: type[Exception], what: str
) -> None:
    with pytest.raises(error, match=what):
        BatchStream(dataset_folder, Phases(draw, draw), seed=1, world=world)


def test_a_later_draw_that_is_impossible_is_refused_by_the_worker_too(dataset_folder: Path) -> None:
    draws = Phases(SMALL.first, Draw(128, 4, "heavy"), change=2)
    with pytest.raises(ConfigError, match="patches have 64 px") as caught:
        take(dataset_folder, draws, workers=1)
    assert caught.value.hint == "Choose a smaller patch, or prepare again with --patch 128"


def test_a_killed_worker_is_one_clear_error(dataset_folder: Path) -> None:
    with BatchStream(dataset_folder, SMALL, seed=7, workers=1, prefetch=1) as stream:
        batches = stream.batches(0)
        next(batches)
        (worker,) = multiprocessing.active_children()
        worker.kill()
        with pytest.raises(DataError, match="was killed"):
            list(islice(batches, 100))


def test_a_closed_stream_can_be_read_again(dataset_folder: Path) -> None:
    stream = BatchStream(dataset_folder, SMALL, seed=7, workers=1)
    batches: Iterator[Batch] = stream.batches(0)
    first = next(batches)
    stream.close()
    stream.close()
    assert_same([first], [next(stream.batches(0))])
    stream.close()
