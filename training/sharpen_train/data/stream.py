"""Batches for training. The batch of a step is a pure function of (dataset, seed, step, slot).

Patches are taken in the order of a permutation, a new one for every epoch; all else that is random in slot s of step k
is drawn from `default_rng([seed, k, s])`. So a resumed run sees exactly the batches that an uninterrupted one would
have seen, the ranks of a distributed run share one global batch, and the number of workers changes nothing.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpen_train.data.ahead import Ahead
from sharpen_train.data.dataset import CONTEXT_PX, TeacherSet, open_dataset
from sharpen_train.data.pictures import Picture
from sharpen_train.degradations import find_preset
from sharpen_train.errors import ConfigError, DataError

FINER_SHARE = 0.3  # of the patches that are large enough: shrunk, so that they hold finer detail than their picture did
FINER_LEAST = 1.4  # a patch is large enough when it can be shrunk by this
_TURNS = (-1, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
_PATCH_ORDER = 2**32 - 1  # keeps the generator of the order apart from those of the slots

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Draw:
    """What a step asks for.

    Attributes:
        patch_px: side of the patches; at most that of the dataset.
        batch: patches in the global batch, all ranks together.
        preset: name of the degradation.
        teacher: name of a TeacherSet of the dataset; None for truth alone.
        pairs_share: share of the slots that are really blurred pairs instead, when the dataset has some.
    """

    patch_px: int
    batch: int
    preset: str
    teacher: str | None = None
    pairs_share: float = 0.0


@dataclass(frozen=True)
class Batch:
    """The patches of one step for one rank, all C-contiguous uint8 RGB, n = batch / world.

    Attributes:
        step: number of the step.
        soft: (n, 3, P, P), what the student is given.
        truth: (n, 3, P, P), the sharp original.
        teacher: (n, 3, P, P), what the teacher made of `soft`; the truth where it has nothing to say. None if no slot has it.
        has_teacher: (n,) bool, which slots have a teacher's output.
        moved: (n, 3, P, P), the truth with nothing but the movement in it, against which softness is measured; None where nothing moved.
    """

    step: int
    soft: Images
    truth: Images
    teacher: Images | None
    has_teacher: NDArray[np.bool_]
    moved: Images | None = None


class _Steps:
    """Step number -> batch; opened anew in every worker, so that only paths and numbers travel."""

    def __init__(self, folder: Path, draws: Callable[[int], Draw], seed: int, rank: int, world: int) -> None:
        self._folder, self._draws, self._seed, self._rank, self._world = folder, draws, seed, rank, world
        self._source: _Patches | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_source": None}

    def __call__(self, step: int) -> Batch:
        if self._source is None:
            self._source = _Patches(self._folder, self._seed)
        draw = self._draws(step)
        count, left_over = divmod(draw.batch, self._world)
        if left_over or not count:
            raise ConfigError(f"a batch of {draw.batch} cannot be shared by {self._world} processes", "Choose a multiple of their number.")
        slots = range(self._rank * count, (self._rank + 1) * count)
        examples = [self._source.example(step, slot, draw) for slot in slots]
        soft, truth = _stacked([example.soft for example in examples]), _stacked([example.truth for example in examples])
        has_teacher = np.array([example.teacher is not None for example in examples])
        teacher, moved = (
            _stacked([example.truth if part is None else part for example, part in zip(examples, parts, strict=True)])
            if any(part is not None for part in parts)
            else None
            for parts in ([example.teacher for example in examples], [example.moved for example in examples])
        )
        return Batch(step, soft, truth, teacher, has_teacher, moved)


def _stacked(pictures: Sequence[Picture]) -> Images:
    """Returns pictures (P, P, 3) as one array (n, 3, P, P); OpenCV separates the channels ten times faster than numpy."""
    return np.asarray([cv2.split(picture) for picture in pictures], np.uint8)


class _Example(NamedTuple):
    """What is in a slot: pictures of (P, P, 3)."""

    soft: Picture
    truth: Picture
    teacher: Picture | None = None
    moved: Picture | None = None


class _Patches:
    """Draws examples from the training split of a dataset."""

    def __init__(self, folder: Path, seed: int) -> None:
        cv2.setNumThreads(1)  # a worker is one thread; OpenCV would start one for each core
        self._dataset = open_dataset(folder)
        self._seed = seed
        self._truth = self._dataset.truths("train")
        self._soft, self._soft_index = self._dataset.softs("train")
        self._teacher = lru_cache(maxsize=None)(self._open_teacher)
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def example(self, step: int, slot: int, draw: Draw) -> _Example:
        """Returns the example of a slot.

        Raises:
            ConfigError: the draw asks for something that the dataset does not have.
        """
        if draw.patch_px > self._dataset.info.patch_px:
            raise ConfigError(
                f"the dataset's patches have {self._dataset.info.patch_px} px, not {draw.patch_px}",
                f"Choose a smaller patch, or prepare again with --patch {draw.patch_px}.",
            )
        rng = np.random.default_rng([self._seed, step, slot])
        if draw.pairs_share > 0 and len(self._soft) and rng.random() < draw.pairs_share:
            row = int(rng.integers(len(self._soft)))
            soft, truth = _augmented([self._soft[row], self._truth[self._soft_index[row]]], draw.patch_px, rng)
            return _Example(soft, truth)
        epoch, place = divmod(step * draw.batch + slot, len(self._truth))
        patch = int(self._order(epoch)[place])
        rows = self._teacher(draw.teacher, draw.preset) if draw.teacher else None
        if rows is not None and patch in rows[1]:
            told, row = rows[0], int(rng.choice(rows[1][patch]))
            soft, truth, teacher = _augmented([told.soft[row], self._truth[patch], told.teacher[row]], draw.patch_px, rng)
            return _Example(soft, truth, teacher)
        return self._degraded(self._truth[patch], draw, rng)

    def _degraded(self, patch: Picture, draw: Draw, rng: np.random.Generator) -> _Example:
        """Degrades a part of the patch together with its surroundings, then cuts those off."""
        whole = draw.patch_px + 2 * CONTEXT_PX
        finest = int(patch.shape[0] / FINER_LEAST)
        if finest >= whole and rng.random() < FINER_SHARE:
            side = int(rng.integers(whole, finest + 1))
            patch = np.asarray(cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        (truth,) = _cut([patch], whole, 0, rng)
        made = find_preset(draw.preset).soften(truth, rng)
        inner = slice(CONTEXT_PX, CONTEXT_PX + draw.patch_px)
        moved = None if made.moved is truth else made.moved[inner, inner]
        return _Example(made.soft[inner, inner], truth[inner, inner], moved=moved)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self._seed, _PATCH_ORDER, epoch]).permutation(len(self._truth))

    def _open_teacher(self, name: str, preset: str) -> tuple[TeacherSet, dict[int, list[int]]]:
        found = self._dataset.teacher(name)
        if found is None:
            raise DataError(f"{self._dataset.folder} has no outputs of a teacher '{name}'", "Write them: sharpen-train teacher --help")
        return found, found.rows_of(preset)


def _augmented(patches: list[Picture], patch_px: int, rng: np.random.Generator) -> list[Picture]:
    return _cut(patches, patch_px, CONTEXT_PX, rng)


def _cut(patches: list[Picture], size_px: int, margin_px: int, rng: np.random.Generator) -> list[Picture]:
    """Cuts the same window, `margin_px` or more from the edge, turned and mirrored the same way, out of all patches."""
    room = patches[0].shape[0] - 2 * margin_px - size_px
    top, left = (margin_px + int(offset) for offset in rng.integers(0, room + 1, 2))
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    windows = [np.ascontiguousarray(patch[top : top + size_px, left : left + size_px]) for patch in patches]
    turned = [cv2.rotate(window, _TURNS[turns]) if turns else window for window in windows]
    return [np.asarray(cv2.flip(window, 1) if mirrored else window, np.uint8) for window in turned]


class BatchStream:
    """Batches of a dataset, made ahead of time by worker processes, in the order of the steps.

    Batches cross processes as arrays: tensors would travel as shared files, whose server prints a traceback when Ctrl-C
    ends a worker. Use it in a `with` block.
    """

    def __init__(
        self,
        folder: Path,
        draws: Callable[[int], Draw],
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        workers: int = 1,
        prefetch: int = 8,
    ) -> None:
        """Checks the dataset and the first draw; no process is started yet.

        Args:
            folder: of the dataset.
            draws: what each step asks for; picklable.
            seed: of the order, the cuts and the degradations.
            rank: which share of the global batch this process wants, below `world`.
            world: number of processes that share the global batch.
            workers: processes that make batches; 0 makes them in this one.
            prefetch: batches that each worker makes ahead.

        Raises:
            ConfigError: the draw does not fit the dataset, or the preset is unknown.
            DataError: the folder is not a whole dataset, or has no such teacher.
        """
        self._steps = _Steps(folder, draws, seed, rank, world)
        self._workers, self._prefetch = workers, prefetch
        self._ahead: Ahead[Batch] | None = None
        self._steps(0)

    def batches(self, start_step: int) -> Iterator[Batch]:
        """Yields the batches of `start_step` and all later ones, endlessly; ends what an earlier call started.

        Raises:
            ConfigError: a later draw does not fit the dataset.
            DataError: a worker was killed.
        """
        self.close()
        if not self._workers:
            return map(self._steps, itertools.count(start_step))
        self._ahead = Ahead(self._steps, start_step, self._workers, self._prefetch)
        return iter(self._ahead)

    def close(self) -> None:
        """Ends the workers; may be called twice."""
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
