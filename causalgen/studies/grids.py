"""The counterfactual grids of a study."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import torch

from ..datasets import Dataset
from ..datasets.labels import RowLabels, numbered
from ..errors import DataError
from ..grammar import read_do
from ..reports import Gallery
from .model_on_data import ModelOnData, true_counterfactual
from .reading_rows import read_rows
from .study_sections import GalleryPlan

__all__ = ["check_named_rows", "gallery"]


def check_named_rows(plans: Iterable[GalleryPlan], data: Dataset, fault: Callable[[tuple, str], Exception]) -> None:
    """Refuse rows that the data do not have, before anything is trained.

    Args:
        plans: The grids.
        data: The data.
        fault: The exception to raise about an entry of the study file, from its place and a message.
    """
    for place, plan in enumerate(plans):
        if not plan.rows:
            continue
        try:
            data.groups(_named(data, plan))
        except DataError as error:
            raise fault(("gallery", place, "rows"), str(error)) from None


def gallery(plans: Iterable[GalleryPlan], model: ModelOnData) -> list[Gallery]:
    """Make a grid for every plan, of the rows that it names or of random test units, those that it changes first.

    Units that an expression would take out of the support are left out with a warning, so that the run does not fail.
    """
    galleries, data = [], model.data
    for plan in plans:
        do = read_do(model.graph, plan.do)
        rows = _named(data, plan) if plan.rows else None
        if rows is None:
            rows = _changed_first(data, model.test_rows(len(data)), plan.do)[: plan.units]
        rows = model.answerable(rows, do)
        if not len(rows):
            continue
        truth = true_counterfactual(data, rows, do)
        note = f"Rows {', '.join(map(str, rows.tolist()))}."
        galleries.append(Gallery(model.counterfactual(rows, do), truth, units=len(rows), note=note))
    return galleries


def _named(data: Dataset, plan: GalleryPlan) -> RowLabels:
    return numbered(pd.Index(read_rows(data, map(str, plan.rows)), dtype=data.frame().index.dtype))


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
