"""Progress display of a run: steps, bars, approximate time left; plain lines in a log file."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ..training.progress import LogLines, can_draw, duration

__all__ = ["StepBars"]

Item = TypeVar("Item")


class StepBars:
    """Progress bars of a run: one for the whole, and those that each step adds to `progress`.

    Args:
        title: Name of the run.
        expected: Expected seconds of each step, in order; they set the estimate of the time left.
        console: Where to draw.
    """

    def __init__(self, title: str, expected: Mapping[str, float], console: Console) -> None:
        self.expected = dict(expected)
        self.console = console
        self.progress = self._bars() if can_draw(console) else LogLines(console)
        self.whole = self.progress.add_task(title, total=len(self.expected), note="")
        self.step_started = time.perf_counter()

    def _bars(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=24),
            _Count(self),
            TimeElapsedColumn(),
            _Left(self),
            TextColumn("{task.fields[note]}", markup=False),
            console=self.console,
        )

    def __enter__(self) -> "StepBars":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.update(self.whole, note="")
        self.progress.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show that a step is running; when it succeeds, a line with its seconds remains."""
        self.step_started = time.perf_counter()
        if isinstance(self.progress, LogLines):
            done = int(self.progress.tasks[0].completed)
            self.progress.say(f"step {done + 1} of {len(self.expected)}: {name}")
        self.progress.update(self.whole, note=name)
        before = set(self.progress.task_ids)
        yield
        for task in set(self.progress.task_ids) - before:
            self.progress.remove_task(task)
        self.console.print(f"  [green]✓[/] {name}  [dim]{duration(time.perf_counter() - self.step_started)}[/]")
        self.progress.advance(self.whole)

    def each(self, what: str, items: Sequence[Item]) -> Iterator[Item]:
        """The items, with a separate bar."""
        task = self.progress.add_task(what, total=len(items), note="")
        for item in items:
            yield item
            self.progress.advance(task)

    def seconds_left(self) -> float:
        """Expected seconds until the end; a step's bars correct the expectation where they can."""
        done = int(self.progress.tasks[0].completed)
        names = list(self.expected)
        later = sum(self.expected[name] for name in names[done + 1 :])
        if done >= len(names):
            return 0.0
        elapsed = time.perf_counter() - self.step_started
        known = [task.time_remaining for task in self.progress.tasks[1:] if not task.finished]
        now = max([self.expected[names[done]] - elapsed, 0.0, *(left for left in known if left is not None)])
        return now + later


class _Count(ProgressColumn):
    """Shows the step and the number of steps; for a step's bar, the share done."""

    def __init__(self, bars: StepBars) -> None:
        super().__init__()
        self.bars = bars

    def render(self, task: Task) -> Text:
        if task.id == self.bars.whole:
            steps = len(self.bars.expected)
            return Text(f"step {min(int(task.completed) + 1, steps)} of {steps}")
        return Text("" if task.total is None else f"{task.completed:.0f}/{task.total:.0f}")


class _Left(TimeRemainingColumn):
    """Shows the time left."""

    max_refresh = 0.5

    def __init__(self, bars: StepBars) -> None:
        super().__init__()
        self.bars = bars

    def render(self, task: Task) -> Text:
        seconds = self.bars.seconds_left() if task.id == self.bars.whole else task.time_remaining
        return Text("" if seconds is None or task.finished else f"about {duration(seconds)} left", style="cyan")
