"""Run a benchmark: train, time and evaluate every mechanism in the same way; resumable by cell; one table at the end.

benchmark.json             the settings, the machine and the command
shared/                    attribute predictors, the latent of minimality, attribute mechanisms by seed; settings.json records
                           the common settings of all cells, so that no table mixes different measurements
cells/MECHANISM-seedN/     see `cell`
benchmark.csv              every metric: mean, minimum and maximum over seeds, floor, controls
benchmark.md               the page "which one do I choose?"
"""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console

from ..errors import RunFolderError
from ..files import write_whole
from ..machine import versions
from ..moved import with_old_options
from ..spreadsheets import write_csv
from ..studies.lock import LOCK, FolderLock, refuse_in_use
from ..studies.schema import Study
from ..training import bars
from ..training.progress import duration
from ..training.threads import limited, threads_after
from .cell import run_cell
from .page import BenchmarkFigures, page
from .plan import BenchmarkOptions, BenchmarkPlan, plan_of
from .settings import Cell
from .shared import share
from .table import cells, collect, costs, notes, summarise

__all__ = ["BenchmarkResult", "run_benchmark"]


@dataclass(frozen=True)
class BenchmarkResult:
    """The result of a benchmark.

    Args:
        folder: Folder of all files.
        table: Result of `summarise`, also in `benchmark.csv`.
        page: The Markdown page, also in `benchmark.md`.
        failures: Cells that did not finish, and why.
        measured: The same results, as the tables of the page take them.
    """

    folder: Path
    table: pd.DataFrame
    page: str
    failures: tuple[str, ...]
    measured: BenchmarkFigures


def run_benchmark(
    source: str | Study,
    out: Path | str,
    *,
    options: BenchmarkOptions | None = None,
    command: Sequence[str] = (),
    console: Console | None = None,
    **earlier: Any,
) -> BenchmarkResult:
    """Run a benchmark, or continue the one in `out`; finished cells are not repeated.

    Args:
        source: A key of `BENCHMARKS`, or a study about any data.
        out: The folder.
        options: The choices of the call; None for the benchmark's defaults.
        command: Command line, for the record.
        console: Console for progress; None for standard error.
        **earlier: Fields of `options`, which used to be arguments; they still work, with a warning.

    Raises:
        UnknownNameError: No benchmark, mechanism or protocol of that name.
        DataError: No seed, a negative one, or one twice; a number is too small; the device does not exist.
        RunFolderError: The folder contains a benchmark or cells of other settings, is in use, or cannot be written.
    """
    (options,) = with_old_options("run_benchmark", earlier, options=options or BenchmarkOptions())
    plan = plan_of(source, options)
    console, folder = console or Console(stderr=True), _folder(Path(out))
    _keep_settings(folder, plan)
    _check_recipes(folder, plan.cells)
    began = time.perf_counter()
    with FolderLock(folder), bars(console) as progress, limited(threads_after({})):
        shared = share(plan, folder, progress)
        for number, cell in enumerate(plan.cells, 1):
            before = set(progress.task_ids)
            run_cell(cell, shared)
            for task in set(progress.task_ids) - before:
                progress.remove_task(task)
            took = duration(time.perf_counter() - began)
            console.print(f"  {number} of {len(plan.cells)}: {cell.folder}  [dim]{took}[/]")
    return _finish(plan, folder, command)


def _finish(plan: BenchmarkPlan, folder: Path, command: Sequence[str]) -> BenchmarkResult:
    table = summarise(collect(folder))
    write_csv(table, folder / "benchmark.csv")
    failures = tuple(
        f"{record['path'].name} failed. {record['error']}" for record in cells(folder) if record["status"] == "failed"
    )
    machine = torch.cuda.get_device_name() if plan.device == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    units = table["units"].max() if len(table) else 0
    earlier = {record["path"].name for record in cells(folder)} - {cell.folder for cell in plan.cells}
    added = f"; earlier calls: {', '.join(sorted(earlier))}" if earlier else ""
    facts = {
        "command": f"`{' '.join(command) or 'run_benchmark'}`{added}",
        "machine": f"{machine}; Python {platform.python_version()}, torch {torch.__version__}",
        "evaluation": f"{units:.0f} test units, the same for all mechanisms and seeds",
    }
    if "oracle" not in set(table["row"]):
        facts["truth"] = (
            "the generator of these data is unknown; metrics that need the true counterfactual are left out"
        )
    if plan.smoke:
        facts["smoke run"] = "the numbers mean nothing"
    measured = BenchmarkFigures(plan.benchmark, table, costs(folder))
    text = page(measured, facts, failures, notes(folder))
    write_whole(folder / "benchmark.md", text)
    content = {
        "benchmark": plan.benchmark.name,
        "smoke": plan.smoke,
        "device": plan.device,
        "command": list(command),
        "versions": versions(),
    }
    write_whole(folder / "benchmark.json", json.dumps(content, indent=2) + "\n")
    return BenchmarkResult(folder, table, text, failures, measured)


def _keep_settings(folder: Path, plan: BenchmarkPlan) -> None:
    """Write the common settings of all cells; raise an error if the cells of the folder have other settings."""
    settings = plan.settings()
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
            f"Expected '{folder}' to contain a benchmark of these settings; got {'; '.join(other)}. Choose another "
            "folder "
            "with --out, or delete this one."
        )


def _check_recipes(folder: Path, plan: Sequence[Cell]) -> None:
    """Raise an error if seeds of one mechanism, which would be averaged, were trained in different ways."""

    def followed(record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in record["recipe"].items() if key != "tuning" or record["tuned"]}

    finished = [record for record in cells(folder) if record["status"] == "finished"]
    for cell in plan:
        own = followed(cell.model_dump(mode="json"))
        for record in finished:
            if record["label"] == cell.label and record["seed"] != cell.seed and followed(record) != own:
                raise RunFolderError(
                    f"Expected all seeds of {cell.label} to be trained in the same way; got '{record['path']}' with "
                    "another recipe. "
                    "Choose another folder with --out, or delete that one."
                )


def _folder(out: Path) -> Path:
    """Create and return the folder; raise an error if it has other content."""
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
