"""Flexible g-computation (standardisation) of the effect of a continuous treatment."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from sklearn.base import clone
from sklearn.model_selection import KFold

from .adjustment import AdjustmentEstimator, Arrays, Influence
from .basis import FlexibleBasis
from .outcome_model import OutcomeModel

__all__ = ["GComputation"]


class GComputation(AdjustmentEstimator):
    r"""Average a flexible outcome regression over the rows, under the two treatment values.

    .. math:: \hat\tau = \frac1n \sum_i m(b, z_i) - m(a, z_i)

    The regression m, on splines and products of treatment and covariates, is cross-fitted: a row is predicted by a
    model fitted without it. The interval adds what the coefficients leave uncertain (delta method, robust to unequal
    residual variance) to the variation of the effect over rows.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        outcome_model: Regression on features; `OutcomeModel(bounds)` for a bounded outcome.
    """

    def __init__(
        self, identified_estimand: IdentifiedEstimand, *, outcome_model: OutcomeModel | None = None, **options: Any
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.outcome_model = OutcomeModel() if outcome_model is None else outcome_model

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        treatment, outcome, covariates = arrays
        columns = np.column_stack([treatment, covariates])
        basis = FlexibleBasis(columns)
        seen = basis(columns)
        columns[:, 0] = control
        under_control = basis(columns)
        columns[:, 0] = treated
        under_treated = basis(columns)

        effect, correction = np.zeros(len(outcome)), np.zeros(len(outcome))
        for fit, score in KFold(self.folds, shuffle=True, random_state=self.seed).split(seen):
            model = clone(self.outcome_model).fit(seen[fit], outcome[fit])
            effect[score] = model.predict(under_treated[score]) - model.predict(under_control[score])
            gradient = _mean_gradient(model, under_treated[fit]) - _mean_gradient(model, under_control[fit])
            weights, offset = model.representer(seen[fit], gradient)
            correction[score] = (seen[score] @ weights + offset) * (outcome[score] - model.predict(seen[score]))
        influence = effect + correction
        return Influence(float(effect.mean()), influence - influence.mean())


def _mean_gradient(model: OutcomeModel, features: np.ndarray) -> np.ndarray:
    """Derivative of the mean prediction by intercept and coefficients."""
    slope = model.slope(features)
    return np.concatenate([[slope.mean()], slope @ features / len(features)])
