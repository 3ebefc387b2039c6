"""Run a benchmark: train, time and evaluate every mechanism alike; resumable cell by cell; one table at the end.

benchmark.json             what was run, on what, by which command
shared/                    attribute predictors, the latent of minimality, attribute mechanisms by seed; settings.json records
                           the common settings of all cells, so that no table mixes different measurements
cells/MECHANISM-seedN/     see `cell`
benchmark.csv              every metric: mean, least and greatest over seeds, floor, controls
benchmark.md               the page "which one do I choose?"
"""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console
from rich.progress import Progress

from ..datasets import Dataset, load
from ..errors import DataError, RunFolderError
from ..files import write_whole
from ..machine import versions
from ..metrics.spaces import kept_latents
from ..predictors import PUBLISHED, attribute_predictors
from ..predictors.attributes import TUTOR_SEED
from ..spreadsheets import write_csv
from ..studies.data_section import DataSource, OwnData
from ..studies.lock import LOCK, FolderLock, refuse_in_use
from ..studies.measurements import MEASUREMENTS, Measurement, find_measurements
from ..studies.schema import Study
from ..studies.sources import load_data
from ..training import FitConfig, bars
from ..training.progress import duration
from ..training.threads import limited, threads_after
from .cell import has_model, run_cell
from .page import page
from .settings import SMOKE_ROWS, Benchmark, Cell, Form, check_words, load_benchmark
from .shared import Shared, fitted_attributes, remembered, with_memory
from .study import study_benchmark
from .table import cells, collect, costs, notes, summarise

__all__ = ["BenchmarkResult", "run_benchmark"]

PROTOCOL_WORDS = ("causalgen", "published")
LEAST_ROWS = 20
"""Fewer test units would be refused only after training, or give no information."""


@dataclass(frozen=True)
class BenchmarkResult:
    """The result of a benchmark.

    Args:
        folder: Folder of all files.
        table: Result of `summarise`, also in `benchmark.csv`.
        page: The Markdown page, also in `benchmark.md`.
        failures: Cells that did not finish, and why.
    """

    folder: Path
    table: pd.DataFrame
    page: str
    failures: tuple[str, ...]


def run_benchmark(
    source: str | Study,
    out: Path | str,
    *,
    mechanisms: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    protocols: Sequence[str] | None = None,
    rows: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    smoke: bool = False,
    command: Sequence[str] = (),
    console: Console | None = None,
) -> BenchmarkResult:
    """Run a benchmark, or continue the one in `out`; finished cells are not repeated.

    Args:
        source: A key of `BENCHMARKS`, or a study about any data.
        out: The folder.
        mechanisms: Image mechanisms, with a study also module:Class; None for all of the benchmark.
        seeds: Seeds of training. Units and queries of the evaluation are the same for all.
        protocols: Protocols of the evaluation; None for those of the benchmark.
        rows: Number of test units to evaluate; None for the benchmark's number.
        epochs: Epochs of every image mechanism; None for the benchmark's.
        batch_size: Units per step of every image mechanism; None for the benchmark's.
        device: "auto", "cpu" or "cuda".
        smoke: Shrink everything; the numbers then mean nothing.
        command: Command line, for the record.
        console: Console for progress; None for standard error.

    Raises:
        UnknownNameError: No benchmark, mechanism or protocol of that name.
        DataError: No seed, a negative one, or one twice; a number is too small; the device does not exist.
        RunFolderError: The folder holds a benchmark or cells of other settings, is in use, or cannot be written.
    """
    study = source if isinstance(source, Study) else None
    benchmark = load_benchmark(str(source)) if study is None else study_benchmark(study, mechanisms)
    if protocols is not None:
        benchmark = benchmark.model_copy(update={"protocols": tuple(protocols)})
    check_words(benchmark.protocols, PROTOCOL_WORDS, "protocols")
    _check_numbers(seeds, rows=rows, epochs=epochs, batch_size=batch_size)
    device = _device(device)
    form = _form(benchmark, device, smoke, rows)
    chosen = tuple(form.mechanisms if mechanisms is None or study is not None else mechanisms)
    check_words(chosen, tuple(form.mechanisms), "mechanisms of the benchmark")
    plan = _plan(form, chosen, seeds, epochs, batch_size)
    _check_labels(plan)
    console, folder = console or Console(stderr=True), _folder(Path(out))
    _keep_settings(folder, benchmark, form, device, smoke)
    _check_recipes(folder, plan)
    began = time.perf_counter()
    with FolderLock(folder), bars(console) as progress, limited(threads_after({})):
        data = _load(benchmark, study, smoke, progress)
        settings = _Settings(benchmark, form, device, any(cell.tuned for cell in plan))
        shared = _shared(settings, study, data, folder / "shared", progress)
        for number, cell in enumerate(plan, 1):
            _run(cell, shared, folder, form, benchmark, smoke, progress)
            console.print(f"  {number} of {len(plan)}: {cell.folder}  [dim]{duration(time.perf_counter() - began)}[/]")
    return _finish(benchmark, folder, plan, device, smoke, command)


