"""Effectiveness by predictors: networks trained on real images read attributes from counterfactual ones; with a floor.

Source: Monteiro, De Sousa Ribeiro, Pawlowski, Castro and Glocker, Measuring axiomatic soundness of counterfactual image
models, 2023.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..predictors import AttributePredictor
from ..typing import Values
from .case import Case
from .controls import MODEL
from .result import MetricResult

__all__ = ["predicted_effectiveness", "prediction_error", "prediction_metric", "unit_and_better"]


def predicted_effectiveness(
    case: Case,
    predictors: Mapping[str, AttributePredictor],
    *,
    batch_statistics: bool = False,
    unread: Mapping[str, str] = MappingProxyType({}),
) -> list[MetricResult]:
    """Mean absolute error, or accuracy, of predicted against counterfactual attributes, in the attribute's unit.

    A predictor with further attributes as inputs gets the counterfactual ones. The floor is the same predictor's error on the
    factual images of the same units: a value below it means that the images are easier to read than real ones.

    Args:
        case: A query with its answers.
        predictors: By attribute.
        batch_statistics: Whether they normalise by the statistics of the current images.
        unread: By metric, the note that its predictor is no better than a guess; see `unread_attributes`.
    """
    results = []
    for predictor in predictors.values():
        unit, better = unit_and_better(predictor)
        error = partial(prediction_error, predictor, batch_statistics=batch_statistics)
        floor = error(case.cohort.real, case.cohort.factual)
        errors = {answer.row: error(answer.images, case.shown(answer)) for answer in case.answers}
        metric = prediction_metric(predictor)
        notes = {MODEL: unread.get(metric, "")}
        results += case.units.results(metric, errors, floor=floor, unit=unit, better=better, notes=notes)
    return results


def prediction_error(
    predictor: AttributePredictor, images: Tensor, attributes: Values, *, batch_statistics: bool = False
) -> NDArray[np.float64]:
    """Absolute error of each image, or 1 where the label is right and 0 elsewhere, `(N,)`."""
    predicted = predictor.predict(images, attributes, batch_statistics=batch_statistics)
    wanted = attributes[predictor.variable.name].cpu()
    if predictor.variable.is_discrete:
        return (predicted.cpu() == wanted).double().numpy()
    return (predicted.cpu().double() - wanted.double()).abs().numpy()


def prediction_metric(predictor: AttributePredictor) -> str:
    """Name of the metric, such as "thickness MAE by predictor"."""
    variable = predictor.variable
    return f"{variable.name} {'accuracy' if variable.is_discrete else 'MAE'} by predictor"


def unit_and_better(predictor: AttributePredictor) -> tuple[str, str]:
    """Unit of `prediction_error`, and whether "lower" or "higher" is better."""
    variable = predictor.variable
    return ("", "higher") if variable.is_discrete else (variable.unit or "", "lower")
