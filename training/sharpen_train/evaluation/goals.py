"""What a student should reach, and whether it did."""

from dataclasses import dataclass

from sharpen_train.evaluation import flicker
from sharpen_train.evaluation.conditions import IDENTITY, REAL
from sharpen_train.evaluation.quality import HARM_DB
from sharpen_train.evaluation.session import Evaluation

GAIN_GOALS_DB = {
    "heavy": (4.0, 2.5),
    "heavy+jpeg": (1.8, 1.0),
    "medium": (3.5, 1.0),
    "medium+jpeg": (1.6, 0.7),
    "low": (2.5, 0.8),
    "low+jpeg": (0.9, 0.4),
    REAL: (0.0, 0.0),
}
"""Mean gain in dB over the input and over the best-tuned unsharp mask, by condition."""
IDENTITY_DB = 45.0
MOST_SHIFT = 0.5  # in 1/255: half a step is what rounding may do to a flat picture
EDGE_LEVEL, EDGE_GAIN, MOST_OVERSHOOT_PERCENT, MOST_NOISE_GAIN = "heavy", 1.4, 10.0, 1.3
MOST_FLICKER = 1.1


@dataclass(frozen=True)
class Goal:
    """One thing that a student should reach.

    Attributes:
        what: in words.
        wanted, got: in words, with units.
        met: whether it is reached.
    """

    what: str
    wanted: str
    got: str
    met: bool


def judge(evaluation: Evaluation, name: str) -> list[Goal]:
    """Returns what the candidate called `name` should reach of all that was measured."""
    return [*_gains(evaluation, name), *_harm(evaluation, name), *_edges(evaluation, name), *_flicker(evaluation, name)]


def _gains(evaluation: Evaluation, name: str) -> list[Goal]:
    goals: list[Goal] = []
    for condition, (over_input_db, over_unsharp_db) in GAIN_GOALS_DB.items():
        summary = evaluation.scores.summary(name, condition)
        if summary is None or summary.over_unsharp_db is None:
            continue
        got = f"{summary.gain_db:+.2f} / {summary.over_unsharp_db:+.2f} dB"
        met = summary.gain_db >= over_input_db and summary.over_unsharp_db >= over_unsharp_db
        goals.append(Goal(f"{condition}: mean gain over input / unsharp", f"≥ {over_input_db:+.1f} / {over_unsharp_db:+.1f} dB", got, met))
    return goals


def _harm(evaluation: Evaluation, name: str) -> list[Goal]:
    goals: list[Goal] = []
    worst, harmed = evaluation.scores.worst_gain(name), len(evaluation.scores.harmed(name))
    if worst is not None:
        got = f"{worst[1]:+.2f} dB, {harmed} harmed"
        goals.append(Goal("no picture worse than its input", f"≥ {-HARM_DB:+.1f} dB, all pictures", got, not harmed))
    sharp = evaluation.scores.summary(name, IDENTITY)
    if sharp is not None:
        got = f"{sharp.worst.psnr_db:.1f} dB (mean {sharp.psnr_db:.1f})"
        goals.append(
            Goal("sharp pictures come back unharmed", f"≥ {IDENTITY_DB:.0f} dB, all pictures", got, sharp.worst.psnr_db >= IDENTITY_DB)
        )
    shifts = [row.shift for row in evaluation.scores.rows if row.candidate == name]
    if shifts:
        goals.append(
            Goal("brightness and colour stay", f"≤ {MOST_SHIFT}/255, all pictures", f"{max(shifts):.2f}/255", max(shifts) <= MOST_SHIFT)
        )
    return goals


def _edges(evaluation: Evaluation, name: str) -> list[Goal]:
    edge = evaluation.edges.get(name)
    if edge is None:
        return []
    level = edge.levels[EDGE_LEVEL]
    overshoot = level.output_overshoot_percent
    return [
        Goal(f"MTF50 of edges, {EDGE_LEVEL}", f"≥ {EDGE_GAIN - 1:+.0%}", f"{level.gain - 1:+.0%}", level.gain >= EDGE_GAIN),
        Goal(f"overshoot, {EDGE_LEVEL}", f"≤ {MOST_OVERSHOOT_PERCENT:.0f} %", f"{overshoot:.1f} %", overshoot <= MOST_OVERSHOOT_PERCENT),
        _noise("noise of flat areas", edge.noise_gain),
        _noise("the same, noise blurred with the picture", edge.smeared_noise_gain),
    ]


def _noise(what: str, gain: float) -> Goal:
    return Goal(what, f"≤ {MOST_NOISE_GAIN} ×", f"{gain:.2f} ×", gain <= MOST_NOISE_GAIN)


def _flicker(evaluation: Evaluation, name: str) -> list[Goal]:
    scores = evaluation.flicker.get(name)
    ratio = flicker.pool(scores).still_ratio if scores else None
    if ratio is None:
        return []
    return [Goal("flicker of still parts", f"≤ {MOST_FLICKER} ×", f"{ratio:.2f} ×", ratio <= MOST_FLICKER)]
