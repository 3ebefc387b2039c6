"""Estimators whose bootstrap weighs the rows again and keeps their design."""

from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from .adjustment import AdjustmentEstimator, Array, Arrays, Stated

__all__ = ["ByWeights"]


class ByWeights(AdjustmentEstimator):
    """An estimator without an analytic interval, whose effect is a function of the weights of the rows.

    A row that a bootstrap draws twice counts twice. So the design (basis, cells, features) is made once, from all rows, and a
    resample costs only the fits. A subclass gives `_by_weights`.
    """

    @abstractmethod
    def _by_weights(self, arrays: Arrays, control: float, treated: float) -> Callable[[Array], float]:
        """The effect as a function of the rows' weights, shape `(rows,)`; some of them may be 0."""

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Stated:
        self._effect, self._weights = self._by_weights(arrays, control, treated), arrays.weights
        return Stated(self._effect(arrays.weights), np.nan)

    def reweighted(self, counts: Array) -> float:
        """The effect where each row of the fitted table counts `counts` times, shape `(rows,)`."""
        weights = self._weights * counts
        return self._effect(weights / weights.mean())
