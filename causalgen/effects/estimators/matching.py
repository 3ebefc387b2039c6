"""Nearest-neighbour matching with bias correction."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from sklearn.neighbors import NearestNeighbors

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .outcome_model import OutcomeModel

__all__ = ["Matching"]


class Matching(AdjustmentEstimator):
    r"""Match every row with its nearest neighbours in the other arm, and correct what distance is left.

    Neighbours are found with replacement, by the Mahalanobis distance of the covariates. With :math:`K_i` how often
    row i served as a neighbour of M and :math:`\mu_t` the linear regression of the outcome in arm t, the estimate is

    .. math:: \hat\tau = \frac1n \sum_i \mu_1(z_i) - \mu_0(z_i) + (2 t_i - 1)(1 + K_i / M)(y_i - \mu_{t_i}(z_i))

    which is the bias-corrected matching estimator written as a sum of independent-looking terms; their spread is a
    consistent standard error. The ordinary bootstrap is not valid for matching and is refused. DoWhy's matching
    estimators state no standard error and correct no bias.

    References:
        Abadie and Imbens (2006, 2008, 2011); Otsu and Rai (2017), Bootstrap inference of matching estimators.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        neighbours: Neighbours of a row (M).
    """

    def __init__(self, identified_estimand: IdentifiedEstimand, *, neighbours: int = 3, **options: Any) -> None:
        super().__init__(identified_estimand, **options)
        self.neighbours = neighbours

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        arm = arrays.treatment == treated
        features = _standardised(arrays.covariates)
        used = np.zeros(len(arm))
        mean = np.zeros((2, len(arm)))
        for which in (False, True):
            rows = np.flatnonzero(arm == which)
            mean[int(which)] = OutcomeModel().fit(features[rows], arrays.outcome[rows]).predict(features)
            found = NearestNeighbors(n_neighbors=self.neighbours).fit(features[rows])
            matches = rows[found.kneighbors(features[arm != which], return_distance=False)]
            used += np.bincount(matches.ravel(), minlength=len(arm)) / self.neighbours
        belongs = {"whole": np.ones(len(arm)), "treated": arm, "control": ~arm}[arrays.population].astype(float)
        weight = 1 + used if arrays.population == "whole" else np.where(belongs, 1, used)
        residual = arrays.outcome - np.where(arm, mean[1], mean[0])
        score = belongs * (mean[1] - mean[0]) + np.where(arm, weight, -weight) * residual
        size = belongs.mean()
        effect = float(score.mean() / size)
        return Influence(effect, (score - effect * belongs) / size, arrays.clusters)


def _standardised(covariates: Array) -> Array:
    """Covariates in which Euclidean distance is Mahalanobis distance; constant ones are left out."""
    varying = covariates[:, covariates.std(axis=0) > 0]
    centred = varying - varying.mean(axis=0)
    if not centred.shape[1]:
        return np.zeros((len(covariates), 1))
    covariance = centred.T @ centred / len(centred)
    ridge = 1e-8 * np.diag(np.diag(covariance))
    return np.linalg.solve(np.linalg.cholesky(covariance + ridge), centred.T).T
