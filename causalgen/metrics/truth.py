"""Distance to the true counterfactual, if the generator is known."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..graph import Variable
from .case import Answer, Case
from .controls import IDENTITY
from .images import l1, ssim
from .result import MetricResult

__all__ = ["attribute_error_to_truth", "image_error_to_truth"]


def image_error_to_truth(case: Case) -> list[MetricResult]:
    """L1 (grey levels), the same relative to the identity control, and SSIM of flat images, all to the true image.

    Raises:
        DataError: The truth of this query is unknown.
    """
    truth = _truth(case).images
    errors = {answer.row: l1(answer.images, truth) for answer in case.answers}
    name, results = case.cohort.image, case.units.results
    found = [
        *results(f"{name} L1 to truth", errors, unit="grey levels"),
        *results(f"{name} L1 to truth, relative to identity", errors, relative_to=errors[IDENTITY]),
    ]
    if case.cohort.graph[name].is_volume:  # windows of 11 x 11 x 11 voxels take longer than the counterfactual
        return found
    scores = {answer.row: ssim(answer.images, truth) for answer in case.answers}
    return [*found, *results(f"{name} SSIM to truth", scores, better="higher")]


def attribute_error_to_truth(case: Case) -> list[MetricResult]:
    """Mean absolute error (for discrete attributes the share of wrong labels) of every attribute that the query moves.

    The identity control keeps the factual attributes; the oracle has the true ones.

    Raises:
        DataError: The truth of this query is unknown.
    """
    truth = _truth(case).values
    graph = case.cohort.graph
    moved = {name for node in case.query.do for name in graph.descendants(node)}
    notes = {answer.row: "by construction" for answer in case.answers if answer.values is truth}
    results = []
    for name, variable in graph.variables.items():
        if name not in moved or name in case.query.do or variable.is_image:
            continue
        errors = {answer.row: _difference(variable, answer.values[name], truth[name]) for answer in case.answers}
        results += case.units.results(f"{name} error to truth", errors, unit=variable.unit or "", notes=notes)
    return results


def _difference(variable: Variable, value: Tensor, target: Tensor) -> NDArray[np.float64]:
    if variable.is_discrete:
        return (value != target).double().numpy()
    return (value.double() - target.double()).abs().numpy()


def _truth(case: Case) -> Answer:
    if case.truth is None:
        raise DataError(f"Expected a query whose truth is known; {case.query.label} has none. Leave this metric out.")
    return case.truth
