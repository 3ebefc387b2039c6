"""Bars where a line can be drawn again; in a log file few plain lines, whatever they are about."""

import io
import time

import pytest
from rich.console import Console
from rich.progress import Progress

from causalgen.training import bars, progress
from causalgen.training.progress import LogLines


def _work(console: Console, epochs: int, note: str = "loss 1.0") -> str:
    with bars(console) as shown:
        task = shown.add_task("train [/dose]", total=epochs, note="")
        for _ in range(epochs):
            shown.update(task, advance=1, note=note)
        shown.update(task, completed=epochs)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_log_file_gets_one_line_for_a_short_task_and_no_control_characters() -> None:
    text = _work(Console(file=io.StringIO()), 5000, note="a long note that says [b]much[/b] " * 5)
    assert len(text.splitlines()) == 1
    assert text.startswith("  train [/dose]  5000/5000  ")
    assert "[b]much[/b]" in text
    assert text.replace("\n", "").isprintable()


def test_a_long_task_says_every_half_minute_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), get_time=lambda: now[0])
    with bars(console) as shown:
        assert isinstance(shown, LogLines)
        task = shown.add_task("train", total=100, note="")
        for _ in range(100):
            now[0] += 4
            shown.update(task, advance=1)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 400 // 32 + 1
    assert lines[0] == "  train  8/100  32 s, about 6 min 8 s left"
    assert lines[-1] == "  train  100/100  6 min 40 s"


def test_a_terminal_gets_bars_and_names_are_no_markup() -> None:
    text = _work(Console(file=io.StringIO(), force_terminal=True, width=100), 3)
    assert "━" in text
    assert "train [/dose]" in text


def test_notebooks_without_widgets_get_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich would warn at every step that ipywidgets are missing."""
    console = Console(file=io.StringIO(), force_jupyter=True)
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    assert isinstance(bars(console), LogLines)
    monkeypatch.setattr(progress, "find_spec", lambda name: object())
    assert type(bars(console)) is Progress
