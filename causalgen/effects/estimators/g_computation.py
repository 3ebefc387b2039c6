"""Flexible g-computation (standardisation) of the effect of a continuous treatment."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from sklearn.base import clone

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .outcome_model import OutcomeModel

__all__ = ["GComputation", "mean_gradient"]


class GComputation(AdjustmentEstimator):
    r"""Average a flexible outcome regression over the rows, under given treatment values.

    .. math:: \hat\tau = \frac1n \sum_i m(b, z_i) - m(a, z_i)

    The regression m, on splines and products of treatment and covariates, is cross-fitted: a row is predicted by a
    model fitted without it. The interval adds the uncertainty of the coefficients (delta method, robust to unequal
    residual variance) to the variation of the effect over rows. The penalty is nearly 0, because its bias would pass
    fully into the effect.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        outcome_model: Regression on features; `OutcomeModel(bounds)` for a bounded outcome.
        held: Values at which the first covariates are held, together with the treatment.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        outcome_model: OutcomeModel | None = None,
        held: Sequence[float] = (),
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.held = tuple(held)
        self.outcome_model = OutcomeModel() if outcome_model is None else outcome_model

    def means(self, arrays: Arrays, values: Sequence[float]) -> tuple[Array, Array]:
        """Mean outcome under do(treatment=value), `(values,)`, and every row's influence on it, `(rows, values)`."""
        columns = np.column_stack([arrays.treatment, arrays.covariates])
        basis = self._basis(columns, arrays.units, treated=True)
        seen = basis(columns)
        under = []
        for value in values:
            columns[:, : 1 + len(self.held)] = (value, *self.held)
            under.append(basis(columns))
        mean, correction = np.zeros((2, len(columns), len(values)))
        for fit, score in self._folds(arrays, self.seed):
            model = clone(self.outcome_model).fit(seen[fit], arrays.outcome[fit], arrays.weights[fit])
            gradient = np.column_stack([mean_gradient(model, features, arrays.weights) for features in under])
            # use all rows: the curvature of some, applied to others, would overstate the influence
            coefficients, offset = model.representer(seen, gradient, arrays.weights)
            residual = arrays.outcome[score] - model.predict(seen[score])
            correction[score] = (seen[score] @ coefficients + offset) * residual[:, None]
            mean[score] = np.column_stack([model.predict(features[score]) for features in under])
        influence = arrays.weights[:, None] * (mean + correction)
        level = arrays.weights @ mean / len(mean)
        influence -= arrays.weights[:, None] * level
        return level, influence - influence.mean(axis=0)

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        level, influence = self.means(arrays, (control, treated))
        return Influence.of_means(level, influence.T, arrays.clusters)


def mean_gradient(model: OutcomeModel, features: Array, weights: Array) -> Array:
    """Derivative of the weighted mean prediction with respect to intercept and coefficients."""
    slope = weights * model.slope(features) / weights.mean()
    return np.concatenate([[slope.mean()], slope @ features / len(features)])
