"""Which tiles are fastest on this very machine: measured in at most about 0.8 s, and remembered.

A server's caches are large and whole frames win there; on a laptop, or for a wider network, smaller tiles may. The default plan stays
unless another one is clearly faster. The first time, when every model may have to be measured before anything is sharpened, there is only
a glance. What came of that, or was measured while the machine did other things, is measured again when the model is next begun with, a few
times at most.
"""

import hashlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from sharpen_core.engines.base import Engine
from sharpen_core.errors import EngineError
from sharpen_core.frame import Pixels, Size
from sharpen_core.machine import this_processor
from sharpen_core.model_store import Manifest, Model
from sharpen_core.restorer import Restorer
from sharpen_core.tiling import TILE_WORKING_BYTES, plan_tiles
from sharpen_core.tuning_cache import Setup, Tuned, TuningCache

BUDGET_S, GLANCE_S = 0.8, 0.2
"""How long to measure, and how long the first time, compiling included.

What has begun is ended: at most one compilation and one frame of each of two plans.
"""
LEAST_GAIN = 0.05
_CLEAR_ROUNDS, _MOST_ROUNDS = 5, 9
_LOST_AFTER = 3
_LEAST_FRAMES = 3
_WON_SHARE = 0.8
_MOST_EXTRA = 1.5  # a plan that computes half of the frame twice cannot win it back from the caches
_CALM = 1.25  # on a calm machine the median frame takes hardly longer than the quickest; beyond this something else computes
_MOST_TRIES = 3
_TRIAL_SOFTNESS_PX = 1.5
_FIT_ANYWHERE_BYTES = 4 << 20  # a frame that takes no more lies in the caches of any machine, in one piece


class Sharpens(Protocol):
    """As much of a restorer as is timed."""

    def sharpen(self, pixels: Pixels, strength: float = 1.0) -> Pixels:
        """Returns a sharpened copy."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured.

    Attributes:
        most_px: of the fastest plan; None is the default plan.
        frame_ms: lower quartile of the times for a frame with it: what else runs meanwhile only adds.
        sure: whether there was time for every plan, on a calm machine.
    """

    most_px: int | None
    frame_ms: float
    sure: bool


def tune(model: Model, engine: Engine, size: Size, cache: TuningCache, *, measure: bool = True) -> Tuned | None:
    """Returns what is known about a model on an engine for frames of `size`, measured now if need be. For `Restorer(..., most_px=)`.

    Args:
        model: what sharpens.
        engine: on what; one without a fingerprint is not measured.
        size: of the frames.
        cache: what was measured earlier, and where this will be kept.
        measure: whether to measure what is not known; otherwise None is returned for it.

    Raises:
        EngineCompileFailed, ModelIncompatible: as for `Restorer`.
        EngineInferenceFailed: the engine gave up on the default plan.
    """
    setup = setup_of(model, engine, size)
    if setup is None:
        return None
    known = cache.get(setup)
    if not measure or (known and (known.sure or known.tries >= _MOST_TRIES)):
        return known
    outcome = find_fastest(
        candidates(size, model.manifest),
        lambda most_px: Restorer(model, engine, size, most_px=most_px),
        size,
        budget_s=BUDGET_S if known else GLANCE_S,
    )
    tries = known.tries + 1 if known else 1
    tuned = Tuned(most_px=outcome.most_px, frame_ms=round(outcome.frame_ms, 3), sure=outcome.sure, tries=tries)
    cache.put(setup, tuned)
    return tuned


def known_ms(models: Sequence[Model], engine: Engine, size: Size, cache: TuningCache) -> dict[str, float]:
    """Returns milliseconds for a frame, by the model's name, of those that were measured here earlier."""
    setups = {model.name: setup_of(model, engine, size) for model in models}
    found = {name: cache.get(setup) for name, setup in setups.items() if setup}
    return {name: tuned.frame_ms for name, tuned in found.items() if tuned}


