"""The counterfactual grids of a study."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..grammar import read_do
from ..reports import Gallery
from .model_on_data import ModelOnData, true_counterfactual
from .study_sections import GalleryPlan

__all__ = ["gallery"]


def gallery(plans: Iterable[GalleryPlan], model: ModelOnData) -> list[Gallery]:
    """One grid for every plan, of test units drawn by the seed: first those whose labels the plan changes.

    Units that an expression would take out of the support are left out with a warning, so that the run does not fail.
    """
    galleries, data = [], model.data
    for plan in plans:
        do = read_do(model.graph, plan.do)
        rows = _changed_first(data, model.test_rows(len(data)), plan.do)[: plan.units]
        rows = model.answerable(rows, do)
        if not len(rows):
            continue
        truth = true_counterfactual(data, rows, do)
        note = f"Rows {', '.join(map(str, rows.tolist()))}."
        galleries.append(Gallery(model.counterfactual(rows, do), truth, units=len(rows), note=note))
    return galleries


def _changed_first(data: Dataset, rows: RowLabels, do: Mapping[str, Any]) -> RowLabels:
    """The rows in their order, except that those that already have all the labels in `do` come last."""
    labels = {name: str(value) for name, value in do.items() if data.graph[name].is_discrete}
    if not labels:
        return rows
    has, values = torch.ones(len(rows), dtype=torch.bool), data.rows(rows)
    for name, label in labels.items():
        codes = [code for code, known in enumerate(data.graph[name].labels or ()) if str(known) == label]
        has &= torch.isin(values[name], torch.tensor(codes))
    return rows[has.int().argsort(stable=True).numpy()]
