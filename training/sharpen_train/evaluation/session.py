"""One evaluation from beginning to end: costs, tuning, scores, edges, flicker, and the places to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpen_train.degradations.published import LEVELS
from sharpen_train.errors import DataError
from sharpen_train.evaluation import crops, flicker, quality, slanted_edge
from sharpen_train.evaluation.candidates import Candidate, CandidateSpec, Kind, open_once
from sharpen_train.evaluation.cost import Cost, describe_machine, measure_cost
from sharpen_train.evaluation.crew import Crew
from sharpen_train.evaluation.flicker import FlickerScore
from sharpen_train.evaluation.quality import UNSHARP, Restore, Row, Scores
from sharpen_train.evaluation.slanted_edge import EdgeScore
from sharpen_train.evaluation.subjects import Subject
from sharpen_train.evaluation.unsharp import Setting, best_setting, unsharp
from sharpen_train.metrics import Picture

Begin = Callable[[str, int], Callable[[], None]]
"""Told what begins and of how many parts it is; returns what is called after each part."""
FLICKER_CONDITION = "medium+jpeg"  # whose unsharp mask runs beside the models on clips: what a webcam is like


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
        subjects: the pictures.
        models: what is scored, with their labels; the first one decides which crops are shown.
        teacher: scored beside them.
        clips: for flicker; may be empty.
        processes: how many score pictures side by side.
        with_edges: measure slanted edges.
        with_crops: cut out places to look at.
        with_cost: time each candidate, before anything else runs.
    """

    subjects: Sequence[Subject]
    models: Sequence[CandidateSpec]
    teacher: CandidateSpec | None = None
    clips: Sequence[Path] = ()
    processes: int = 1
    with_edges: bool = True
    with_crops: bool = False
    with_cost: bool = True

    @property
    def specs(self) -> tuple[CandidateSpec, ...]:
        """The models, then the teacher."""
        return (*self.models, *([self.teacher] if self.teacher else []))


