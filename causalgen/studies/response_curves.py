"""The response curves of a study: an outcome over the values that a node is set to."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import DataWarning, SupportWarning, warn
from ..graph import Variable
from ..reports import ResponseCurve
from ..scm import Counterfactual
from .measurements import Measurement
from .model_on_data import ModelOnData, true_counterfactual
from .study_sections import Curve

__all__ = ["response_curve"]

UNITS = 60
LEAST = 2
"""Minimum number of units for an interval."""
RANGE = (0.05, 0.95)
"""Quantiles of the training split between which a continuous node is set."""


def response_curve(curve: Curve, model: ModelOnData, measure: Measurement | None = None) -> ResponseCurve:
    """Mean outcome of some test units over the values that a node is set to, with a 95 % interval over units.

    A unit that cannot be read at one of the values, such as a grey image without a hue, is left out at all of them. With
    fewer than two units left, all numbers of the curve are NaN, with a warning.

    Args:
        curve: What to set, and what responds.
        model: The fitted model and its data.
        measure: Measurement of the outcome on the image, so that the curve shows the images; None to ask the model.
    """
    data = model.data
    rows, cause, outcome = model.test_rows(UNITS), data.graph[curve.node], data.graph[curve.outcome]
    values = _values(data, cause, curve.points)
    posterior = model.scm.abduct(data.rows(rows), seed=model.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        worlds = [posterior.counterfactual({cause.name: value}, seed=model.seed) for value in values]
    if measure is None:
        responses = torch.stack([world[outcome.name].double() for world in worlds]).cpu().numpy()
    else:
        responses = _measured(worlds, model.image, measure)
    known = np.isfinite(responses).all(axis=0)
    part, used = responses[:, known], rows[known]
    enough = len(used) >= LEAST
    if not enough:
        warn(
            f"Expected at least {LEAST} of {len(rows)} test units with a number for '{outcome.name}' at every value of "
            f"'{cause.name}'; got {len(used)}. The response curve stays empty.",
            DataWarning,
        )
        part = np.full((len(values), LEAST), np.nan)
    mean = part.mean(axis=1)
    error = 1.96 * part.std(axis=1, ddof=1) / np.sqrt(part.shape[1])
    read = "by the model" if measure is None else "measured on the image"
    return ResponseCurve(
        cause=cause.name,
        unit=cause.unit or "",
        response=f"{outcome.name} {read}" + (f" [{outcome.unit}]" if outcome.unit else ""),
        imposed=values,
        mean=mean.tolist(),
        low=(mean - error).tolist(),
        high=(mean + error).tolist(),
        ideal=_ideal(curve, data, used, values) if enough else [],
        supported=[float(world.supported.float().mean()) for world in worlds],
        interval=f"95 % interval of the mean over {_count(len(used), len(rows))}",
    )


def _count(used: int, chosen: int) -> str:
    if used == chosen:
        return f"{used} test units"
    return f"{used} of {chosen} test units; the others could not be read at every value"


def _values(data: Dataset, variable: Variable, points: int) -> list[Any]:
    if variable.labels is not None:
        return list(variable.labels)
    low, high = np.quantile(data.part("train")[variable.name].numpy(), RANGE)
    return [float(f"{value:.3g}") for value in np.linspace(low, high, points)]


def _measured(worlds: list[Counterfactual], image: str, measure: Measurement) -> NDArray[np.float64]:
    """The outcome `(values, units)`, read from the images of each world."""
    return measure(torch.cat([world[image] for world in worlds])).reshape(len(worlds), -1)


def _ideal(curve: Curve, data: Dataset, rows: RowLabels, values: list[Any]) -> list[float]:
    """Return the right answer at each value; empty if it is unknown."""
    if curve.outcome == curve.node:
        return [float(value) for value in values]
    truths = [true_counterfactual(data, rows, {curve.node: value}) for value in values]
    return [float(truth[curve.outcome].double().mean()) for truth in truths if truth is not None]
