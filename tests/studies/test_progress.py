"""The estimate of the time left starts from what is expected and follows the bars of the step that runs."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from causalgen.studies import progress
from causalgen.studies.progress import StepBars


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def test_finished_steps_leave_a_line_and_no_time(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: 7.0))
    with StepBars("study", {"load": 10.0, "fit": 100.0}, console) as bars:
        assert bars.seconds_left() == 110
        with bars.step("load"):
            assert bars.seconds_left() == 110
        assert bars.seconds_left() == 100
        with bars.step("fit"):
            assert list(bars.each("stages", ("one", "two"))) == ["one", "two"]
        assert bars.seconds_left() == 0
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "✓ load" in shown
    assert "✓ fit" in shown


def test_a_step_that_fails_leaves_no_tick(console: Console) -> None:
    with pytest.raises(ZeroDivisionError), StepBars("study", {"load": 1.0}, console) as bars, bars.step("load"):
        raise ZeroDivisionError
    assert "✓" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_log_file_says_which_step_begins_and_ends(console: Console) -> None:
    with StepBars("study", {"load": 1.0, "fit": 1.0}, console) as bars:
        for name in ("load", "fit"):
            with bars.step(name):
                task = bars.progress.add_task("inner", total=1000, note="")
                for _ in range(1000):
                    bars.progress.advance(task)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.strip().split("  ")[0] for line in text.splitlines()]
    assert lines == ["step 1 of 2: load", "inner", "✓ load", "step 2 of 2: fit", "inner", "✓ fit", "study"]


def test_a_terminal_shows_bars_of_any_name() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with StepBars("study [/x]", {"load": 1.0}, console) as bars, bars.step("load"):
        list(bars.each("[b", (1, 2)))
        bars.progress.refresh()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "study [/x]" in shown
    assert "[b " in shown