def trial_picture(size: Size) -> Pixels:
    """Returns something to time networks on: soft, because they are spared what is sharp."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), _TRIAL_SOFTNESS_PX), np.uint8)


def setup_of(model: Model, engine: Engine, size: Size) -> Setup | None:
    """Returns all that times depend on; None for an engine that computes nothing."""
    if not engine.fingerprint:
        return None
    processor = this_processor()
    return Setup(
        processor=f"{processor.name}; {processor.cores} cores; {' '.join(processor.features)}",
        model=f"{model.name} {_graph_digest(model.manifest)}",
        engine=engine.fingerprint,
        size=str(size),
    )


def _graph_digest(manifest: Manifest) -> str:
    """Changes with any graph, and with what decides how it is tiled and in which precision it runs."""
    graphs = sorted((name, entry.sha256) for name, entry in manifest.files.items() if name.endswith((".xml", ".xml.gz", ".bin", ".onnx")))
    rules = (manifest.halo_px, manifest.input.multiple_px, manifest.working_bytes_per_px, manifest.whole_frame, sorted(manifest.parity))
    return hashlib.sha256(repr((graphs, rules)).encode()).hexdigest()[:16]


def candidates(size: Size, manifest: Manifest) -> list[int | None]:
    """Returns the plans to try, as their `most_px`: the default one first, then from the largest tiles to the smallest.

    Each plan is another one, and none computes much more than the frame. Frames that fit into any machine's caches have no choice.
    """
    default_px = int(TILE_WORKING_BYTES / manifest.working_bytes_per_px)
    frame_px = size.height * size.width
    found: list[int | None] = [None]
    if manifest.whole_frame or frame_px * manifest.working_bytes_per_px <= _FIT_ANYWHERE_BYTES:
        return found
    multiple_px, halo_px = manifest.input.multiple_px, manifest.halo_px
    seen = {plan_tiles(size, multiple_px, halo_px, default_px)}
    whole_px = 2 * frame_px  # the frame, enlarged to what the network can divide
    # A half with its halo is more than half a frame: 0.7 is what halves of 1280x720 need for the widest halo there is.
    for most_px in (whole_px, *(int(frame_px * share) for share in (0.7, 0.4, 0.2, 0.1))):
        plan = plan_tiles(size, multiple_px, halo_px, most_px)
        computed_px = plan.count * plan.tile.height * plan.tile.width
        if plan not in seen and computed_px <= _MOST_EXTRA * frame_px:
            seen.add(plan)
            found.append(most_px)
    return found


def find_fastest(
    plans: Sequence[int | None],
    restorer_for: Callable[[int | None], Sharpens],
    size: Size,
    *,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.perf_counter,
) -> Outcome:
    """Duels each plan with the fastest so far, until the time is over.

    Args:
        plans: to try; the first one stays in doubt, and compiling it costs no time, for it is needed anyhow.
        restorer_for: makes what sharpens with a plan.
        size: of the frames.
        budget_s: how long to measure.
        clock: seconds.

    Raises:
        EngineError: the first plan does not work; another one that does not is passed over.
    """
    picture = trial_picture(size)
    best, holder = plans[0], restorer_for(plans[0])
    until_s = clock() + budget_s
    holder_ms = [_timed_ms(holder, picture, clock) for _ in range(1 + _LEAST_FRAMES)][1:]  # the first one only warms up
    in_time = True
    for most_px in plans[1:]:
        in_time = in_time and clock() < until_s
        if not in_time:
            break
        try:
            challenger = restorer_for(most_px)
            times = _duel(holder, challenger, picture, until_s, clock)
        except EngineError:
            continue
        won = verdict([after / before for before, after in times])
        in_time = won is not None or len(times) == _MOST_ROUNDS
        if won:
            best, holder, holder_ms = most_px, challenger, [after for _, after in times]
        else:
            holder_ms += [before for before, _ in times]
    calm = statistics.median(holder_ms) <= _CALM * min(holder_ms)
    return Outcome(best, float(np.percentile(holder_ms, 25)), sure=in_time and calm)


def _duel(holder: Sharpens, challenger: Sharpens, picture: Pixels, until_s: float, clock: Callable[[], float]) -> list[tuple[float, float]]:
    """Times both in turn until one has clearly won, or the time is over; returns pairs of milliseconds."""
    _timed_ms(challenger, picture, clock)
    times: list[tuple[float, float]] = []
    while len(times) < _MOST_ROUNDS and clock() < until_s and verdict([after / before for before, after in times]) is None:
        times.append((_timed_ms(holder, picture, clock), _timed_ms(challenger, picture, clock)))
    return times


def _timed_ms(restorer: Sharpens, picture: Pixels, clock: Callable[[], float]) -> float:
    began_s = clock()
    restorer.sharpen(picture)
    return max(1e-6, (clock() - began_s) * 1000)


def verdict(ratios: Sequence[float]) -> bool | None:
    """Whether a challenger beats the holder: True, False, or None while it is open (which counts as not, when the time is over).

    It has to be faster by `LEAST_GAIN` at the median, and in four of five rounds faster at all: on a busy machine neither alone says much.

    Args:
        ratios: its time by the holder's, round by round.
    """
    if len(ratios) >= _LOST_AFTER and min(ratios) > 1:
        return False
    if len(ratios) < _CLEAR_ROUNDS:
        return None
    won = sum(ratio < 1 for ratio in ratios) >= _WON_SHARE * len(ratios)
    return True if won and statistics.median(ratios) < 1 - LEAST_GAIN else None
