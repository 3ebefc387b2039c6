"""Predicts a column from the covariates with boosted trees, a model form that differs from those of the estimators."""

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from ..estimators.folds import Rows, cross_folds

__all__ = ["boosted_prediction"]

Array = NDArray[np.float64]

FOLDS = 5


def boosted_prediction(columns: Array, target: Array, clusters: Rows | None = None) -> Array:
    """Predict every row by trees grown without it and its cluster, shape `(rows,)`.

    Trees that had seen a row would absorb part of its residual.
    """
    if not columns.shape[1]:
        return np.full(len(target), target.mean())
    expected = np.zeros(len(target))
    model = HistGradientBoostingRegressor(
        max_iter=50,
        max_leaf_nodes=8,
        min_samples_leaf=max(20, len(target) // 50),
        early_stopping=False,
        random_state=0,
    )
    for fit, score in cross_folds(len(target), FOLDS, 0, clusters=clusters):
        expected[score] = model.fit(columns[fit], target[fit]).predict(columns[score])
    return expected