def _run(
    cell: Cell, shared: Shared, folder: Path, form: Form, benchmark: Benchmark, smoke: bool, progress: Progress
) -> None:
    stage = replace(FitConfig().attributes, **form.attributes.model_dump(exclude_none=True))
    attributes = partial(
        fitted_attributes, shared.data, folder / "shared" / f"attributes-seed{cell.seed}",
        stage=stage, seed=cell.seed, device=shared.device, bars=progress,
    )  # fmt: skip
    base = folder / "cells" / cell.model_copy(update={"tuned": False}).folder if cell.tuned else None
    if base is not None and not has_model(base):
        return  # its base cell failed
    before = set(progress.task_ids)
    run_cell(
        cell, shared, folder / "cells" / cell.folder, form=form, queries=benchmark.queries,
        protocols=benchmark.protocols, fingerprint=cell.fingerprint(form, _source(benchmark, smoke)),
        attributes=attributes, base=base, bars=progress,
    )  # fmt: skip
    for task in set(progress.task_ids) - before:
        progress.remove_task(task)


@dataclass(frozen=True)
class _Settings:
    """The shared parts: measurements, device, and tutors if fine-tuning needs them."""

    benchmark: Benchmark
    form: Form
    device: str
    tune: bool


def _load(benchmark: Benchmark, study: Study | None, smoke: bool, progress: Progress) -> Dataset:
    source = _source(benchmark, smoke)
    if study is not None:
        return with_memory(load_data(source, progress))
    assert isinstance(source, DataSource)
    return with_memory(load(source.name, **source.options))


def _shared(settings: _Settings, study: Study | None, data: Dataset, folder: Path, progress: Progress) -> Shared:
    benchmark, form, device = settings.benchmark, settings.form, settings.device
    image = data.graph.images[0]
    measure: dict[str, Measurement] = (
        {name: MEASUREMENTS[word] for name, word in benchmark.measurements.items()}
        if study is None
        else find_measurements(study.measured, trust_code=study.trust_code)
    )
    predict = partial(
        attribute_predictors,
        data,
        image=image,
        config=replace(PUBLISHED, epochs=form.predictor_epochs, device=torch.device(device)),
        bars=progress,
    )
    return Shared(
        data=data,
        image=image,
        measure={name: remembered(function) for name, function in measure.items()},
        predictors=predict(folder / "predictors"),
        tutors={n: p.requires_grad_(False) for n, p in predict(folder / "tutors", seed=TUTOR_SEED).items()}
        if settings.tune
        else {},
        latents=kept_latents(
            data, folder / "latents", image=image, epochs=form.latent_epochs, device=device, bars=progress
        ),
        device=device,
        trust_code=study is not None and study.trust_code,
    )


def _source(benchmark: Benchmark, smoke: bool) -> DataSource | OwnData:
    return benchmark.data.model_copy(update={"rows": SMOKE_ROWS}) if smoke else benchmark.data


def _check_labels(plan: Sequence[Cell]) -> None:
    """Refuse two classes with the same name, which would share a folder and a row."""
    known: dict[str, str] = {}
    for cell in plan:
        if known.setdefault(cell.word, cell.mechanism) != cell.mechanism:
            raise DataError(
                f"Expected mechanisms of different names; got {known[cell.word]} and {cell.mechanism}. Rename a class."
            )


def _plan(
    form: Form, mechanisms: Sequence[str], seeds: Sequence[int], epochs: int | None, batch: int | None
) -> list[Cell]:
    plan = []
    for seed in seeds:
        for name in mechanisms:
            recipe = form.mechanisms[name].changed(epochs, batch)
            plan.append(Cell(mechanism=name, seed=seed, recipe=recipe))
            if recipe.tuning:
                plan.append(Cell(mechanism=name, seed=seed, recipe=recipe, tuned=True))
    return plan


