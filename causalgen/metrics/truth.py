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
    """L1 (grey levels), the same relative to the identity control, and SSIM, all to the true counterfactual image.

    Raises:
        DataError: The truth of this query is unknown.
    """
    truth = _truth(case).images
    errors = {answer.row: l1(answer.images, truth) for answer in case.answers}
    name, results = case.image, []
    for row, error in errors.items():
        results += case.units.results(f"{name} L1 to truth", row, error, unit="grey levels")
    for row, error in errors.items():
        results += case.units.results(
            f"{name} L1 to truth, relative to identity", row, error, relative_to=errors[IDENTITY]
        )
    for answer in case.answers:
        score = ssim(answer.images, truth)
        results += case.units.results(f"{name} SSIM to truth", answer.row, score, better="higher")
    return results


def attribute_error_to_truth(case: Case) -> list[MetricResult]:
    """Mean absolute error (for discrete attributes the share of wrong labels) of every attribute that the query moves.

    The identity control keeps the factual attributes; the oracle has the true ones.

    Raises:
        DataError: The truth of this query is unknown.
    """
    truth = _truth(case).values
    moved = {name for node in case.query.do for name in case.graph.descendants(node)}
    results = []
    for name, variable in case.graph.variables.items():
        if name not in moved or name in case.query.do or variable.is_image:
            continue
        for answer in case.answers:
            error = _difference(variable, answer.values[name], truth[name])
            note = "by construction" if answer.values is truth else ""
            results += case.units.results(
                f"{name} error to truth", answer.row, error, unit=variable.unit or "", note=note
            )
    return results


def _difference(variable: Variable, value: Tensor, target: Tensor) -> NDArray[np.float64]:
    if variable.is_discrete:
        return (value != target).double().numpy()
    return (value.double() - target.double()).abs().numpy()


def _truth(case: Case) -> Answer:
    if case.truth is None:
        raise DataError(f"Expected a query whose truth is known; {case.query.label} has none. Leave this metric out.")
    return case.truth
