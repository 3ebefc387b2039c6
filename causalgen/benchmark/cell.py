"""One cell of a benchmark: one mechanism trained from one seed, measured, and marked as finished.

cell.json            status, seconds, memory, fingerprint
checkpoints-*/       unfinished training, by fingerprint; kept when memory ran out
model/               the fitted model
grids/               samples or counterfactuals of a few validation units during training
metrics-*.csv        all measurements, by protocol
"""

import json
import shutil
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..errors import DivergenceError, RunFolderError, SupportWarning
from ..files import write_whole
from ..machine import MemoryMeter
from ..mechanisms import Abductive
from ..mechanisms.catalog import mechanism_class
from ..metrics import evaluate, protocol_named
from ..nn import seeded
from ..scm import StructuralCausalModel, load, save
from ..spreadsheets import write_csv
from ..training import FitConfig, Stage, fit, tune_counterfactuals
from .grids import grid_hook
from .settings import Cell
from .shared import Shared

__all__ = ["CELL", "has_model", "read_cell", "run_cell"]

CELL = "cell.json"
TIMED_UNITS = 100


def read_cell(folder: Path) -> dict[str, Any]:
    """The content of `cell.json`; empty if there is none.

    Raises:
        RunFolderError: The file cannot be read, or has other content.
    """
    try:
        record = json.loads((folder / CELL).read_text(encoding="utf-8"))
        if not isinstance(record, dict) or "status" not in record:
            raise ValueError("it has no status")
        return record
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"Expected a cell.json that causalgen wrote in '{folder}'; it cannot be read: {error}. Delete the folder."
        ) from None


def run_cell(cell: Cell, shared: Shared) -> dict[str, Any]:
    """Train, time and evaluate one cell, or continue an earlier attempt; finished parts are read.

    A finished cell that lacks the results of a protocol is evaluated under that protocol. A fine-tuned cell whose
    base cell failed is left out.

    Training that diverges or runs out of memory does not stop the benchmark: the cell records it, and the next call tries
    it again, whatever its settings.

    Raises:
        RunFolderError: The folder contains a cell with other settings that did not fail.
    """
    if cell.tuned and not has_model(_base(cell, shared)):
        return {}
    folder = shared.folder / "cells" / cell.folder
    fingerprint = cell.fingerprint(shared.plan.form, shared.plan.source)
    record = read_cell(folder)
    if record.get("fingerprint", fingerprint) != fingerprint:
        if record["status"] != "failed":
            raise RunFolderError(
                f"Expected '{folder}' to contain a cell of these settings; got one of other settings. Choose another "
                "folder with "
                "--out, or delete this one."
            )
        record = _begin_again(folder)
    protocols = shared.plan.benchmark.protocols
    if record.get("status") == "finished" and all(_metrics(folder, name).exists() for name in protocols):
        return record
    folder.mkdir(parents=True, exist_ok=True)
    record |= cell.model_dump(mode="json") | {"label": cell.label, "fingerprint": fingerprint, "status": "running"}
    _write(folder, record)
    try:
        scm = _model(cell, shared, folder, record)
        if "seconds_per_1000" not in record:
            record |= _speed(scm, shared)
        _measure(scm, shared, folder, record)
        record |= {"status": "finished", "error": None}
    except DivergenceError as error:
        record |= {"status": "failed", "error": str(error)}
    except torch.OutOfMemoryError:
        record |= {"status": "failed", "error": _out_of_memory(cell)}
        torch.cuda.empty_cache()
    finally:
        _write(folder, record)
    return record


def _base(cell: Cell, shared: Shared) -> Path:
    """Return the folder of the cell from which a fine-tuned one starts."""
    return shared.folder / "cells" / cell.model_copy(update={"tuned": False}).folder


def has_model(folder: Path) -> bool:
    """Whether the cell in `folder` was trained to the end; a process killed while saving leaves no description."""
    return (folder / "model" / "model.json").is_file()


def _metrics(folder: Path, protocol: str) -> Path:
    return folder / f"metrics-{protocol}.csv"


def _begin_again(folder: Path) -> dict[str, Any]:
    """Start the record of a new cell: files of other settings are removed, except their checkpoints."""
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
        elif not path.name.startswith("checkpoints-"):
            shutil.rmtree(path)
    return {}


def _model(cell: Cell, shared: Shared, folder: Path, record: dict[str, Any]) -> StructuralCausalModel:
    """Return the fitted model, trained or read."""
    if has_model(folder):
        return _read(folder, shared)
    fitted = None if cell.tuned else shared.attributes(cell.seed)  # shared by all cells of a seed: not this cell's cost
    meter, began = MemoryMeter(shared.plan.device), time.perf_counter()
    try:
        if fitted is not None:
            scm = _trained(cell, shared, folder, fitted)
        else:
            record.setdefault("seconds", read_cell(_base(cell, shared))["seconds"])  # the base cell is part of the cost
            scm = _tuned(cell, shared, folder)
    finally:
        record["seconds"] = round(record.get("seconds", 0.0) + time.perf_counter() - began, 2)
        record["memory_mib"] = max(record.get("memory_mib") or 0.0, meter.peak() or 0.0) or None
    record["parameters"] = sum(p.numel() for p in scm.mechanisms[shared.image].parameters())
    record["abduction"] = scm.mechanisms[shared.image].abduction.value
    _write(folder, record)  # before the model, so that a saved model always has its cost
    save(scm, folder / "model")
    for unfinished in folder.glob("checkpoints-*"):
        shutil.rmtree(unfinished)
    return scm


