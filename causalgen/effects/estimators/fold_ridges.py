"""Ridge regressions in every arm that leave out one fold each, from second moments summed by fold and arm."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .adjustment import Array, Arrays
from .folds import Rows
from .outcome_model import OutcomeModel, second_moments, within_reach
from .passed_on import FittedFold

__all__ = ["fold_ridges"]


def fold_ridges(
    features: Array,
    arrays: Arrays,
    arm: NDArray[np.int64],
    folds: Sequence[tuple[Rows, Rows]],
    shares: Mapping[int, Mapping[str, float]],
    grams: Array | None = None,
) -> tuple[Array, Array, list[FittedFold]]:
    """Out-of-fold means of the outcome in both arms, `(2, rows)`, the moments of the features, and the models.

    The regressions are those of `OutcomeModel` with given penalties. Each row enters the moments only once, instead of
    once for every fold in which it is used.

    Args:
        features: Features of the covariates, `(rows, features)`.
        arrays: Outcome and sampling weights.
        arm: Arm of every row: 1 or 2, or 0 for neither.
        folds: Rows to fit on and rows to score; the scored rows of all folds are all rows.
        shares: For every fold the penalty of the models "outcome 0" and "outcome 1", as a share of their rows.
        grams: The moments of the same features, arms, folds and weights; None to compute them.
    """
    cells = [[score[arm[score] == which] for which in (1, 2)] for _, score in folds]
    if grams is None:
        grams = np.stack(
            [np.stack([second_moments(features[own], arrays.weights[own]) for own in pair]) for pair in cells]
        )
    moments = np.stack([np.stack([_with_outcome(features, arrays, own) for own in pair]) for pair in cells])
    counts = np.array([[len(own) for own in pair] for pair in cells])
    mean, fitted = np.zeros((2, len(features))), []
    for number, (fit, score) in enumerate(folds):
        models, slopes = [], np.zeros((2, len(score)))
        for which in (0, 1):
            rest = np.arange(len(folds)) != number
            penalty = shares[number][f"outcome {which}"] * counts[rest, which].sum()
            model = OutcomeModel(penalty=penalty)
            model.fit_moments(grams[rest, which].sum(axis=0), moments[rest, which].sum(axis=0))
            means = model.predict(features)
            mean[which, score] = within_reach(means[score], means[fit], arrays.outcome[fit])
            slopes[which] = mean[which, score] == means[score]
            models.append(model)
        fitted.append(FittedFold(score, models, counts[rest].sum(axis=0).tolist(), slopes))
    return mean, grams, fitted


def _with_outcome(features: Array, arrays: Arrays, rows: Rows) -> Array:
    """Weighted products of the outcome with an intercept and the features."""
    weighted = arrays.weights[rows] * arrays.outcome[rows]
    return np.concatenate([[weighted.sum()], weighted @ features[rows]])
