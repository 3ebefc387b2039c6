"""Progress with the current task and the remaining time: bars in a terminal or notebook, plain lines in a log file."""

import time
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["LogLines", "bars", "can_draw", "duration"]

EVERY = 30.0
"""Seconds between two lines about a running task in a log file."""


def bars(console: Console | None = None) -> Progress:
    """Progress for `fit(..., bars=...)`, to use as a context manager; plain lines if `console` cannot draw bars."""
    console = console or Console(stderr=True)
    if not can_draw(console):
        return LogLines(console)
    return Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
    )


def can_draw(console: Console) -> bool:
    """Whether a line can be redrawn, as in a terminal, or a notebook with widgets."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal and not console.is_dumb_terminal


def duration(seconds: float) -> str:
    """A duration as text.

    >>> duration(3.21), duration(32.1), duration(185)
    ('3.2 s', '32 s', '3 min 5 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


class LogLines(Progress):
    """Progress as plain lines: one when a task ends, and every `EVERY` seconds one about a task that runs."""

    def __init__(self, console: Console) -> None:
        # Disabled, rich counts and estimates but does not draw.
        super().__init__(console=console, disable=True, speed_estimate_period=20 * EVERY)
        self._last = time.monotonic()
        self._ended: set[TaskID] = set()

    def say(self, text: str) -> None:
        """Print a line with any characters, without wrapping it."""
        self._last = time.monotonic()
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, task_id: TaskID, **options: Any) -> None:
        super().update(task_id, **options)
        self._report(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._report(task_id)

    def _report(self, task_id: TaskID) -> None:
        task = self._tasks[task_id]
        if task.finished and task_id not in self._ended:
            self._ended.add(task_id)
            self.say(_line(task))
        elif not task.finished and time.monotonic() - self._last >= EVERY:
            self.say(_line(task))


def _line(task: Task) -> str:
    count = "" if task.total is None else f"{task.completed:.0f}/{task.total:.0f}"
    times = duration(task.elapsed or 0.0)
    if not task.finished and task.time_remaining is not None:
        times += f", about {duration(task.time_remaining)} left"
    return "  ".join(part for part in (f"  {task.description}", count, times, task.fields.get("note", "")) if part)
