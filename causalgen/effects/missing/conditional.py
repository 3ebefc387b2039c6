"""Random draws of a column's missing values, given other columns: one step of chained equations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ..estimators.basis import FlexibleBasis
from ..estimators.outcome_model import OutcomeModel

__all__ = ["Target", "draw"]

Array = NDArray[np.float64]

DONORS = 10
"""Observed rows with the nearest predictions, of which one lends its residual or its value."""
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
    """

    values: Array
    missing: NDArray[np.bool_]
    labels: int = 0
    support: tuple[float, float] | None = None


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
    basis = FlexibleBasis(columns[seen])
    known, asked, values = basis(columns[seen]), basis(columns[wanted]), target.values[seen]
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
    near = fitted.predict(known)
    order = np.argsort(near, kind="stable")
    drawn = OutcomeModel().fit(known, values, weights).predict(asked)
    donors = min(DONORS, len(order))
    start = np.clip(np.searchsorted(near[order], drawn) - donors // 2, 0, len(order) - donors)
    chosen = order[start + rng.integers(0, donors, len(drawn))]
    if np.unique(values, return_counts=True)[1].max() >= MASS * len(values):
        return values[chosen]
    used = known.shape[1] + 1
    inflation = np.sqrt(len(values) / max(len(values) - used, len(values) / 2))
    found = drawn + inflation * (values - near)[chosen]
    return found if target.support is None else np.clip(found, *target.support)
