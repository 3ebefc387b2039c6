"""Effectiveness, measured on the image: does the counterfactual image show the counterfactual attributes?

Source: Monteiro, De Sousa Ribeiro, Pawlowski, Castro and Glocker, Measuring axiomatic soundness of counterfactual image
models, 2023; here with a measurement or a regressor, and with its floor.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..predictors import Regressor
from .case import Answer, Case
from .controls import FLOOR, MODEL
from .result import MetricResult
from .spaces import Measure

__all__ = ["effectiveness", "effectiveness_metric"]


def effectiveness(
    case: Case, measure: Mapping[str, Measure], unread: Mapping[str, str] = MappingProxyType({})
) -> list[MetricResult]:
    """Mean absolute difference between measured and counterfactual attribute, in the attribute's unit.

    The floor is the same number on the true counterfactual images; where the truth is unknown, on the factual images.
    An image that cannot be measured counts with the largest error that the range of its attribute allows.

    Args:
        case: A query with its answers.
        measure: Measurements by continuous attribute.
        unread: By attribute, the note that its measurement is no better than a guess; see `unread_attributes`.
    """
    results = []
    nothing_generated = case.truth or Answer(FLOOR, case.cohort.real, case.cohort.factual)
    answers = [*case.answers, nothing_generated]
    for name, function in measure.items():
        variable, bounds = case.cohort.graph[name], case.cohort.range_of(name)
        measured = _measured(name, function, answers)
        wanted = [*(case.shown(answer)[name] for answer in case.answers), nothing_generated.values[name]]
        errors = [_error(found, target, bounds) for found, target in zip(measured, wanted)]
        results += case.units.results(
            effectiveness_metric(name, function),
            {answer.row: error for answer, error in zip(answers, errors)},
            floor=errors[-1],
            unit=variable.unit or "",
            notes={MODEL: unread.get(name, "")},
        )
    return results


def effectiveness_metric(attribute: str, function: Measure) -> str:
    """Name of the metric: "age MAE", or "age MAE by regressor" where the measurement was learned."""
    return f"{attribute} MAE by regressor" if isinstance(function, Regressor) else f"{attribute} MAE"


def _measured(name: str, function: Measure, answers: Sequence[Answer]) -> list[NDArray]:
    """Measure all answers in one call, so that a measurement can share the work among processes."""
    images = torch.cat([answer.images for answer in answers])
    numbers = np.asarray(function(images), dtype=np.float64)
    if numbers.shape != (len(images),):
        raise DataError(
            f"Expected the measurement of '{name}' to give one number per image, ({len(images)},); got {numbers.shape}."
        )
    return np.split(numbers, len(answers))


def _error(measured: NDArray, target: Tensor, bounds: tuple[float, float]) -> NDArray[np.float64]:
    wanted = target.double().numpy()
    worst = np.maximum(*(np.abs(wanted - bound) for bound in bounds))
    return np.where(np.isfinite(measured), np.abs(measured - wanted), worst)
