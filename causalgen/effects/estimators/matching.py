"""Nearest-neighbour matching with bias correction."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .outcome_model import OutcomeModel

__all__ = ["Matching"]


class Matching(AdjustmentEstimator):
    r"""Match every row with its nearest neighbours under the other value, and correct for the remaining distance.

    Neighbours are found with replacement, by the Mahalanobis distance of the covariates; rows with equal covariates are
    neighbours together, so that the order of the rows has no influence. With :math:`s` marking the population,
    :math:`K_i` how often row i served as one of M neighbours of a row in it, and :math:`\mu_v` the linear regression of
    the outcome among rows with treatment v, the estimate is

    .. math:: \hat\tau = \frac{1}{\sum_i s_i} \sum_i s_i (\mu_b - \mu_a)
        + (1[t_i = b] - 1[t_i = a]) (s_i + K_i / M) (y_i - \mu_{t_i})

    which is the bias-corrected matching estimator, written as a sum of asymptotically independent terms: their
    spread gives a consistent standard error. The ordinary bootstrap is not valid for matching. DoWhy's matching
    estimators give no standard error and do not correct the bias.

    References:
        Abadie and Imbens (2006, 2008, 2011); Otsu and Rai (2017), Bootstrap inference of matching estimators.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        neighbours: Number of neighbours of a row (M).
    """

    def __init__(self, identified_estimand: IdentifiedEstimand, *, neighbours: int = 3, **options: Any) -> None:
        super().__init__(identified_estimand, **options)
        self.neighbours = neighbours

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        features = _standardised(arrays.covariates)
        target = {"treated": treated, "control": control}.get(arrays.population)
        belongs = np.ones(len(features)) if target is None else (arrays.treatment == target).astype(float)
        scores = np.zeros((2, len(features)))
        for score, value in zip(scores, (control, treated), strict=True):
            own = arrays.treatment == value
            mean = OutcomeModel().fit(features[own], arrays.outcome[own]).predict(features)
            used = self._used(features, own, ~own & (belongs > 0))
            score += belongs * mean + own * (belongs + used) * (arrays.outcome - mean)
        size = belongs.mean()
        means = scores.mean(axis=1) / size
        return Influence.of_means(means, (scores - means[:, None] * belongs) / size, arrays.clusters)

    def _used(self, features: Array, own: NDArray[np.bool_], seekers: NDArray[np.bool_]) -> Array:
        """How often each row served as a neighbour, as a share of the matched row's number of neighbours."""
        used = np.zeros(len(own))
        if seekers.any():
            places, place, rows = np.unique(features[own], axis=0, return_inverse=True, return_counts=True)
            nearest = NearestNeighbors(n_neighbors=min(self.neighbours, len(places))).fit(places)
            found = nearest.kneighbors(features[seekers], return_distance=False)
            before = np.cumsum(rows[found], axis=1) - rows[found]
            taken = before < self.neighbours  # rows at equal covariates are taken together, until M or more are found
            share = taken / np.sum(rows[found] * taken, axis=1, keepdims=True)
            used[own] = np.bincount(found.ravel(), weights=share.ravel(), minlength=len(places))[place.ravel()]
        return used


def _standardised(covariates: Array) -> Array:
    """Covariates in which Euclidean distance is Mahalanobis distance; constant ones are left out."""
    varying = covariates[:, covariates.std(axis=0) > 0]
    centred = varying - varying.mean(axis=0)
    if not centred.shape[1]:
        return np.zeros((len(covariates), 1))
    covariance = centred.T @ centred / len(centred)
    ridge = 1e-8 * np.diag(np.diag(covariance))
    return np.linalg.solve(np.linalg.cholesky(covariance + ridge), centred.T).T
