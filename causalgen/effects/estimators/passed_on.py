r"""What cross-fitted outcome models pass on: the weight of an outcome in an estimate beyond that in its row's score.

A score :math:`w_i (y_i - m(x_i)) + s_i m(x_i)` counts :math:`y_i` once, with the weight :math:`w_i`. But the models of the
other folds were fitted on :math:`y_i`, too. It moves the summed scores of fold k by

.. math:: r_i^k = \varphi(x_i)^\top H_k^{-1} \sum_{j \in k} (s_j - w_j)\, m'(x_j)\, \varphi(x_j)

where H is the curvature of the fit. The sum is 0 if the weights balance the features exactly, and negligible in the limit
(Neyman orthogonality). In a table of 1,000 rows, regularised or truncated propensities leave imbalance, which the outcome
model has to carry, with its sampling error. Given treatments and covariates, the estimate is linear in the outcomes (exactly
for ridge regressions with given penalties), and :math:`y_i` has the weight :math:`w_i + \sum_k r_i^k`. A standard error that
counts :math:`w_i` alone is too small.

References:
    Chernozhukov et al. (2018), Double/debiased machine learning, for the limit; Bruns-Smith, Dukes, Feller and Ogburn (2025),
    Augmented balancing weights as linear regression.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .folds import Rows
from .outcome_model import OutcomeModel

__all__ = ["FittedFold", "NestedFit", "passed_on", "passed_through"]

Array = NDArray[np.float64]


class FittedFold(NamedTuple):
    """The outcome models of one fold.

    Attributes:
        score: The rows that they predict.
        models: A model for each arm.
        sizes: Number of rows that each was fitted on.
        slopes: Derivative of the predictions by the linear index, shape `(arms, len(score))`.
    """

    score: Rows
    models: Sequence[OutcomeModel]
    sizes: Sequence[int]
    slopes: Array


def passed_on(features: Array, folds: Sequence[FittedFold], slack: Array) -> tuple[Array, Array]:
    """Weights that the outcome models add to the outcomes of the rows of each arm, and their errors per residual.

    A residual out of fold holds the error of the row and that of the model, which is not part of it: with p degrees of freedom
    on n rows, its variance is 1 + p / n times that of the error. Both results have the shape `(arms, rows)`.

    Args:
        features: Features of the outcome models, `(rows, features)`.
        folds: The models; the scored rows of all folds are all rows.
        slack: Weight of each row's predicted mean in the sum of the scores, sampling weights included, `(arms, rows)`.
    """
    moved = np.stack([_moved(features[fold.score], fold, slack[:, fold.score]) for fold in folds])
    others = moved.sum(axis=0) - moved
    added, errors = np.zeros_like(slack), np.ones_like(slack)
    for fold, coefficients in zip(folds, others, strict=True):
        added[:, fold.score] = coefficients[:, 1:] @ features[fold.score].T + coefficients[:, :1]
        own = [1 + model.freedom / rows for model, rows in zip(fold.models, fold.sizes, strict=True)]
        errors[:, fold.score] = 1 / np.sqrt(own)[:, None]
    return added, errors


def _moved(features: Array, fold: FittedFold, slack: Array) -> Array:
    """Coefficients by which the outcomes that a fold's models were fitted on move its scores, `(arms, 1 + features)`."""
    pull = slack * fold.slopes
    gradients = np.column_stack([pull.sum(axis=1), pull @ features])
    return np.stack([model.passed_on(own) for model, own in zip(fold.models, gradients, strict=True)])


class NestedFit(NamedTuple):
    """One of the nested regressions of a fold, each fitted on the predictions of the next, the last on the outcome.

    Attributes:
        model: The fitted regression.
        scored: Features of the scored rows.
        fitted: Features of the rows that the fold's regressions may be fitted on.
        members: Which of these this one was fitted on.
        slack: Weight of its predictions in the sum of the scores, sampling weights included, one for each scored row.
    """

    model: OutcomeModel
    scored: Array
    fitted: Array
    members: NDArray[np.bool_]
    slack: Array


def passed_through(stages: Sequence[NestedFit], weights: Array) -> Array:
    """Weights that nested regressions add to what each was fitted on, `(stages, fitted rows)`.

    Args:
        stages: The regressions of a fold, the one of the outcome last.
        weights: Sampling weights of the fitted rows.
    """
    passed = np.zeros((len(stages), len(weights)))
    before = np.zeros(len(weights))
    for own, (model, scored, fitted, members, slack) in zip(passed, stages, strict=True):
        there, here = slack * model.slope(scored), weights * before * model.slope(fitted)
        moved = model.passed_on(np.append(there.sum() + here.sum(), there @ scored + here @ fitted))
        own[:] = before = members * (fitted @ moved[1:] + moved[0])
    return passed
