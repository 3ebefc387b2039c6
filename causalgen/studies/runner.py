"""Run a study: data, model, counterfactuals, metrics, effects, report; resumable, and every step timed."""

import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ..errors import StorageError
from ..graph import CausalGraph
from ..machine import peak_memory, versions
from ..reports import change_sentence, lead_changes, write_report
from ..training import FitResult
from ..training.progress import can_draw, duration
from ..training.threads import given_threads, limited, threads_after
from .effect_pages import write_effects
from .effect_steps import effect_findings
from .evaluation import evaluate_model, headline
from .expected import CURVES, DATA, EFFECTS, GRIDS, METRICS, REPORT, STEPS, expected_seconds, training_seconds
from .few_images import few_images_note, with_few_images
from .lock import FolderLock, refuse_in_use
from .modelling import FIT, fit_model
from .opening import inspect_run, open_run
from .progress import StepBars
from .queries import gallery, response_curve
from .reporting import SMOKE_WARNING, Findings, report_content
from .runfolder import RunFolder
from .schema import OwnData, Study
from .score_changes import score_changes
from .scores import try_readers
from .settings import fit_config, resolve, shrink
from .sources import load_data, study_graph
from .validate import check_study

__all__ = ["STEPS", "run_study"]

START = "start and check"


def run_study(
    study: Study,
    out: Path | str,
    *,
    smoke: bool = False,
    device: str = "auto",
    fresh: bool = False,
    only_fit: bool = False,
    command: list[str] | None = None,
    console: Console | None = None,
    began: float | None = None,
) -> RunFolder:
    """Run a study into a folder, or continue its unfinished run there.

    The folder is locked from the start, so that a second process is refused before it loads data. Nothing is written to
    it until the study is checked and its data are loaded. An interrupted run keeps its checkpoints.

    Args:
        study: The study.
        out: The run folder.
        smoke: Shrink the study to well under a minute; its numbers then mean nothing.
        device: "auto", "cpu", "cuda" or "mps".
        fresh: Move an earlier run in that folder aside and start over.
        only_fit: Stop when the model is fitted; the same call without it continues from there.
        command: Command line, for the record.
        console: Console for progress; None for standard error.
        began: `time.perf_counter()` when the command began, so that imports are timed too.

    Raises:
        StudyError: The study does not fit its graph.
        RunFolderError: The folder cannot take this run.
        CheckpointError: The files of an interrupted run are corrupted.
        DivergenceError: Training met NaN.
    """
    began = time.perf_counter() if began is None else began
    console = console or Console(stderr=True)
    refuse_in_use(Path(out))
    graph = study_graph(study)
    check_study(study, graph)
    given = shrink(study) if smoke else study
    study = resolve(with_few_images(given, graph))
    fit_config(study, device)  # refuses a device that this machine lacks
    earlier = inspect_run(out, study, fresh=fresh)
    fitted = earlier is not None and not fresh and earlier.finished_step(FIT)
    expected = _expected(study, graph, device, fitted=fitted, smoke=smoke)
    if only_fit:
        expected = {name: expected[name] for name in (DATA, FIT)}
    resumes = earlier is not None and not fresh
    announced = _announcement(study, out, smoke, expected, note=few_images_note(given, study), resumes=resumes)
    with FolderLock(Path(out)) as lock, StepBars(study.name, expected, console) as bars:
        console.print(announced, soft_wrap=not can_draw(console))
        checked = time.perf_counter()
        with bars.step(DATA):
            data = load_data(study, bars.progress)
            try_readers(study, data)
        with open_run(out, study, smoke=smoke, fresh=fresh, command=command, lock=lock) as folder, ExitStack() as stack:
            folder.check_rows(data)
            folder.update(versions=versions(), device=device, data=data.digest())
            if folder.record["moved_aside"]:
                console.print(f"The earlier run is kept in {folder.record['moved_aside']}.")
            folder.record_step(START, checked - began, finished=True)
            folder.record_step(DATA, time.perf_counter() - checked, finished=True)
            step = _Stepper(folder, bars)
            scm, training = step(FIT, fit_model, study, data, folder, device=device, bars=bars.progress)
            stack.enter_context(limited(_threads(folder, training, console)))
            if only_fit:
                folder.ends_as = "fitted"
                return folder
            found = Findings(data, scm, training)
            found.galleries = step(GRIDS, gallery, study, scm, data)
            curves, effects = bars.each("curves", study.curves), bars.each("effects", study.effects)
            found.curves = step(CURVES, lambda: [response_curve(study, curve, scm, data) for curve in curves])
            measured: dict[str, Any] = {"keep": folder.readers, "smoke": smoke, "bars": bars.progress}
            found.metrics, found.changes = step(
                METRICS, lambda: (evaluate_model(study, scm, data, **measured), score_changes(study, scm, data))
            )
            found.effects = step(EFFECTS, lambda: [effect_findings(study, effect, scm, data) for effect in effects])
            folder.update(headline=[] if found.metrics is None else headline(study, found.metrics))
            folder.update(changes=[change_sentence(change) for change in lead_changes(found.changes)])
            step(REPORT, _write, study, folder, found)
    return folder


def _threads(folder: RunFolder, training: FitResult, console: Console) -> int:
    """Threads of the steps after the fit, recorded."""
    threads, earlier = threads_after(training.threads), folder.record.get("threads", {}).get("afterwards")
    if earlier not in (None, threads):
        console.print(f"The number of threads was {earlier} and is {threads} from here on: last digits may differ.")
    chosen = "OMP_NUM_THREADS or --threads" if given_threads() else "measurement"
    folder.update(threads={"training": training.threads, "afterwards": threads, "chosen by": chosen})
    return threads


def _write(study: Study, folder: RunFolder, found: Findings) -> None:
    """A separate report for each effect, and the report of the run, which links to them."""
    warnings = [SMOKE_WARNING] if folder.record["smoke"] else []
    found.effects = write_effects(study, found.effects, found.data, folder.path, warnings=warnings)
    write_report(folder.path, report_content(study, folder, found))


class _Stepper:
    """Runs one step: shows it, times it, and records the outcome."""

    def __init__(self, folder: RunFolder, bars: StepBars) -> None:
        self.folder = folder
        self.bars = bars

    def __call__(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        finished = False
        try:
            with self.bars.step(name):
                result = function(*arguments, **options)
            finished = True
        finally:
            with nullcontext() if finished else suppress(StorageError):  # the error of the step is the one to report
                self.folder.record_step(name, time.perf_counter() - started, finished=finished)
                self.folder.update(peak_memory_mib=peak_memory())
        return result


def _expected(study: Study, graph: CausalGraph, device: str, *, fitted: bool, smoke: bool) -> dict[str, float]:
    """Seconds of each step; a few steps of training are timed on a user's own data, as `check` does."""
    own = isinstance(study.data, OwnData) and study.training.tuning is None
    known = sum(training_seconds(study, graph, fit_config(study, device)).values()) if own and not fitted else None
    return expected_seconds(study, graph, training=0.0 if fitted else known, smoke=smoke)


def _announcement(
    study: Study, out: Path | str, smoke: bool, expected: dict[str, float], *, note: str, resumes: bool
) -> str:
    lines = [f"[bold]{study.name}[/]  {escape(study.question)}"]
    if smoke:
        lines.append("[yellow]Smoke run: everything is shrunk, the numbers mean nothing.[/]")
    lines += [escape(note)] if note else []
    verb = "Resuming in" if resumes else "Writing to"
    return "\n".join(
        [*lines, f"{verb} {escape(str(out))}; {len(expected)} steps, about {duration(sum(expected.values()))}."]
    )