def _read(folder: Path, shared: Shared) -> StructuralCausalModel:
    """The model of a cell, on the device of the benchmark."""
    return load(folder / "model", trust_code=shared.plan.trust_code).to(torch.device(shared.plan.device))


def _tuned(cell: Cell, shared: Shared, folder: Path) -> StructuralCausalModel:
    """The model of the base cell after counterfactual fine-tuning."""
    scm = _read(_base(cell, shared), shared)
    history = tune_counterfactuals(
        scm, shared.data, shared.tutors, image=shared.image, config=cell.recipe.tuning, seed=cell.seed, bars=shared.bars
    )
    write_csv(history, folder / "tuning.csv")
    return scm


def _trained(cell: Cell, shared: Shared, folder: Path, fitted: StructuralCausalModel) -> StructuralCausalModel:
    """Train only the image; the attribute mechanisms are already fitted and stay fixed."""
    form, image = shared.plan.form, shared.image
    fitted.requires_grad_(False)
    with seeded(cell.seed):
        mechanism = mechanism_class(cell.mechanism, image, trust_code=shared.plan.trust_code)
        options = {"mechanism": mechanism, **cell.recipe.options}
        scm = StructuralCausalModel(shared.data.graph, {**fitted.mechanisms, image: options})
    default = FitConfig(device=shared.plan.device, seed=cell.seed)
    stage: Stage = replace(default.images, **cell.recipe.images.model_dump(exclude_none=True))
    hook = grid_hook(scm, shared.data, image, folder / "grids", epochs=stage.epochs, grids=form.grids)
    checkpoints = folder / f"checkpoints-{cell.fingerprint(form, shared.plan.source)}"
    fit(scm, shared.data, replace(default, images=stage), out=checkpoints, bars=shared.bars, on_epoch=hook)
    return scm.requires_grad_(True)


def _speed(scm: StructuralCausalModel, shared: Shared) -> dict[str, Any]:
    """Return the seconds for 1,000 counterfactual images, including abduction; for samples if there is no abduction."""
    rows = shared.data.split["test"][:TIMED_UNITS]
    factual = shared.data.rows(rows)
    attributes = {name: column for name, column in factual.items() if name != shared.image}
    node = next(name for name in shared.data.graph.parents(shared.image))
    can_abduct = isinstance(scm.mechanisms[shared.image], Abductive)

    def once() -> None:
        if can_abduct:
            scm.counterfactual(factual, {node: factual[node].flip(0)}, seed=0)
        else:
            scm.sample(len(rows), do=attributes, seed=0)
        if scm.like.is_cuda:
            torch.cuda.synchronize()

    with warnings.catch_warnings(action="ignore", category=SupportWarning):
        once()
        began = time.perf_counter()
        once()
    seconds = (time.perf_counter() - began) * 1000 / len(rows)
    return {"seconds_per_1000": round(seconds, 3)}


def _measure(scm: StructuralCausalModel, shared: Shared, folder: Path, record: dict[str, Any]) -> None:
    """Compute all metrics under every protocol; units and queries are the same in all cells, for every seed."""
    benchmark, form = shared.plan.benchmark, shared.plan.form
    notes = record.setdefault("notes", {})
    for name in benchmark.protocols:
        path = _metrics(folder, name)
        if path.exists():
            continue
        protocol = replace(protocol_named(name), rows=form.rows, cycle_rows=form.cycle_rows, particles=form.particles)
        table = evaluate(
            scm, shared.data, queries=benchmark.queries, readers=shared.readers, protocol=protocol, bars=shared.bars
        )
        temporary = path.with_suffix(".part")
        write_csv(table.to_frame(), temporary)
        temporary.replace(path)
        notes[name] = list(table.notes)


def _out_of_memory(cell: Cell) -> str:
    tuning = cell.recipe.tuning if cell.tuned else None
    batch = tuning.batch_size if tuning else cell.recipe.images.batch_size or FitConfig().images.batch_size
    return (
        f"Expected {cell.mechanism} to train in batches of {batch} on this device; it ran out of memory. Try "
        "--batch-size "
        f"{max(1, batch // 2)}, which retrains this cell; the checkpoint is kept for a device with more memory."
    )


def _write(folder: Path, record: dict[str, Any]) -> None:
    write_whole(folder / CELL, json.dumps(record, indent=2) + "\n")
