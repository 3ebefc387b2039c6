"""Cross-fitted doubly robust estimation of the effect of a binary treatment."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .basis import FlexibleBasis
from .outcome_model import OutcomeModel

__all__ = ["DoublyRobust"]


class DoublyRobust(AdjustmentEstimator):
    r"""Augmented inverse propensity weighting (AIPW) with cross-fitted nuisance models.

    .. math:: \hat\tau = \frac1n \sum_i m_1(z_i) - m_0(z_i)
        + \frac{t_i (y_i - m_1(z_i))}{e(z_i)} - \frac{(1 - t_i)(y_i - m_0(z_i))}{1 - e(z_i)}

    Consistent when the outcome model m or the propensity model e is right; rows are scored by models that were
    fitted without them. The treatment is 0 or 1.

    References:
        Robins, Rotnitzky and Zhao (1994); Chernozhukov et al. (2018), Double/debiased machine learning.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        outcome_model: sklearn regressor, cloned for each fold and arm.
        propensity_model: sklearn classifier, cloned for each fold.
        clip: Least distance of a propensity from 0 and 1.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        outcome_model: BaseEstimator | None = None,
        propensity_model: BaseEstimator | None = None,
        clip: float = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.outcome_model = OutcomeModel() if outcome_model is None else outcome_model
        self.propensity_model = propensity_model or LogisticRegression(solver="newton-cholesky", max_iter=100)
        self.clip = clip

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        treatment, outcome, covariates = arrays
        arm = treatment == treated
        features = FlexibleBasis(covariates)(covariates)
        mean = np.zeros((2, len(arm)))
        propensity = np.zeros(len(arm))
        for fit, score in StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(features, arm):
            classifier = clone(self.propensity_model).fit(features[fit], arm[fit])
            propensity[score] = classifier.predict_proba(features[score])[:, 1]
            for which in (0, 1):
                rows = fit[arm[fit] == which]
                regression = clone(self.outcome_model).fit(features[rows], outcome[rows])
                mean[which, score] = regression.predict(features[score])
        return _augmented(arm, outcome, mean, np.clip(propensity, self.clip, 1 - self.clip))


def _augmented(arm: np.ndarray, outcome: Array, mean: Array, propensity: Array) -> Influence:
    correction = np.where(arm, (outcome - mean[1]) / propensity, -(outcome - mean[0]) / (1 - propensity))
    score = mean[1] - mean[0] + correction
    return Influence(float(score.mean()), score - score.mean())
