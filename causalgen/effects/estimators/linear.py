"""Linear regression on treatment and covariates."""

from typing import Any

import numpy as np
import statsmodels.api as sm
from dowhy.causal_identifier import IdentifiedEstimand

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .outcome_model import OutcomeModel

__all__ = ["LinearAdjustment", "partialled_out", "remainder"]


class LinearAdjustment(AdjustmentEstimator):
    r"""Ordinary least squares of the outcome on treatment and covariates; the effect is slope times contrast.

    .. math:: \hat\tau = (b - a) \frac{\sum_i w_i \tilde t_i \tilde y_i}{\sum_i w_i \tilde t_i^2}

    where a tilde marks the residual of a linear regression on the covariates (Frisch, Waugh and Lovell). Fitted by
    statsmodels; interval: HC1, or Stata's cluster-robust one, from the influence of every row. With an empty adjustment
    set this is the naive difference (binary) or the naive slope (continuous). DoWhy's linear estimator gives the same
    number, but takes neither weights nor clusters, and writes a summary of the regression whenever a refuter fits it.
    The means under both values are those of the fitted line over the population (none for the overlap, which needs a
    propensity).

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        discrete: Whether treatment values are codes: the two compared ones become an indicator, every other one a
            separate covariate.
    """

    def __init__(self, identified_estimand: IdentifiedEstimand, *, discrete: bool = False, **options: Any) -> None:
        super().__init__(identified_estimand, **options)
        self.discrete = discrete

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        treatment, values = arrays.treatment, np.array([control, treated])
        others: list[Array] = []
        if self.discrete:
            rest = [value for value in np.unique(treatment) if value not in (control, treated)]
            others = [(treatment == value).astype(float) for value in rest]
            treatment, values = (treatment == treated).astype(float), np.array([0.0, 1.0])
        change, held = float(values[1] - values[0]), [np.ones(len(treatment)), *_standardised(arrays.covariates).T]
        design = np.column_stack([treatment, *held, *others])
        fitted = sm.WLS(arrays.outcome, design, arrays.weights).fit()
        influence = change * len(design) * fitted.model.pinv_wexog[0] * fitted.wresid
        scale = np.sqrt((len(design) - 1) / (len(design) - fitted.model.rank))  # HC1, or Stata's for clusters
        found = Influence(change * float(fitted.params[0]), scale * (influence - influence.mean()), arrays.clusters)
        if arrays.population == "overlap":
            return found
        share = arrays.share(control, treated)
        middle = np.concatenate([share @ np.column_stack(held) / len(share), np.zeros(len(others))])
        level = np.column_stack(held) @ fitted.params[1 : 1 + len(held)]
        common = len(design) * (middle @ fitted.model.pinv_wexog[1:]) * fitted.wresid
        common += share * (level - middle @ fitted.params[1:])
        own = len(design) * fitted.model.pinv_wexog[0] * fitted.wresid
        pulls = scale * (common + values[:, None] * own)
        means = middle @ fitted.params[1:] + values * fitted.params[0]
        return found._replace(means=means, pulls=pulls - pulls.mean(axis=1, keepdims=True))


def partialled_out(treatment: Array, outcome: Array, arrays: Arrays, change: float) -> Influence:
    """Slope of the outcome's residuals on the treatment's, times the change of the treatment."""
    slope = np.sum(arrays.weights * treatment * outcome) / (information := np.sum(arrays.weights * treatment**2))
    influence = arrays.weights * treatment * (outcome - slope * treatment) * (len(outcome) / information)
    return Influence(float(change * slope), change * (influence - influence.mean()), arrays.clusters)


def remainder(covariates: Array, values: Array, weights: Array) -> Array:
    """Residuals of a linear regression on the covariates."""
    features = _standardised(covariates)
    return values - OutcomeModel(penalty=0.0).fit(features, values, weights).predict(features)


def _standardised(covariates: Array) -> Array:
    spread = covariates.std(axis=0)
    return (covariates[:, spread > 0] - covariates.mean(axis=0)[spread > 0]) / spread[spread > 0]
