"""An interrupted run that goes on writes the same tables as one that was never interrupted, byte for byte."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from study_cases import TINY

from causalgen.predictors import LABELS
from causalgen.reports.folder import Picture
from causalgen.studies.runfolder import RunFolder
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study

STUDY = (
    TINY
    + """\
measurements: {thickness: stroke-thickness, intensity: stroke-intensity}
evaluation: {rows: 12, queries: [thickness, pen], classify: digit}
gallery:
  - {do: {thickness: 4}, units: 2}
curves:
  - {node: thickness, outcome: thickness, points: 2}
effects:
  - {treatment: thickness, outcome: intensity, contrast: [2, 3], methods: [linear adjustment], simulations: 10, doubt: false}
"""
)
STOPS = {
    "between two epochs": ("causalgen.training.checkpoint:Checkpoint", "save", 6),
    "after the fit": ("causalgen.studies.runner", "gallery", 1),
    "in the middle of the metrics": ("causalgen.metrics.evaluate", "gradient_defect", 1),
    "while the report is written": ("causalgen.studies.runner", "write_report", 1),
}
"""Where a run is interrupted: at which call of which function."""
ALIKE = ("after the fit", "while the report is written")
"""What differs little from another stop: both go on from the saved model, as the metrics do."""


def _stopping(function: Callable[..., Any], after: int) -> Callable[..., Any]:
    """`function`, until its call number `after` is interrupted."""
    calls = count(1)

    def stops(*arguments: Any, **options: Any) -> Any:
        if next(calls) == after:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    return stops


def _tables(run: RunFolder) -> dict[str, bytes]:
    kinds = (".csv", ".tex", ".md", ".safetensors")
    files = [path for path in sorted(run.path.rglob("*")) if path.suffix in kinds and path.name != "timings.csv"]
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


def _report(run: RunFolder) -> str:
    return run.report.read_text(encoding="utf-8").replace(str(run.path), "RUN")


@pytest.fixture(scope="module", autouse=True)
def _fast_and_without_times() -> Iterator[None]:
    """Reports have neither figures, which take long, nor the seconds of the steps, which differ."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("causalgen.reports.folder.ReportFolder.picture", lambda *_, **__: Picture("", "", "", "", 0, 0))
        patched.setattr("causalgen.studies.reporting._timings", lambda _: {})
        patched.setattr("causalgen.training.checkpoint.INTERVAL", 0.0)
        brief = replace(LABELS, steps=1)  # a classifier that reads badly is resumed as well
        patched.setattr("causalgen.studies.evaluation.LABELS", brief)
        yield


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("straight")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return run_study(load_study(folder / "study.yaml"), folder / "run")


@pytest.mark.parametrize(
    "stop", [pytest.param(stop, marks=pytest.mark.slow) if stop in ALIKE else stop for stop in STOPS]
)
def test_a_resumed_run_writes_the_same_tables(
    straight: RunFolder, stop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, call = STOPS[stop]
    path, _, owner = module.partition(":")
    place = import_module(path) if not owner else getattr(import_module(path), owner)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    study = load_study(tmp_path / "study.yaml")
    with monkeypatch.context() as patched:
        patched.setattr(place, name, _stopping(getattr(place, name), call))
        with pytest.raises(KeyboardInterrupt):
            run_study(study, tmp_path / "run")
    resumed = run_study(study, tmp_path / "run")
    assert resumed.record["attempts"] == 2
    ours, theirs = _tables(resumed), _tables(straight)
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    assert _report(resumed) == _report(straight)
