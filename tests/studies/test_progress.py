"""The estimate of the time left starts from what is expected and follows the bars of the step that runs."""

import io

import pytest
from rich.console import Console

from causalgen.studies.progress import StepBars


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def test_finished_steps_leave_a_line_and_no_time(console: Console) -> None:
    with StepBars("study", {"load": 10.0, "fit": 100.0}, console) as bars:
        assert bars.seconds_left() == pytest.approx(110, abs=1)
        with bars.step("load"):
            assert bars.seconds_left() == pytest.approx(110, abs=1)
        assert bars.seconds_left() == pytest.approx(100, abs=1)
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
