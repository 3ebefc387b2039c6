"""Learners that are stacked with the spline model; each predicts rows that it has not seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.preprocessing import StandardScaler

from .folds import Rows
from .outcome_model import OutcomeModel

__all__ = ["LIBRARY", "Learner", "Prediction", "at_most", "boosting", "extra_trees", "linear"]

Array = NDArray[np.float64]

MOST_ROWS = 100_000
TREES = 100


@dataclass(frozen=True)
class Prediction:
    """A prediction task given the covariates: an outcome in two arms, or the membership of an arm.

    Attributes:
        target: What is predicted, `(rows,)`.
        arms: Rows that belong to each arm, `(arms, rows)`; one arm with all rows for a membership.
        columns: Covariates as numbers, an indicator for every category but the first, `(rows, columns)`.
        coded: Covariates with categories as codes, which trees split in order, `(rows, covariates)`.
        weights: Sampling weights, `(rows,)`.
        clusters: Number of each row's cluster, `(rows,)`; None when rows are independent.
        bounds: Least and greatest value of the target; None for one without limits.
        seed: Seed of all random numbers.
    """

    target: Array
    arms: NDArray[np.bool_]
    columns: Array
    coded: Array
    weights: Array
    clusters: Rows | None
    bounds: tuple[float, float] | None
    seed: int

    def within(self, values: Array) -> Array:
        """Clip values to the bounds."""
        return values if self.bounds is None else np.clip(values, *self.bounds)

    def pooled(self, rows: Rows) -> tuple[Rows, Array]:
        """Those of the rows that are in an arm, and their columns for trees: two arms share a model that knows the arm."""
        rows = rows[self.arms[:, rows].any(axis=0)]
        return rows, self._with_arm(rows, self.arms[-1, rows])

    def in_arm(self, rows: Rows, arm: int) -> Array:
        """The columns for trees, with all rows set to an arm."""
        return self._with_arm(rows, np.full(len(rows), arm))

    def sample_weight(self, rows: Rows) -> Array | None:
        """Sampling weights of the rows; None if all are equal, since weights make boosted trees slow."""
        own = self.weights[rows]
        return own if np.ptp(own) else None

    def _with_arm(self, rows: Rows, arm: NDArray) -> Array:
        return np.column_stack([self.coded[rows], arm]) if len(self.arms) > 1 else self.coded[rows]


Learner = Callable[[Prediction, Rows, Rows], Array]
"""Predictions `(arms, scored)` of the rows to score, by a model of the rows to fit on."""


def boosting(asked: Prediction, fit: Rows, score: Rows) -> Array:
    """Gradient boosting of trees with 8 leaves, stopped early by rows set aside; with clusters after 100 trees."""
    rows, columns = asked.pooled(at_most(fit, MOST_ROWS))
    target, stops = asked.target[rows], asked.clusters is None
    steps = {"max_iter": 600 if stops else 100, "early_stopping": stops, "validation_fraction": 0.15}
    shared = steps | {"max_leaf_nodes": 8, "n_iter_no_change": 15, "random_state": asked.seed}
    if np.isin(target, (0.0, 1.0)).all() and np.ptp(target):
        model = HistGradientBoostingClassifier(
            learning_rate=0.05, min_samples_leaf=20, l2_regularization=5.0, **shared
        ).fit(columns, target, asked.sample_weight(rows))
        return np.stack([model.predict_proba(asked.in_arm(score, arm))[:, 1] for arm in range(len(asked.arms))])
    model = HistGradientBoostingRegressor(learning_rate=0.1, min_samples_leaf=10, l2_regularization=1.0, **shared)
    model.fit(columns, target, asked.sample_weight(rows))
    return asked.within(np.stack([model.predict(asked.in_arm(score, arm)) for arm in range(len(asked.arms))]))


def extra_trees(asked: Prediction, fit: Rows, score: Rows) -> Array:
    """Extremely randomised trees with at least 5 rows a leaf."""
    rows, columns = asked.pooled(at_most(fit, MOST_ROWS))
    model = ExtraTreesRegressor(TREES, min_samples_leaf=5, max_features=0.5, random_state=asked.seed)
    model.fit(columns, asked.target[rows], asked.sample_weight(rows))
    return np.stack([model.predict(asked.in_arm(score, arm)) for arm in range(len(asked.arms))])


def linear(asked: Prediction, fit: Rows, score: Rows) -> Array:
    """Ridge regression on straight lines, logistic within bounds."""
    scale = StandardScaler().fit(asked.columns[fit]) if asked.columns.shape[1] else None
    seen = np.zeros((len(asked.target), 1)) if scale is None else scale.transform(asked.columns)
    found = []
    for arm in asked.arms:
        rows = fit[arm[fit]]
        known = None if asked.clusters is None else asked.clusters[rows]
        model = OutcomeModel(asked.bounds, penalty=None).fit(seen[rows], asked.target[rows], asked.weights[rows], known)
        found.append(model.predict(seen[score]))
    return np.stack(found)


LIBRARY: dict[str, Learner] = {"straight lines": linear, "boosting": boosting, "extra trees": extra_trees}
"""Learners that a super learner stacks with the spline model."""


def at_most(rows: Rows, most: int) -> Rows:
    """The rows, or `most` of them, evenly spaced, if there are more."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(int)]
