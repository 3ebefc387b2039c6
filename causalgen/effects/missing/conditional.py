"""Random draws of a column's missing values, given other columns: one step of chained equations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ..estimators.outcome_model import OutcomeModel
from .predictors import choose_features

__all__ = ["Target", "draw"]

Array = NDArray[np.float64]
Places = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Clusters of the rows with a value, and of those to be drawn."""

DONORS = 10
"""Number of observed rows with the nearest predictions, one of which donates its value."""
LOCAL = 0.2
"""Share of the observed rows with the nearest predictions, of which one lends its residual; fewer would lend the same
residuals in every imputation, which Rubin's rules cannot see."""
MASS = 0.1
"""If at least this share of rows has the same value, only observed values are drawn."""
SAME = 1e-6
"""Least share of the variance of residuals that counts as variance within clusters."""
PRIOR = 1.0
"""Ridge penalty of the probabilities of labels, which keeps separated labels finite."""


@dataclass(frozen=True)
class Target:
    """A column with missing values.

    Attributes:
        values: Numbers or codes of all rows, shape `(rows,)`; those of missing cells are redrawn.
        missing: Which cells are missing, shape `(rows,)`.
        labels: Number of labels; 0 for a continuous column.
        support: Least and greatest value of a continuous column.
        clusters: Number of each row's cluster, shape `(rows,)`; None where rows are independent.
        leading: Number of leading other columns that are treatments and outcome.
    """

    values: Array
    missing: NDArray[np.bool_]
    labels: int = 0
    support: tuple[float, float] | None = None
    clusters: NDArray[np.int64] | None = None
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
    row's value if many rows share one value (predictive mean matching). A random effect that the rows of a cluster
    share is drawn once per cluster, for numbers and for columns of two labels.

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
    places = None if target.clusters is None else (target.clusters[seen], target.clusters[wanted])
    if places is not None and len(np.unique(places[0])) == len(places[0]):
        places = None  # with one value in each cluster, its effect and the row's own residual cannot be separated
    if target.labels:
        return _labels(values, known, asked, weights[seen], places, rng)
    return _numbers(target, values, known, asked, weights[seen], places, rng)


def _labels(
    values: Array, known: Array, asked: Array, weights: Array, places: Places | None, rng: np.random.Generator
) -> Array:
    present = np.unique(values)
    if len(present) == 1:
        return np.full(len(asked), present[0])
    if len(present) == 2:
        member = (values == present[1]).astype(float)
        model = OutcomeModel((0.0, 1.0), penalty=PRIOR).fit(known, member, weights)
        share = np.clip(model.predict(asked), 1e-9, 1 - 1e-9)
        if places is not None:
            fitted = model.predict(known)
            share = expit(logit(share) + _shared(member - fitted, fitted * (1 - fitted), *places, rng)[1])
        return present[(rng.random(len(asked)) < share).astype(int)]
    found = LogisticRegression(C=1 / PRIOR, max_iter=200).fit(known, values, sample_weight=weights)
    reached = found.predict_proba(asked).cumsum(axis=1)
    return found.classes_[(rng.random((len(asked), 1)) > reached[:, :-1]).sum(axis=1)]


def _numbers(
    target: Target,
    values: Array,
    known: Array,
    asked: Array,
    weights: Array,
    places: Places | None,
    rng: np.random.Generator,
) -> Array:
    fitted, again = OutcomeModel().fit(known, values), OutcomeModel().fit(known, values, weights)
    near, centre = fitted.predict(known), fitted.predict(asked)
    inflation = np.sqrt(len(values) / max(len(values) - known.shape[1] - 1, len(values) / 2))
    drawn = centre + inflation * (again.predict(asked) - centre)
    if np.unique(values, return_counts=True)[1].max() >= MASS * len(values):
        return values[_lenders(near, drawn, DONORS, rng)]
    chosen = _lenders(near, drawn, max(DONORS, int(LOCAL * len(near))), rng)
    residuals = values - near
    if places is not None:
        residuals -= inflation * (again.predict(known) - near)  # the cluster effects replace drawn parameters
        own = residuals - _means(residuals, places[0])[places[0]]
        variance = float((own**2).sum() / (len(own) - len(np.unique(places[0]))))
        variance = max(variance, SAME * float(residuals.var()))  # a column may have one value in each cluster
        centres, shift = _shared(residuals / variance, np.full(len(own), 1 / variance), *places, rng)
        residuals, drawn = residuals - centres, drawn + shift
    found = drawn + inflation * residuals[chosen]
    return found if target.support is None else np.clip(found, *target.support)


def _lenders(near: Array, drawn: Array, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw, for each prediction, one of the rows with the nearest predictions as its donor."""
    order, count = np.argsort(near, kind="stable"), min(count, len(near))
    start = np.clip(np.searchsorted(near[order], drawn) - count // 2, 0, len(order) - count)
    return order[start + rng.integers(0, count, len(drawn))]


def _shared(
    scores: Array, information: Array, seen: NDArray[np.int64], wanted: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Array, Array]:
    """The cluster effect of rows: its expectation for rows with a value, and a draw for the wanted rows.

    It is a normal random effect whose variance comes from the moments of the clusters' summed scores; a cluster without
    a value gets a draw from the distribution over clusters.

    Args:
        scores: Derivative of each row's log-likelihood by a shift of its prediction, shape `(seen,)`.
        information: Minus the second derivative, shape `(seen,)`.
        seen: Clusters of the rows with a value.
        wanted: Clusters of the rows to be drawn.
        rng: Source of randomness.
    """
    count = int(max(seen.max(), wanted.max())) + 1
    score, known = np.bincount(seen, scores, count), np.bincount(seen, information, count)
    variance = max(0.0, float((score**2 - known).sum() / (known**2).sum()))
    if not variance:
        return np.zeros(len(seen)), np.zeros(len(wanted))
    mean, spread = score / (known + 1 / variance), np.sqrt(1 / (known + 1 / variance))
    return mean[seen], (mean + spread * rng.normal(size=count))[wanted]


def _means(values: Array, clusters: NDArray[np.int64]) -> Array:
    """Mean of each cluster, shape `(clusters,)`."""
    return np.bincount(clusters, values) / np.maximum(np.bincount(clusters), 1)
