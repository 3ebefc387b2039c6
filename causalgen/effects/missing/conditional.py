"""Random draws of a column's missing values, given other columns: one step of chained equations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ..estimators.outcome_model import OutcomeModel
from .predictors import choose_features

__all__ = ["Target", "draw"]

Array = NDArray[np.float64]

DONORS = 10
"""Observed rows with the nearest predictions, of which one lends its value."""
LOCAL = 0.2
"""Share of the observed rows with the nearest predictions, of which one lends its residual; fewer would lend the same
residuals in every imputation, which Rubin's rules cannot see."""
MASS = 0.1
"""Share of the rows that have one and the same value, from which on only observed values are drawn."""
PRIOR = 1.0
"""Ridge penalty of the probabilities of labels, which keeps separated labels finite."""


@dataclass(frozen=True)
class Target:
    """A column with missing values.

    Attributes:
        values: Numbers or codes of all rows, shape `(rows,)`; those of missing cells are drawn anew.
        missing: Which cells are missing, shape `(rows,)`.
        labels: Number of labels; 0 for a continuous column.
        support: Least and greatest value of a continuous column.
        leading: How many of the first other columns are treatments and outcome.
    """

    values: Array
    missing: NDArray[np.bool_]
    labels: int = 0
    support: tuple[float, float] | None = None
    leading: int = 0


def draw(
    target: Target,
    columns: Array,
    rows: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    weights: Array,
    rng: np.random.Generator,
) -> Array:
    """Draw values of the wanted rows, shape `(wanted,)`, from the column's distribution given other columns.

    The parameters are drawn first, by fitting with random `weights` (a Bayesian bootstrap). Labels are drawn from a
    logistic model. A number is its prediction plus the residual of an observed row with a similar prediction, or that
    row's value where many rows share one value (predictive mean matching).

    References:
        Rubin (1981), The Bayesian bootstrap; Morris, White and Royston (2014), Tuning multiple imputation by predictive
        mean matching and local residual draws.

    Args:
        target: The column.
        columns: The other columns as numbers, shape `(rows, columns)`.
        rows: Rows to fit on, of which those with an observed value are used.
        wanted: Rows to draw.
        weights: Positive random weights of mean 1, shape `(rows,)`.
        rng: Source of randomness.
    """
    seen = rows & ~target.missing
    values = target.values[seen]
    predicted = values == np.unique(values)[:, None] if target.labels else values
    features = choose_features(columns[seen], predicted.T.astype(float), target.leading)
    known, asked = features(columns[seen]), features(columns[wanted])
    if target.labels:
        return _labels(target.labels, values, known, asked, weights[seen], rng)
    return _numbers(target, values, known, asked, weights[seen], rng)


def _labels(count: int, values: Array, known: Array, asked: Array, weights: Array, rng: np.random.Generator) -> Array:
    present = np.unique(values)
    if len(present) == 1:
        return np.full(len(asked), present[0])
    if len(present) == 2:
        model = OutcomeModel((0.0, 1.0), penalty=PRIOR).fit(known, (values == present[1]).astype(float), weights)
        return present[(rng.random(len(asked)) < model.predict(asked)).astype(int)]
    found = LogisticRegression(C=1 / PRIOR, max_iter=200).fit(known, values, sample_weight=weights)
    reached = found.predict_proba(asked).cumsum(axis=1)
    return found.classes_[(rng.random((len(asked), 1)) > reached[:, :-1]).sum(axis=1)]


def _numbers(
    target: Target, values: Array, known: Array, asked: Array, weights: Array, rng: np.random.Generator
) -> Array:
    fitted = OutcomeModel().fit(known, values)
    near, centre = fitted.predict(known), fitted.predict(asked)
    inflation = np.sqrt(len(values) / max(len(values) - known.shape[1] - 1, len(values) / 2))
    drawn = centre + inflation * (OutcomeModel().fit(known, values, weights).predict(asked) - centre)
    order = np.argsort(near, kind="stable")
    shared = np.unique(values, return_counts=True)[1].max() >= MASS * len(values)
    donors = min(DONORS if shared else max(DONORS, int(LOCAL * len(order))), len(order))
    start = np.clip(np.searchsorted(near[order], drawn) - donors // 2, 0, len(order) - donors)
    chosen = order[start + rng.integers(0, donors, len(drawn))]
    if shared:
        return values[chosen]
    found = drawn + inflation * (values - near)[chosen]
    return found if target.support is None else np.clip(found, *target.support)
