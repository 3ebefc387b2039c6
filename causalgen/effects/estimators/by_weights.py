"""Estimators whose bootstrap reweights the rows and keeps their design."""

from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from .adjustment import AdjustmentEstimator, Array, Arrays, Stated

__all__ = ["ByWeights"]


class ByWeights(AdjustmentEstimator):
    """An estimator without an analytic interval, whose two means are a function of the weights of the rows.

    A row that a bootstrap draws twice gets twice the weight. So the design (basis, cells, features) is built once, from
    all rows, and a resample only repeats the fits. A subclass gives `_by_weights`.
    """

    @abstractmethod
    def _by_weights(self, arrays: Arrays, control: float, treated: float) -> Callable[[Array], Array]:
        """The means under both values, the control first, `(2,)`, by the rows' weights, `(rows,)`; some may be 0."""

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Stated:
        self._means, self._weights = self._by_weights(arrays, control, treated), arrays.weights
        means = self._means(arrays.weights)
        return Stated(float(means[1] - means[0]), np.nan, means)

    def reweighted(self, counts: Array) -> Array:
        """The two means if each row of the fitted table counts `counts` times, shape `(rows,)`."""
        weights = self._weights * counts
        return self._means(weights / weights.mean())
