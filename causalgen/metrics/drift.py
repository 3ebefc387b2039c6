"""Off-target drift: how far an attribute that should not change moves on the counterfactual image.

    drift = |m(x*) - m(x)|

with x the factual image, x* the counterfactual one and m the reading of both, so that a constant reading error cancels.
For a label it is 1 if another label is read. The null intervention shows how far redrawing alone moves it, and the
truth how far it moves on the true counterfactual images.
"""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import SupportWarning
from ..graph import Variable
from ..typing import Values
from .case import Case
from .cohort import Readers
from .controls import MODEL, NULL, TRUTH
from .result import MetricResult

__all__ = ["DRIFT", "off_target_drift"]

DRIFT = "off-target drift: "
"""Prefix of the metric's name, before that of the attribute."""
SHARE = "share of images"
"""Unit of the drift of a label."""
Read = Callable[[Tensor, Values], NDArray[np.float64]]


def off_target_drift(case: Case, readers: Readers) -> list[MetricResult]:
    """Mean drift of every readable attribute that the query does not affect, in its unit or as a share of images.

    Rows: the model, its null intervention (the queried nodes keep their values) and, where it is known, the truth. An image
    that can no longer be read counts with the largest drift that the range of its attribute allows; one whose factual image
    cannot be read counts as 0.

    Args:
        case: A query with its answers.
        readers: Readers of attributes; a measurement takes precedence over a predictor, and a predictor over a
            classifier.
    """
    cohort = case.cohort
    reached = {name for node in case.query.do for name in (node, *cohort.graph.descendants(node))}
    reads = {name: read for name, read in _reads(readers).items() if name not in reached}
    if not reads:
        return []
    shown = {MODEL: (case[MODEL].images, case[MODEL].values), NULL: (_null_images(case), cohort.factual)}
    shown |= {TRUTH: (case.truth.images, case.truth.values)} if case.truth is not None else {}
    results = []
    for name, read in reads.items():
        variable, bounds = cohort.graph[name], cohort.range_of(name)
        before = read(cohort.real, cohort.factual)
        moved = {row: _moved(variable, read(*images), before, bounds) for row, images in shown.items()}
        unit = SHARE if variable.is_discrete else variable.unit or ""
        results += case.units.results(f"{DRIFT}{name}", moved, unit=unit)
    return results


def _reads(readers: Readers) -> dict[str, Read]:
    """How each attribute is read, from images and the attributes that a predictor may need."""
    predictors = {**readers.classifiers, **readers.predictors}
    reads: dict[str, Read] = {name: partial(_predicted, predictor.predict) for name, predictor in predictors.items()}
    return reads | {name: partial(_measured, function) for name, function in readers.measure.items()}


def _predicted(predict: Callable[..., Tensor], images: Tensor, values: Values) -> NDArray[np.float64]:
    return predict(images, values).detach().cpu().double().numpy()


def _measured(function: Callable[..., object], images: Tensor, values: Values) -> NDArray[np.float64]:
    return np.asarray(torch.as_tensor(function(images)), dtype=np.float64)


def _null_images(case: Case) -> Tensor:
    """The model's images of the units with the queried nodes at their own values, `(N, C, H, W)` as stored."""
    posterior = case.cohort.posteriors[MODEL]
    with warnings.catch_warnings(action="ignore", category=SupportWarning):
        world = posterior.counterfactual({name: posterior.factual[name] for name in case.query.do})
    return case.cohort.stored(world[case.cohort.image])


def _moved(
    variable: Variable, after: NDArray[np.float64], before: NDArray[np.float64], bounds: tuple[float, float]
) -> NDArray[np.float64]:
    if variable.is_discrete:
        return (after != before).astype(np.float64)
    worst = np.maximum(*(np.abs(before - bound) for bound in bounds))
    moved = np.where(np.isfinite(after), np.abs(after - before), worst)
    return np.where(np.isfinite(before), moved, 0.0)
