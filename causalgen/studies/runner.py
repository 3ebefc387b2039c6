"""Run a study: data, model, counterfactuals, metrics, effects, report; resumable, and every step timed."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ..datasets import Dataset
from ..errors import StorageError
from ..machine import peak_memory, versions
from ..metrics import MetricTable
from ..moved import with_old_options
from ..reports import change_sentence, lead_changes, write_report
from ..training import FitResult
from ..training.progress import can_draw, duration
from ..training.threads import given_threads, limited, threads_after
from .auditing import audit_findings, try_classifiers
from .cards import memorisation_entry, write_run_card
from .effect_pages import write_effects
from .effect_steps import effect_findings
from .evaluation import evaluate_model, headline, memorised, train_readers
from .expected import AUDITS, CURVES, DATA, EFFECTS, GRIDS, METRICS, REPORT, STEPS, expected_seconds
from .grids import check_named_rows, gallery
from .helping import help_to_train, helped, helps
from .image_readers import ImageReaders
from .lock import FolderLock, refuse_in_use
from .mediation_steps import mediation_findings
from .model_on_data import ModelOnData
from .modelling import FIT, fit_model
from .opening import inspect_run, open_run
from .progress import StepBars
from .readers import keep_readers
from .reporting import SMOKE_WARNING, Findings, report_content
from .response_curves import response_curve
from .run_plan import RunPlan
from .runfolder import RunFolder
from .schema import Study
from .score_changes import score_changes
from .sources import load_data
from .surviving import surviving_answers

__all__ = ["STEPS", "Invocation", "run_study"]

START = "start and check"


@dataclass(frozen=True)
class Invocation:
    """The command that started a run.

    Args:
        command: Command line, for the record.
        began: `time.perf_counter()` when the command began, so that imports are timed too.
    """

    command: list[str] | None = None
    began: float = field(default_factory=time.perf_counter)


def run_study(
    study: Study,
    out: Path | str,
    *,
    smoke: bool = False,
    device: str = "auto",
    fresh: bool = False,
    only_fit: bool = False,
    invocation: Invocation | None = None,
    console: Console | None = None,
    **earlier: Any,
) -> RunFolder:
    """Run a study into a folder, or continue its unfinished run there.

    The folder is locked from the start, so that a second process is refused before it loads data. Nothing is written to
    it until the study is checked and its data are loaded. An interrupted run keeps its checkpoints.

    Where torchrun or srun started several processes, the first one does all this; the others train with it and end.

    Args:
        study: The study.
        out: The run folder.
        smoke: Shrink the study to well under a minute; its numbers then mean nothing.
        device: "auto", "cpu", "cuda" or "mps".
        fresh: Move an earlier run in that folder aside and start over.
        only_fit: Stop when the model is fitted; the same call without it continues from there.
        invocation: The command that started it; None for a call from Python.
        console: Console for progress; None for standard error.
        **earlier: Fields of `invocation` as separate options, which are deprecated and raise a warning.

    Raises:
        StudyError: The study does not fit its graph.
        RunFolderError: The folder cannot take this run.
        CheckpointError: The files of an interrupted run are corrupted.
        DivergenceError: A loss became NaN in training.
        LostProcessError: One of several processes that train together has ended.
        SystemExit: This process was started to help another one to train, and has done so.
    """
    (invocation,) = with_old_options("run_study", earlier, invocation=invocation or Invocation())
    console, out = console or Console(stderr=True), Path(out)
    if helps():
        help_to_train(study, device, smoke=smoke)
        raise SystemExit(0)
    refuse_in_use(out)
    plan = RunPlan.of(study, device, smoke=smoke)
    study, readers = plan.study, ImageReaders.of(plan.study, plan.graph)
    kept = inspect_run(out, study, fresh=fresh)
    resumes = kept is not None and not fresh
    expected = expected_seconds(plan, fitted=resumes and kept is not None and kept.finished_step(FIT))
    if only_fit:
        expected = {name: expected[name] for name in (DATA, FIT)}
    with FolderLock(out) as lock, StepBars(study.name, expected, console) as bars:
        console.print(_announcement(plan, out, expected, resumes=resumes), soft_wrap=not can_draw(console))
        checked = time.perf_counter()
        with bars.step(DATA):
            data = load_data(study.data, bars.progress)
            readers.try_on(data, study.error)
            check_named_rows(study.gallery, data, study.error)
            if study.audit:
                try_classifiers(study.audit, data, study.error, trust_code=study.trust_code)
        opened = open_run(out, study, smoke=smoke, fresh=fresh, command=invocation.command, lock=lock)
        with opened as folder, ExitStack() as stack:
            folder.check_rows(data)
            processes = {"devices": plan.config.devices, "num_nodes": plan.config.num_nodes}
            folder.update(versions=versions(), device=device, processes=processes)
            folder.update(data=data.digest(), source=data.source, rows=_rows(data))
            if folder.record["moved_aside"]:
                console.print(f"The earlier run is kept in {folder.record['moved_aside']}.")
            folder.record_step(START, checked - invocation.began, finished=True)
            folder.record_step(DATA, time.perf_counter() - checked, finished=True)
            with _step(FIT, folder, bars), helped(plan.config, needed=not folder.finished_step(FIT)):
                after, progress = study.training, bars.progress
                scm, training = fit_model(plan.build_model, data, folder, plan.config, after, bars=progress)
            write_run_card(folder, scm)
            stack.enter_context(limited(_threads(folder, training, plan.config.processes, console)))
            if only_fit:
                folder.ends_as = "fitted"
                return folder
            model = ModelOnData(scm, data, study.seed)
            found = Findings(model, training)
            with _step(GRIDS, folder, bars):
                found.galleries = gallery(study.gallery, model)
            with _step(CURVES, folder, bars):
                measured = readers.measurements
                curves = bars.each("curves", study.curves)
                found.curves = [response_curve(curve, model, measured.get(curve.outcome)) for curve in curves]
            units = study.evaluation.rows
            with _step(METRICS, folder, bars):
                found.metrics = _metrics(plan, model, readers, folder, bars)
                found.quality = [] if found.metrics is None else headline(study.evaluation.queries, found.metrics)
                shown = [item.do for item in study.gallery]
                found.changes = score_changes(readers.scores, shown, model, units)
                found.ambiguities = surviving_answers(shown, readers.measurements, model)
                found.memorisation = memorised(study.evaluation, model)
            with _step(EFFECTS, folder, bars):
                effects = bars.each("effects", study.effects)
                found.effects = [effect_findings(effect, model, readers, units, study.data) for effect in effects]
                found.mediation = [mediation_findings(asked, model, readers, study.data) for asked in study.mediation]
            warnings = [SMOKE_WARNING] if smoke else []
            if study.audit:
                with _step(AUDITS, folder, bars):
                    asked = enumerate(bars.each("audits", study.audit), start=1)
                    found.audits = [audit_findings(one, n, model, folder, warnings=warnings) for n, one in asked]
            sentences = [change_sentence(change) for change in lead_changes(found.changes)]
            folder.update(headline=found.quality, changes=sentences, **memorisation_entry(found.memorisation))
            with _step(REPORT, folder, bars):
                graphs = [readers.graph_with(effect.outcome, data.graph) for effect in study.effects]
                found.effects = write_effects(study.effects, found.effects, graphs, folder.path, warnings=warnings)
                write_report(folder.path, report_content(study, folder, found))
                write_run_card(folder, scm)  # together with the metrics, which the report writes as a table
    return folder


@contextmanager
def _step(name: str, folder: RunFolder, bars: StepBars) -> Iterator[None]:
    """Show a step, time it, and record the outcome."""
    started = time.perf_counter()
    finished = False
    try:
        with bars.step(name):
            yield
        finished = True
    finally:
        with nullcontext() if finished else suppress(StorageError):  # the error of the step is the one to report
            folder.record_step(name, time.perf_counter() - started, finished=finished)
            folder.update(peak_memory_mib=peak_memory())


def _metrics(
    plan: RunPlan, model: ModelOnData, readers: ImageReaders, folder: RunFolder, bars: StepBars
) -> MetricTable | None:
    """Metrics by measurements and by networks, which are trained and kept for an audit; None without queries."""
    asked = plan.study.evaluation
    if not asked.queries:
        return None
    progress, measured = bars.progress, readers.measurements
    found = train_readers(plan.read, model.data, measured, seed=model.seed, smoke=plan.smoke, bars=progress)
    keep_readers(folder.readers, {**found.classifiers, **found.measure})
    return evaluate_model(asked, model, found, progress)


def _rows(data: Dataset) -> dict[str, int]:
    return {split: len(rows) for split, rows in data.split.items()}


def _threads(folder: RunFolder, training: FitResult, processes: int, console: Console) -> int:
    """Threads of the steps after the fit, recorded."""
    threads, earlier = threads_after(training.threads, processes), folder.record.get("threads", {}).get("afterwards")
    if earlier not in (None, threads):
        console.print(f"The number of threads was {earlier} and is {threads} from here on: last digits may differ.")
    chosen = "OMP_NUM_THREADS or --threads" if given_threads() else "measurement"
    folder.update(threads={"training": training.threads, "afterwards": threads, "chosen by": chosen})
    return threads


def _announcement(plan: RunPlan, out: Path, expected: dict[str, float], *, resumes: bool) -> str:
    lines = [f"[bold]{plan.study.name}[/]  {escape(plan.study.question)}"]
    if plan.smoke:
        lines.append("[yellow]Smoke run: everything is shrunk, the numbers mean nothing.[/]")
    lines += [escape(plan.note)] if plan.note else []
    if (count := plan.config.processes) > 1:
        lines.append(f"{count} processes train together; training waits until all of them have started.")
    verb = "Resuming in" if resumes else "Writing to"
    steps = f"{len(expected)} steps, about {duration(sum(expected.values()))}."
    return "\n".join([*lines, f"{verb} {escape(str(out))}; {steps}"])
