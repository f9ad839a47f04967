"""What a person sees of a run: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Pace:
    """Time per step and the share of it that is spent waiting for data, since the last look.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began_s = clock()
        self._waited_s = 0.0
        self._steps = 0

    def add(self, waited_s: float) -> None:
        """Counts a step that waited for its batch."""
        self._steps += 1
        self._waited_s += waited_s

    def look(self) -> tuple[float, float]:
        """Returns (ms per step, share of the time spent waiting for data) and begins anew."""
        spent_s = max(1e-9, self._clock() - self._began_s)
        result = 1000 * spent_s / max(1, self._steps), min(1.0, self._waited_s / spent_s)
        self.restart()
        return result

    def restart(self) -> None:
        """Begins anew: what came in between, a validation say, is no step."""
        self._began_s, self._waited_s, self._steps = self._clock(), 0.0, 0


class Display:
    """Shows how far a run is. A context manager; one that is not `speaking` shows nothing.

    Args:
        total: steps of the run.
        speaking: whether this process talks; of several only the first does.
        console: where to.
    """

    def __init__(self, total: int, *, speaking: bool = True, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._speaking = speaking
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("step {task.completed:.0f}/{task.total:.0f}  {task.description}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (speaking and self._console.is_terminal),
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, done: int, description: str | None = None) -> None:
        """Moves the bar to `done` steps."""
        if description is None:
            self._bar.update(self._task, completed=done)
        else:
            self._bar.update(self._task, completed=done, description=description)

    def say(self, line: str) -> None:
        """Prints a line that stays."""
        if self._speaking:
            self._console.print(line, markup=False)