def _finish(
    benchmark: Benchmark, folder: Path, plan: Sequence[Cell], device: str, smoke: bool, command: Sequence[str]
) -> BenchmarkResult:
    table = summarise(collect(folder))
    write_csv(table, folder / "benchmark.csv")
    failures = tuple(
        f"{record['path'].name} failed. {record['error']}" for record in cells(folder) if record["status"] == "failed"
    )
    machine = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    units = table["units"].max() if len(table) else 0
    earlier = {record["path"].name for record in cells(folder)} - {cell.folder for cell in plan}
    added = f"; earlier calls made {', '.join(sorted(earlier))}" if earlier else ""
    facts = {
        "command": f"`{' '.join(command) or 'run_benchmark'}`{added}",
        "machine": f"{machine}; Python {platform.python_version()}, torch {torch.__version__}",
        "evaluation": f"{units:.0f} test units, the same for all mechanisms and seeds",
    }
    if "oracle" not in set(table["row"]):
        facts["truth"] = (
            "the generator of these data is unknown; metrics that need the true counterfactual are left out"
        )
    if smoke:
        facts["smoke run"] = "the numbers mean nothing"
    text = page(benchmark, table, costs(folder), facts, failures, notes(folder))
    write_whole(folder / "benchmark.md", text)
    content = {
        "benchmark": benchmark.name,
        "smoke": smoke,
        "device": device,
        "command": list(command),
        "versions": versions(),
    }
    write_whole(folder / "benchmark.json", json.dumps(content, indent=2) + "\n")
    return BenchmarkResult(folder, table, text, failures)


def _form(benchmark: Benchmark, device: str, smoke: bool, rows: int | None) -> Form:
    form = benchmark.form(device, smoke=smoke)
    return form if rows is None else form.model_copy(update={"rows": rows})


def _device(device: str) -> str:
    present = torch.cuda.is_available()
    if device not in ("auto", "cpu", "cuda") or (device == "cuda" and not present):
        raise DataError(f"Expected a device that this machine has, cpu or cuda; got '{device}'. Use --device auto.")
    return "cuda" if device != "cpu" and present else "cpu"


def _keep_settings(folder: Path, benchmark: Benchmark, form: Form, device: str, smoke: bool) -> None:
    """Write the common settings of all cells, or refuse a folder whose cells have others."""
    settings = {
        "data": _source(benchmark, smoke).model_dump(mode="json"),
        "device": device,
        "queries": list(benchmark.queries),
        "measurements": benchmark.measurements,
        **form.model_dump(mode="json", exclude={"mechanisms", "grids"}),
    }
    path = folder / "shared" / "settings.json"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        write_whole(path, json.dumps(settings, indent=2) + "\n")
        return
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"Expected settings that causalgen wrote in '{path}'; they cannot be read: {error}. Delete '{folder}'."
        ) from None
    if other := [f"{key} {found.get(key)}, not {value}" for key, value in settings.items() if found.get(key) != value]:
        raise RunFolderError(
            f"Expected '{folder}' to hold a benchmark of these settings; got {'; '.join(other)}. Choose another folder "
            "with --out, or delete this one."
        )


def _check_recipes(folder: Path, plan: Sequence[Cell]) -> None:
    """Refuse to average seeds of one mechanism that were trained in different ways."""

    def followed(record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in record["recipe"].items() if key != "tuning" or record["tuned"]}

    finished = [record for record in cells(folder) if record["status"] == "finished"]
    for cell in plan:
        own = followed(cell.model_dump(mode="json"))
        for record in finished:
            if record["label"] == cell.label and record["seed"] != cell.seed and followed(record) != own:
                raise RunFolderError(
                    f"Expected all seeds of {cell.label} to be trained alike; got '{record['path']}' with another recipe. "
                    "Choose another folder with --out, or delete that one."
                )


def _check_numbers(seeds: Sequence[int], **numbers: int | None) -> None:
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**32:
        raise DataError(f"Expected one or more different seeds of 0 to 2**32 - 1; got {list(seeds)}.")
    for name, number in numbers.items():
        least = LEAST_ROWS if name == "rows" else 1
        if number is not None and number < least:
            raise DataError(f"Expected {name} of at least {least}; got {number}.")


def _folder(out: Path) -> Path:
    """The folder, created; a folder with other content is refused."""
    try:
        known = {"benchmark.json", "benchmark.csv", "benchmark.md", "cells", "shared", LOCK}
        refuse_in_use(out)
        if out.exists() and (strange := {path.name for path in out.iterdir()} - known):
            raise RunFolderError(
                f"Expected an empty folder or an earlier benchmark in '{out}'; got {min(strange)}. Choose another with --out."
            )
        out.mkdir(parents=True, exist_ok=True)
    except RunFolderError:
        raise
    except OSError as error:
        raise RunFolderError(
            f"Expected an output folder that can be written; got '{out}': {error.strerror}. Choose another with --out."
        ) from None
    return out