@dataclass(frozen=True)
class Entrant:
    """A candidate as it stands in tables."""

    name: str
    kind: Kind
    runs_on: str
    is_teacher: bool
    cost: Cost


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured.

    Attributes:
        entrants: the models, then the teacher.
        scores: of every picture.
        masks: the tuned unsharp mask by condition.
        machine: where times were measured.
        pictures: how many were scored.
        skipped: pictures that could not be scored, and why.
        edges: slanted edges by candidate, the unsharp mask among them.
        flicker: by candidate, a score for each clip.
        strips: places to look at.
    """

    entrants: Sequence[Entrant]
    scores: Scores
    masks: dict[str, Setting]
    machine: str
    pictures: int
    skipped: list[str]
    edges: dict[str, EdgeScore] = field(default_factory=dict)
    flicker: dict[str, list[FlickerScore]] = field(default_factory=dict)
    strips: list[crops.Strip] = field(default_factory=list)

    @property
    def models(self) -> list[Entrant]:
        """Those that are no teacher."""
        return [entrant for entrant in self.entrants if not entrant.is_teacher]


def evaluate(request: Request, begin: Begin) -> Evaluation:
    """Measures what `request` asks for.

    Raises:
        DataError: not one picture can be scored, or a clip is too short.
        SharpenError: a candidate or a clip cannot be used.
    """
    for clip in request.clips:  # a damaged one must not come to light after an hour
        flicker.read_frames(clip, flicker.LEAST_FRAMES)
    machine = describe_machine()
    entrants = _entrants(request, begin)
    with Crew(request.processes) as crew:
        subjects, masks, skipped = _tune(crew, request.subjects, begin)
        tasks = [ScoreTask(subject, masks, request.specs) for subject in subjects]
        rows = crew.map(_score, tasks, begin("scoring", len(tasks)))
        scores = Scores(row for part in rows for row in part)
        return Evaluation(
            entrants,
            scores,
            masks,
            machine,
            len(subjects),
            skipped,
            _measure_edges(crew, request, masks, begin) if request.with_edges else {},
            _measure_flicker(crew, request, masks, begin) if request.clips else {},
            _cut_strips(crew, request, subjects, scores, masks, begin) if request.with_crops else [],
        )


def _entrants(request: Request, begin: Begin) -> list[Entrant]:
    entrants: list[Entrant] = []
    advance = begin("timing", len(request.specs))
    for spec in request.specs:
        candidate = open_once(spec)
        cost = measure_cost(candidate) if request.with_cost else Cost(candidate.parameters, round(candidate.kmac_per_px, 2))
        entrants.append(Entrant(spec.label or candidate.name, candidate.kind, candidate.runs_on, spec == request.teacher, cost))
        advance()
    return entrants


def _tune(crew: Crew, subjects: Sequence[Subject], begin: Begin) -> tuple[list[Subject], dict[str, Setting], list[str]]:
    """Returns the pictures that can be scored, the unsharp mask of each condition, and what was skipped."""
    answers = crew.map(_tune_one, subjects, begin("tuning the unsharp mask", len(subjects)))
    good: list[Subject] = []
    tables: dict[str, list[NDArray[np.float64]]] = {}
    for subject, answer in zip(subjects, answers, strict=True):
        if isinstance(answer, str):
            continue
        good.append(subject)
        for condition, table in answer.items():
            tables.setdefault(condition, []).append(table)
    skipped = list(dict.fromkeys(answer for answer in answers if isinstance(answer, str)))
    if not good:
        raise DataError(f"no picture can be scored: {skipped[0]}", "Give other pictures.")
    return good, {condition: best_setting(scores) for condition, scores in tables.items()}, skipped


def _tune_one(subject: Subject) -> dict[str, NDArray[np.float64]] | str:
    """Returns the scores of the masks on one picture, or why the picture cannot be used."""
    try:
        loaded = subject.load()
    except DataError as error:
        return error.message
    return quality.tune(loaded)


@dataclass(frozen=True)
class ScoreTask:
    """A picture to score."""

    subject: Subject
    masks: dict[str, Setting]
    specs: tuple[CandidateSpec, ...]


def _score(task: ScoreTask) -> list[Row]:
    return quality.score(task.subject.load(), task.masks, _restores(task.specs))


def _restores(specs: Sequence[CandidateSpec]) -> dict[str, Restore]:
    return {name: candidate.restore for name, candidate in _opened(specs).items()}


def _opened(specs: Sequence[CandidateSpec]) -> dict[str, Candidate]:
    return {spec.label or open_once(spec).name: open_once(spec) for spec in specs}


@dataclass(frozen=True)
class StripTask:
    """A place to cut out."""

    subject: Subject
    wish: crops.Wish
    mask: Setting | None
    specs: tuple[CandidateSpec, ...]


def _cut_strips(
    crew: Crew, request: Request, subjects: Sequence[Subject], scores: Scores, masks: dict[str, Setting], begin: Begin
) -> list[crops.Strip]:
    by_key = {(subject.name, condition): subject for subject in subjects for condition in subject.conditions}
    focus = request.models[0].label or open_once(request.models[0]).name
    tasks = [
        StripTask(by_key[wish.picture, wish.condition], wish, masks.get(wish.condition), request.specs)
        for wish in crops.choose(scores, focus)
    ]
    return crew.map(_cut, tasks, begin("cutting crops", len(tasks)))


def _cut(task: StripTask) -> crops.Strip:
    return crops.cut(task.subject.load(), task.wish, task.mask, _restores(task.specs))


def _measure_edges(crew: Crew, request: Request, masks: dict[str, Setting], begin: Begin) -> dict[str, EdgeScore]:
    advance = begin("slanted edges", len(request.specs))
    parts = crew.map(_measure_edge, request.specs, advance)
    edges = {spec.label or open_once(spec).name: part for spec, part in zip(request.specs, parts, strict=True)}
    if all(level in masks for level in LEVELS):
        edges = {UNSHARP: _unsharp_edges(masks), **edges}
    return edges


def _measure_edge(spec: CandidateSpec) -> EdgeScore:
    return slanted_edge.measure(open_once(spec).restore)


def _unsharp_edges(masks: dict[str, Setting]) -> EdgeScore:
    """Returns each level with the mask that was tuned to it; the noise is that of the strongest blur's mask."""
    parts = [slanted_edge.measure(lambda picture, mask=masks[level]: unsharp(picture, *mask), levels=(level,)) for level in LEVELS]
    return replace(parts[0], levels={level: part.levels[level] for level, part in zip(LEVELS, parts, strict=True)})


def _measure_flicker(crew: Crew, request: Request, masks: dict[str, Setting], begin: Begin) -> dict[str, list[FlickerScore]]:
    tasks = [ClipTask(clip, masks.get(FLICKER_CONDITION), request.specs) for clip in request.clips]
    table: dict[str, list[FlickerScore]] = {}
    for part in crew.map(_measure_clip, tasks, begin("flicker", len(tasks))):
        for name, clip_score in part.items():
            table.setdefault(name, []).append(clip_score)
    return table


@dataclass(frozen=True)
class ClipTask:
    """A clip to measure."""

    clip: Path
    mask: Setting | None
    specs: tuple[CandidateSpec, ...]


def _measure_clip(task: ClipTask) -> dict[str, FlickerScore]:
    mask = task.mask
    filters: dict[str, Callable[[Sequence[Picture]], Sequence[Picture]]] = {}
    if mask is not None:
        filters[UNSHARP] = lambda frames: [unsharp(frame, *mask) for frame in frames]
    filters |= {name: candidate.restore_clip for name, candidate in _opened(task.specs).items()}
    return {name: flicker.measure(restore, [task.clip])[0] for name, restore in filters.items()}
