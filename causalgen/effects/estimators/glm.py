"""Standardisation by a generalised linear model of a binary or bounded outcome."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .outcome_model import OutcomeModel

__all__ = ["GeneralizedLinear"]

PENALTY = 1e-6  # keeps the fit finite if the outcome is separated; too small to change an estimate


class GeneralizedLinear(AdjustmentEstimator):
    r"""Logistic (binary outcome) or fractional logistic (bounded outcome) regression, averaged over a population.

    .. math:: \hat\tau = \frac{\sum_i s_i (m(b, z_i) - m(a, z_i))}{\sum_i s_i}

    where m has the treatment and every covariate as main effects and s marks the rows of the population. It is right if
    m is. The interval adds the uncertainty of the coefficients (M-estimation, robust) to that of the average.
    statsmodels' GLM gives the same effect in 3 to 10 times the time (10,000 x 20 and 747 x 25) and 3 times the memory.

    References:
        Papke and Wooldridge (1996).

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        bounds: Least and greatest value of the outcome.
        discrete: Whether treatment values are codes, each with a separate coefficient.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        bounds: tuple[float, float] = (0.0, 1.0),
        discrete: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.bounds = bounds
        self.discrete = discrete

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        levels = np.unique(arrays.treatment)[1:] if self.discrete else None
        spread = arrays.covariates.std(axis=0)
        covariates = (arrays.covariates - arrays.covariates.mean(axis=0))[:, spread > 0] / spread[spread > 0]
        seen = _design(arrays.treatment, covariates, levels)
        model = OutcomeModel(self.bounds, penalty=PENALTY).fit(seen, arrays.outcome, arrays.weights)
        under = [_design(np.full(len(seen), value), covariates, levels) for value in (control, treated)]
        expected, share = np.stack([model.predict(features) for features in under]), arrays.share(control, treated)
        means = expected @ share / len(share)
        gradient = np.column_stack([_mean_gradient(model, features, share) for features in under])
        coefficients, offset = model.representer(seen, gradient, arrays.weights)
        residual = arrays.weights * (arrays.outcome - model.predict(seen))
        pulls = share * (expected - means[:, None]) + residual * (seen @ coefficients + offset).T
        return Influence.of_means(means, pulls - pulls.mean(axis=1, keepdims=True), arrays.clusters)


def _design(treatment: Array, covariates: Array, levels: Array | None) -> Array:
    columns = treatment[:, None] if levels is None else (treatment[:, None] == levels).astype(float)
    return np.hstack([columns, covariates])


def _mean_gradient(model: OutcomeModel, features: Array, share: Array) -> Array:
    """Derivative of the mean prediction with respect to intercept and coefficients."""
    slope = share * model.slope(features)
    return np.concatenate([[slope.mean()], slope @ features / len(features)])
