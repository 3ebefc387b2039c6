"""Inverse propensity weighting with normalised (Hajek) weights."""

import numpy as np

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .outcome_model import OutcomeModel

__all__ = ["CLIP", "Weighting", "balancing_weights", "least_propensity"]

CLIP = 0.01
"""Minimum propensity in the denominator of a weight; more in tables with few rows (see `least_propensity`)."""
MOST_CLIPPED = 0.1
RATE = 5.0
POWERS = {
    "whole": ((-1, 0), (0, -1)),
    "treated": ((-1, 1), (0, 0)),
    "control": ((0, 0), (1, -1)),
    "overlap": ((0, 1), (1, 0)),
}
"""Powers of e_a and e_b in the weights of the rows with value a, and of those with value b."""


def least_propensity(units: int, shares: Array) -> Array:
    r"""Minimum propensity in the weights of doubly robust scores, shape `(2, 1)`.

    It is :math:`5 / (\sqrt n \ln n)` for n units, between 1 % and 10 %: in a small table, one row with a weight of 100 would
    determine the estimate. Of a value with less than half of the rows it is less, in proportion to `shares`, since its
    propensities are low everywhere; it is never below 1 %.

    References:
        Gruber, Phillips, Lee and van der Laan (2022), Data-adaptive selection of the propensity score truncation level.

    Args:
        units: Rows, or clusters of rows.
        shares: Share of the rows with each of the two compared values, shape `(2,)`.

    >>> least_propensity(400, np.array([0.5, 0.1])).round(3).tolist()
    [[0.042], [0.01]]
    """
    level = min(RATE / (np.sqrt(units) * np.log(units)), MOST_CLIPPED)
    return np.maximum(CLIP, level * np.minimum(1, 2 * shares))[:, None]


def balancing_weights(propensity: Array, population: str, least: Array | float = CLIP) -> Array:
    """Weights under which the rows with either value resemble the population, shape `(2, rows)`.

    Only the denominator is kept away from 0: rows with a near-zero propensity get near-zero weight if the population
    gives them near-zero weight too.

    Args:
        propensity: Probabilities of the two values, shape `(2, rows)`.
        population: Key of `POWERS`.
        least: Least divisor.

    >>> balancing_weights(np.array([[0.999], [0.001]]), "treated")[0].round(4)
    array([0.001])
    """
    divisor = np.maximum(propensity, least)
    weights = np.ones_like(propensity)
    for own, powers in zip(weights, POWERS[population], strict=True):
        for power, raw, floored in zip(powers, propensity, divisor, strict=True):
            own *= (raw if power > 0 else floored) ** power
    return weights


class Weighting(AdjustmentEstimator):
    r"""Difference of two weighted means; weights make both groups resemble the named population.

    .. math:: \hat\tau = \frac{\sum_{t_i = b} w_i y_i}{\sum_{t_i = b} w_i}
        - \frac{\sum_{t_i = a} w_i y_i}{\sum_{t_i = a} w_i}

    With the propensities e of both values, a row with value v has the weight :math:`h / e_v`: h is 1 for the whole
    population, :math:`e_b` for the treated, :math:`e_a` for the controls and :math:`e_a e_b` for the overlap. The
    interval allows for the fit of the logistic propensity models (M-estimation). It is right if these models are.

    References:
        Lunceford and Davidian (2004); Li, Morgan and Zaslavsky (2018); Li and Li (2019) for several values.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
    """

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        basis = self._covariate_features(arrays)
        members = [(arrays.treatment == value).astype(float) for value in (control, treated)]
        models = [OutcomeModel((0.0, 1.0)).fit(basis, member, arrays.weights) for member in members]
        fitted = [model.predict(basis) for model in models]
        balancing = balancing_weights(np.stack(fitted), arrays.population)
        weight = arrays.weights * np.stack(members) * balancing
        means = weight @ arrays.outcome / weight.sum(axis=1)
        direct = weight * (arrays.outcome - means[:, None]) / weight.mean(axis=1, keepdims=True)
        pulls = direct.copy()
        powers = np.array(POWERS[arrays.population]).T  # of the propensity of each value, in the weights of both arms
        for model, member, propensity, power in zip(models, members, fitted, powers, strict=True):
            moving = (propensity > CLIP) | (
                power[:, None] > 0
            )  # a clipped propensity does not move with the coefficients
            change = power[:, None] * (1 - propensity) * direct * moving
            pulls += _through(model, basis, change, arrays.weights, member - propensity)
        return Influence.of_means(means, pulls - pulls.mean(axis=1, keepdims=True), arrays.clusters)


def _through(model: OutcomeModel, basis: Array, change: Array, weights: Array, residual: Array) -> Array:
    """Influence through the fitted propensity, `(2, rows)`: `change` is the means' derivative by each linear index."""
    if not change.any():
        return change
    gradient = np.vstack([change.mean(axis=1), (change @ basis).T / len(basis)])
    coefficients, offset = model.representer(basis, gradient, weights)
    return weights * residual * (basis @ coefficients + offset).T
