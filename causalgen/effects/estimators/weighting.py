"""Inverse propensity weighting with normalised (Hajek) weights."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .basis import FlexibleBasis
from .outcome_model import OutcomeModel

__all__ = ["Weighting"]

POWERS = {
    "whole": ((-1, 0), (0, -1)),
    "treated": ((-1, 1), (0, 0)),
    "control": ((0, 0), (1, -1)),
    "overlap": ((0, 1), (1, 0)),
}
"""Powers of e_a and e_b in the weights of the rows with value a, and of those with value b."""


class Weighting(AdjustmentEstimator):
    r"""Difference of two weighted means; weights make both groups resemble the named population.

    .. math:: \hat\tau = \frac{\sum_{t_i = b} w_i y_i}{\sum_{t_i = b} w_i}
        - \frac{\sum_{t_i = a} w_i y_i}{\sum_{t_i = a} w_i}

    With the propensities e of both values, a row with value v has the weight :math:`h / e_v`: h is 1 for the whole
    population, :math:`e_b` for the treated, :math:`e_a` for the controls and :math:`e_a e_b` for the overlap. The
    interval knows that the logistic propensity models were fitted (M-estimation). Right where these models are.

    References:
        Lunceford and Davidian (2004); Li, Morgan and Zaslavsky (2018); Li and Li (2019) for several values.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        clip: Least distance of a propensity from 0 and 1.
    """

    def __init__(self, identified_estimand: IdentifiedEstimand, *, clip: float = 0.01, **options: Any) -> None:
        super().__init__(identified_estimand, **options)
        self.clip = clip

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        basis = FlexibleBasis(arrays.covariates, units=arrays.units)(arrays.covariates)
        members = [(arrays.treatment == value).astype(float) for value in (control, treated)]
        models = [OutcomeModel((0.0, 1.0)).fit(basis, member, arrays.weights) for member in members]
        fitted = [model.predict(basis) for model in models]
        clipped = [np.clip(propensity, self.clip, 1 - self.clip) for propensity in fitted]
        effect, influence = 0.0, np.zeros(len(basis))
        changes = [np.zeros(len(basis)), np.zeros(len(basis))]
        for sign, member, powers in zip((-1, 1), members, POWERS[arrays.population], strict=True):
            weight = arrays.weights * member * clipped[0] ** powers[0] * clipped[1] ** powers[1]
            mean = float(np.average(arrays.outcome, weights=weight))
            pull = sign * weight * (arrays.outcome - mean) / weight.mean()
            effect, influence = effect + sign * mean, influence + pull
            for change, power, propensity, kept in zip(changes, powers, clipped, fitted, strict=True):
                change += power * (1 - propensity) * pull * (propensity == kept)
        for model, member, propensity, change in zip(models, members, fitted, changes, strict=True):
            influence += _through(model, basis, change, arrays.weights, member - propensity)
        return Influence(effect, influence - influence.mean(), arrays.clusters)


def _through(model: OutcomeModel, basis: Array, change: Array, weights: Array, residual: Array) -> Array:
    """Influence through the fitted propensity: `change` is the effect's derivative by each row's linear index."""
    if not change.any():
        return change
    gradient = np.concatenate([[change.mean()], change @ basis / len(change)])
    coefficients, offset = model.representer(basis, gradient, weights)
    return weights * (basis @ coefficients + offset) * residual
