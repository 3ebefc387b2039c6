"""Export of the model of a run, checked on its test rows, with the cost of smaller copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ..datasets import Dataset
from ..export import Exported, ExportQuestion, compare, export_model, shrink
from ..metrics import draw_query
from ..scm import StructuralCausalModel
from ..spreadsheets import write_csv
from .asking import fitted_data, fitted_model
from .model_on_data import true_counterfactual
from .output import check_writable
from .saved_model import Asked, SavedModel, seed_of

__all__ = ["ExportedRun", "export_run"]

CHECKED = 32
"""Number of test rows on which the export is compared with the model."""
CALIBRATED, MEASURED = 128, 128
"""Numbers of training rows that calibrate 8-bit layers, and of test rows on which the error is measured."""


@dataclass(frozen=True)
class ExportedRun:
    """An export of a run's model.

    Args:
        exported: The files, and the check against the model.
        costs: Size, speed and error by precision (see `causalgen.export.compare`); None without smaller copies.
        truth: Whether the error is the distance to true counterfactuals; otherwise to those of the full export.
    """

    exported: Exported
    costs: pd.DataFrame | None
    truth: bool


def export_run(run: Asked, out: Path | None = None, *, to: str = "onnx", precisions: Sequence[str] = ()) -> ExportedRun:
    """Export the model of a run.

    Args:
        run: A run with a fitted model; or a saved model, whose export is checked on units that are drawn from it.
        out: The folder; None for `exports/FORMAT` in the run.
        to: "onnx" or "torch-export".
        precisions: "half", "int8": smaller copies, whose error is measured on test rows under the queries of the study, or
            else under an intervention on each attribute that the first image depends on.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        ExportError: A mechanism that cannot be exported, or an export with other answers than the model.
        ImportError: A package of the extra `onnx` is missing.
        RunFolderError: The files cannot be written, or smaller copies of a saved model, which need data.
    """
    if isinstance(run, SavedModel) and precisions:
        raise run.lacks("smaller copies, which are calibrated and measured on its rows")
    scm = fitted_model(run).cpu()
    folder = run.path / "exports" / to if out is None else out
    check_writable(folder)
    seed = seed_of(run)
    if isinstance(run, SavedModel):
        return ExportedRun(
            export_model(scm, folder, to=to, factual=scm.sample(CHECKED, seed=seed), seed=seed), None, False
        )
    data = fitted_data(run, scm)
    exported = export_model(scm, folder, to=to, factual=_rows(scm, data, "test", CHECKED, seed), seed=seed)
    if not precisions:
        return ExportedRun(exported, None, data.truth is not None)
    specs = run.study.evaluation.queries or [[parent] for parent in _attributes(scm)]
    calibration = _questions(scm, data, specs, "train", CALIBRATED, seed)
    measured = _questions(scm, data, specs, "test", MEASURED, seed)
    variants = {"single": exported.graphs}
    for precision in precisions:
        variants[precision] = shrink(scm, exported.graphs, precision, calibration, seed)
    costs = compare(scm, variants, measured, seed)
    write_csv(costs, folder / "costs.csv")
    return ExportedRun(exported, costs, all(question.truth is not None for question in measured))


def _attributes(scm: StructuralCausalModel) -> list[str]:
    """Attributes that the first image depends on directly."""
    images = scm.graph.images
    return [parent for parent in scm.graph.parents(images[0]) if not scm.graph[parent].is_image] if images else []


def _chosen(data: Dataset, split: str, count: int, seed: int) -> Any:
    """Labels of some rows of a split."""
    labels = data.split[split]
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return labels[order[:count].numpy()]


def _rows(scm: StructuralCausalModel, data: Dataset, split: str, count: int, seed: int) -> dict[str, Tensor]:
    """Values of some rows of a split."""
    values = data.rows(_chosen(data, split, count, seed))
    return {name: scm.tensor(name, values[name]) for name in scm.graph.nodes}


def _questions(
    scm: StructuralCausalModel,
    data: Dataset,
    specs: Sequence[Sequence[str] | Mapping[str, Any]],
    split: str,
    count: int,
    seed: int,
) -> list[ExportQuestion]:
    """Each query, with values of other units, on some rows of a split."""
    rows = _chosen(data, split, count, seed)
    factual = _rows(scm, data, split, count, seed)
    groups = data.groups(rows).numpy()
    questions = []
    for spec in specs:
        do = draw_query(spec if isinstance(spec, Mapping) else list(spec), scm, factual, groups, seed=seed).do
        questions.append(ExportQuestion(factual, do, true_counterfactual(data, rows, do)))
    return questions
