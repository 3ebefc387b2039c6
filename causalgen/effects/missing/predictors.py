"""Chooses the features from which missing values are drawn: the fewest that predict the column best."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..estimators.basis import FlexibleBasis

__all__ = ["choose_features"]

Array = NDArray[np.float64]
Features = Callable[[Array], Array]

ROWS_FOR_CHOICE = 2_000
ROWS_PER_FEATURE = 10


def choose_features(columns: Array, values: Array, leading: int) -> Features:
    """The features with the lowest leave-one-out error of a linear regression; more only if they gain a standard error.

    The candidates are the columns themselves; the columns with the squares of the leading ones and their products with
    all others, which capture a treatment effect that differs between rows; and the flexible basis. Features that the
    column does not need would make its imputed values noisy, which biases the coefficients of the others.

    Args:
        columns: Columns of the rows with a value, shape `(rows, columns)`.
        values: Their values, shape `(rows,)`, or an indicator of each label, shape `(rows, labels)`.
        leading: How many of the first columns are treatments and outcome.

    Returns:
        A map from columns to features, shape `(rows, features)`.
    """
    few = np.linspace(0, len(columns) - 1, min(len(columns), ROWS_FOR_CHOICE)).astype(int)
    candidates: list[Features] = [_Standard(columns, 0)]
    more = _Standard(columns, leading)
    if leading and more.width * ROWS_PER_FEATURE <= len(columns):
        candidates.append(more)
    candidates.append(FlexibleBasis(columns))
    chosen, least = candidates[0], _left_out_errors(candidates[0](columns[few]), values[few])
    for features in candidates[1:]:
        errors = _left_out_errors(features(columns[few]), values[few])
        gain = least - errors
        if gain.mean() > gain.std() / np.sqrt(len(gain)):
            chosen, least = features, errors
    return chosen


class _Standard:
    """The standardised columns, with the products of the leading ones with all columns."""

    def __init__(self, columns: Array, leading: int) -> None:
        self.centre, self.leading = columns.mean(axis=0), leading
        spread = columns.std(axis=0)
        self.kept = spread > 1e-8 * np.maximum(np.abs(self.centre), 1)
        self.spread = spread[self.kept]
        count = len(self.spread)
        self.width = count * (1 + leading)

    def __call__(self, columns: Array) -> Array:
        standard = ((columns - self.centre)[:, self.kept]) / self.spread
        first = range(int(self.kept[: self.leading].sum()))
        return np.hstack([standard, *(standard[:, [place]] * standard[:, place:] for place in first)])


def _left_out_errors(features: Array, values: Array) -> Array:
    """Squared error of each row's prediction from the other rows, in closed form."""
    left, sizes, _ = np.linalg.svd(np.column_stack([np.ones(len(features)), features]), full_matrices=False)
    left = left[:, sizes > 1e-8 * sizes[0]]
    own = np.clip(1 - (left**2).sum(axis=1), 1e-3, 1)
    residuals = values - left @ (left.T @ values)
    errors: Array = (residuals.T / own).reshape(-1, len(own)) ** 2
    return errors.sum(axis=0)
