"""Timing calls against each other on a machine that does other things as well."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one call takes.

    Attributes:
        median_ms, p95_ms: of all calls but the first, which only warms up.
        runs: how many were timed.
    """

    median_ms: float
    p95_ms: float
    runs: int

    @classmethod
    def of(cls, durations_ms: list[float]) -> "Timing":
        """Sums durations up.

        Raises:
            ValueError: there are none.
        """
        if not durations_ms:
            raise ValueError("nothing was timed")
        median, p95 = (round(float(value), 3) for value in np.percentile(durations_ms, [50, 95]))
        return cls(median, p95, len(durations_ms))

    @property
    def fps(self) -> float:
        """Calls per second at the median."""
        return round(1000 / self.median_ms, 2) if self.median_ms > 0 else float("inf")


def race(
    calls: Mapping[Name, Callable[[], object]],
    *,
    most_rounds: int,
    most_s: float,
    least_rounds: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, list[float]]:
    """Times calls round by round, each once in a round: what else the machine does meets all of them alike.

    Args:
        calls: what to time, by name; each is called once beforehand, untimed.
        most_rounds: ends after so many rounds.
        most_s: ends when so many seconds are over after the warm-up.
        least_rounds: rounds that are run however long they take.
        clock: seconds.

    Returns:
        Milliseconds by name, in the order of the rounds: all lists are equally long.
    """
    for call in calls.values():
        call()
    took_ms: dict[Name, list[float]] = {name: [] for name in calls}
    until_s = clock() + most_s
    for done in range(max(most_rounds, least_rounds)):
        if done >= least_rounds and clock() >= until_s:
            break
        for name, call in calls.items():
            began_s = clock()
            call()
            took_ms[name].append((clock() - began_s) * 1000)
    return took_ms
