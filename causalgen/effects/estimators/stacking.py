"""Short-stacking: learners combined by the weights that predict best out of fold."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from .folds import Rows
from .learners import Learner, Prediction, at_most

__all__ = ["gains", "is_stacked", "stack", "stack_remark", "stack_weights"]

Array = NDArray[np.float64]
Folds = Sequence[tuple[Rows, Rows]]

ROWS_TO_TRY = 20_000
SIGNIFICANT = 2.0
LEAST_GAIN = 0.005
HEAVY = 1e3  # weight of the sum-to-1 constraint in the least squares


def stack(base: Array, asked: Prediction, folds: Folds, learners: Mapping[str, Learner]) -> tuple[Array, Array]:
    """Combine out-of-fold predictions of the spline model with those of the learners.

    The weights come from the same out-of-fold predictions that they combine: since all rows together determine these
    few numbers, no further split inside the folds is needed.

    Args:
        base: Out-of-fold predictions of the spline model, `(arms, rows)`.
        asked: What is predicted.
        folds: Rows to fit on and rows to score.
        learners: The learners, by name.

    Returns:
        The combination, `(arms, rows)`, and the weights, the spline model's first, `(arms, 1 + learners)`.

    References:
        van der Laan, Polley and Hubbard (2007), Super learner; Ahrens, Hansen, Schaffer and Wiemann (2025), Model
        averaging and double machine learning.
    """
    found = np.stack([base, *(np.zeros_like(base) for _ in learners)])
    for place, learner in enumerate(learners.values(), start=1):
        for fit, score in folds:
            found[place][:, score] = learner(asked, fit, score)
    weights = [
        stack_weights(found[:, which, rows], asked.target[rows], asked.weights[rows])
        for which, rows in enumerate(asked.arms)
    ]
    return np.stack([own @ found[:, which] for which, own in enumerate(weights)]), np.stack(weights)


def stack_weights(predictions: Array, target: Array, weights: Array) -> Array:
    """Weights of at least 0 with sum 1 and the least squared error, `(learners,)`.

    >>> right, wrong = np.arange(4.0), np.zeros(4)
    >>> stack_weights(np.stack([right, wrong]), np.arange(4.0), np.ones(4)).round(3)
    array([1., 0.])
    """
    root = np.sqrt(weights)
    spread = np.sqrt(weights @ target**2) or 1.0
    design = np.vstack([(predictions * root).T, np.full(len(predictions), HEAVY * spread)])
    found = nnls(design, np.append(target * root, HEAVY * spread))[0]
    return found / found.sum()


def stack_remark(role: str, names: Sequence[str], weights: Array) -> str:
    """The mean weight of each learner, as a sentence of a note.

    >>> stack_remark("outcome", ["splines", "trees"], np.array([[0.75, 0.25]]))
    ' Stack for the outcome: splines 75%, trees 25%.'
    """
    shares = zip(names, weights.mean(axis=0), strict=True)
    return f" Stack for the {role}: {', '.join(f'{name} {share:.0%}' for name, share in shares)}."


def is_stacked(note: str) -> bool:
    """Whether a note holds a `stack_remark`.

    >>> is_stacked("By trees. Stack for the outcome: splines 75%, trees 25%."), is_stacked("Adjusts for 'Stack for'.")
    (True, False)
    """
    return re.search(r" Stack for the [^:]+: splines \d+%", note) is not None


def gains(base: Array, asked: Prediction, fold: tuple[Rows, Rows], learner: Learner) -> bool:
    """Whether a learner finds structure that the spline model misses: their mean predicts a fold better than the model.

    "Better" means a squared error that is lower by at least 0.5 % and by two standard errors.
    """
    fit, score = at_most(fold[0], ROWS_TO_TRY), at_most(fold[1], ROWS_TO_TRY)
    score = score[asked.arms[:, score].any(axis=0)]
    arm = asked.arms[:, score].argmax(axis=0)
    own = base[arm, score]
    tried = (own + learner(asked, fit, score)[arm, np.arange(len(score))]) / 2
    target, weights = asked.target[score], asked.weights[score]
    before = weights * (target - own) ** 2
    saved = before - weights * (target - tried) ** 2
    error = saved - saved.mean()
    if asked.clusters is not None:
        error = np.bincount(np.unique(asked.clusters[score], return_inverse=True)[1], weights=error)
    return bool(saved.sum() > max(SIGNIFICANT * np.sqrt((error**2).sum()), LEAST_GAIN * before.sum()))
