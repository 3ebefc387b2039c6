"""Counterfactual queries of a study: grids of units, and response curves."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import DataError, InterventionWarning, SupportError, SupportWarning, warn
from ..grammar import read_do
from ..graph import CausalGraph, Variable
from ..reports import Gallery, ResponseCurve
from ..scm import Counterfactual, StructuralCausalModel
from .measurements import measurement_of
from .schema import Curve, Study

__all__ = ["answerable", "ask", "gallery", "image_node", "response_curve", "test_rows", "true_counterfactual"]

CURVE_UNITS = 60
CURVE_RANGE = (0.05, 0.95)
"""Quantiles of the training split between which a continuous node is set."""


def gallery(study: Study, scm: StructuralCausalModel, data: Dataset) -> list[Gallery]:
    """One grid for every gallery entry, of test units drawn by the seed: first those whose labels the entry changes.

    Units that an expression would take out of the support are left out with a warning, so that the run does not fail.
    """
    galleries = []
    for item in study.gallery:
        rows = _changed_first(data, test_rows(data, len(data), study.seed), item.do)[: item.units]
        do = read_do(scm.graph, item.do)
        rows = answerable(scm, data, rows, do, study.seed)
        if not len(rows):
            continue
        result = ask(scm, data, rows, do, seed=study.seed)
        truth = true_counterfactual(data, rows, do)
        galleries.append(Gallery(result, truth, units=len(rows), note=f"Rows {', '.join(map(str, rows.tolist()))}."))
    return galleries


def ask(scm: StructuralCausalModel, data: Dataset, rows: Any, do: Mapping[str, Any], *, seed: int) -> Counterfactual:
    """Counterfactuals of rows of the data under `do`; units outside the joint support are flagged without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        return scm.counterfactual(data.rows(rows), do, seed=seed)


def true_counterfactual(data: Dataset, rows: Any, do: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """The true counterfactual; None where the generator is unknown or has no answer.

    Shifts and expressions act on each unit's true value and parents by the generator.
    """
    if data.truth is None:
        return None
    values: dict[str, Any] = {}
    try:
        for name in (node for node in data.graph.nodes if node in do):
            values[name] = do[name]
            if callable(do[name]):
                world = data.truth.counterfactual(rows, {n: v for n, v in values.items() if n != name})
                values[name] = do[name](world[name], {parent: world[parent] for parent in data.graph.parents(name)})
        return data.truth.counterfactual(rows, values)
    except (DataError, SupportError):
        return None


def response_curve(study: Study, curve: Curve, scm: StructuralCausalModel, data: Dataset) -> ResponseCurve:
    """Mean outcome of some test units over the values that a node is set to, with a 95 % interval over units.

    An outcome is measured on the image where possible, so that the curve shows the images.
    """
    rows = test_rows(data, CURVE_UNITS, study.seed)
    values = _values(data, data.graph[curve.node], curve.points)
    posterior = scm.abduct(data.rows(rows), seed=study.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        worlds = [posterior.counterfactual({curve.node: value}, seed=study.seed) for value in values]
    responses, read = _responses(study, curve, worlds)
    error = 1.96 * responses.std(axis=1, ddof=1) / np.sqrt(len(rows))
    mean = responses.mean(axis=1)
    outcome = data.graph[curve.outcome]
    return ResponseCurve(
        cause=curve.node,
        unit=data.graph[curve.node].unit or "",
        response=f"{outcome.name} {read}" + (f" [{outcome.unit}]" if outcome.unit else ""),
        imposed=values,
        mean=mean.tolist(),
        low=(mean - error).tolist(),
        high=(mean + error).tolist(),
        ideal=_ideal(curve, data, rows, values),
        supported=[float(world.supported.float().mean()) for world in worlds],
        interval=f"95 % interval of the mean over {len(rows)} test units",
    )


def test_rows(data: Dataset, count: int, seed: int) -> RowLabels:
    """At most `count` rows of the test split, drawn by the seed."""
    test = data.split["test"]
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))
    return test[order[:count].numpy()]


def answerable(
    scm: StructuralCausalModel, data: Dataset, rows: RowLabels, do: Mapping[str, Any], seed: int
) -> RowLabels:
    """The rows for which every shift and expression in `do` has a value."""
    if not any(callable(what) for what in do.values()):
        return rows
    kept: list[int] = []
    reason = ""
    for place, row in enumerate(rows.tolist()):
        try:
            ask(scm, data, [row], do, seed=seed)
            kept.append(place)
        except (DataError, SupportError) as error:
            reason = str(error)
    if reason:
        missing = len(rows) - len(kept)
        warn(f"A grid leaves out {missing} of {len(rows)} units. {reason}", InterventionWarning)
    return rows[kept]


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


def image_node(graph: CausalGraph) -> str:
    """The first image of a graph, on which attributes are measured."""
    return next(name for name in graph.nodes if graph[name].is_image)


def _values(data: Dataset, variable: Variable, points: int) -> list[Any]:
    if variable.labels is not None:
        return list(variable.labels)
    low, high = np.quantile(data.part("train")[variable.name].numpy(), CURVE_RANGE)
    return [float(f"{value:.3g}") for value in np.linspace(low, high, points)]


def _responses(study: Study, curve: Curve, worlds: list[Counterfactual]) -> tuple[NDArray[np.float64], str]:
    """Outcome `(values, units)` and how it was read."""
    graph = worlds[0].graph
    if curve.outcome in study.measurements:
        images = torch.cat([world[image_node(graph)] for world in worlds])
        measured = measurement_of(study, curve.outcome)(images)
        return measured.reshape(len(worlds), -1), "measured on the image"
    return torch.stack([world[curve.outcome].double() for world in worlds]).cpu().numpy(), "by the model"


def _ideal(curve: Curve, data: Dataset, rows: RowLabels, values: list[Any]) -> list[float]:
    """The right answer at each value; empty where it is unknown."""
    if curve.outcome == curve.node:
        return [float(value) for value in values]
    truths = [true_counterfactual(data, rows, {curve.node: value}) for value in values]
    return [float(truth[curve.outcome].double().mean()) for truth in truths if truth is not None]
