"""Inverse propensity weighting with normalised (Hajek) weights."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .basis import FlexibleBasis
from .outcome_model import OutcomeModel

__all__ = ["Weighting"]


class Weighting(AdjustmentEstimator):
    r"""Difference of two weighted means; weights make both arms resemble the named population.

    .. math:: \hat\tau = \frac{\sum_{t_i = b} w_i y_i}{\sum_{t_i = b} w_i}
        - \frac{\sum_{t_i = a} w_i y_i}{\sum_{t_i = a} w_i}

    With p the probability of a row's own treatment value given its covariates, w is 1/p in the whole population and
    1 - p in the overlap population; in the population of one arm it is 1 for that arm and (1 - p)/p for the other.
    The interval knows that the logistic propensity model was fitted (M-estimation). Right where that model is.

    References:
        Lunceford and Davidian (2004); Li, Morgan and Zaslavsky (2018).

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        clip: Least distance of a propensity from 0 and 1.
    """

    def __init__(self, identified_estimand: IdentifiedEstimand, *, clip: float = 0.01, **options: Any) -> None:
        super().__init__(identified_estimand, **options)
        self.clip = clip

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        basis = FlexibleBasis(arrays.covariates)(arrays.covariates)
        mean_treated, of_treated = self._arm(basis, arrays, treated, target="treated")
        mean_control, of_control = self._arm(basis, arrays, control, target="control")
        return Influence(mean_treated - mean_control, of_treated - of_control, arrays.clusters)

    def _arm(self, basis: Array, arrays: Arrays, value: float, target: str) -> tuple[float, Array]:
        """Weighted mean of one arm and every row's influence on it."""
        member = (arrays.treatment == value).astype(float)
        model = OutcomeModel((0.0, 1.0)).fit(basis, member, arrays.weights)
        own = np.clip(model.predict(basis), self.clip, 1 - self.clip)
        weight, slope = _weights(own, "own" if arrays.population == target else arrays.population)
        total = np.mean(arrays.weights * member * weight)
        mean = float(np.mean(arrays.weights * member * weight * arrays.outcome) / total)
        pull = arrays.weights * member * (arrays.outcome - mean) / total
        change = pull * slope
        gradient = np.concatenate([[change.mean()], change @ basis / len(change)])
        coefficients, offset = model.representer(basis, gradient, arrays.weights)
        fitted = arrays.weights * (basis @ coefficients + offset) * (member - model.predict(basis))
        influence = pull * weight + fitted
        return mean, influence - influence.mean()


def _weights(own: Array, population: str) -> tuple[Array, Array]:
    """Weights of an arm's rows and their derivative by the linear index of the arm's propensity."""
    odds = (1 - own) / own
    if population == "own":
        return np.ones_like(own), np.zeros_like(own)
    if population == "whole":
        return 1 / own, -odds
    if population == "overlap":
        return 1 - own, -own * (1 - own)
    return odds, -odds
