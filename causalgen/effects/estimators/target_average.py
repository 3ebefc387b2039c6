r"""The average of an effect over the covariates of another table, the target.

With the doubly robust score :math:`\psi` of a row of the table, whose mean given the carriers z is the effect there, a
regression g of the scores on z, and the odds o(z) that a row with these carriers is of the target,

.. math:: \hat\tau = \frac1{n^*} \sum_j g(z_j) + \frac{\sum_i o(z_i) (\psi_i - g(z_i))}{\sum_i o(z_i)}

where j runs over the target and i over the table. It is consistent when g or the odds are right (and the outcome model or the
propensity within the scores). The two tables are independent samples: their variances add up.

References:
    Dahabreh et al., Extending inferences from a randomized trial to a new target population (2020).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..table import independent_units
from .adjustment import Array, Arrays, Influence, interval
from .basis import FlexibleBasis
from .folds import cross_folds
from .g_computation import mean_gradient
from .outcome_model import OutcomeModel

__all__ = ["TargetAverage", "TargetRows", "average_curve", "average_scores"]

FOLDS = 5
LEAST_SHARE = 0.01
"""Minimum probability of the table, given the carriers, in the denominator of the odds."""


class TargetRows(NamedTuple):
    """The carriers in both tables.

    Attributes:
        here: The carriers in the table, shape `(rows, columns)`.
        there: The carriers in the target, shape `(target rows, columns)`.
        weights: Sampling weights of the target, of mean 1.
        clusters: Number of the cluster of each row of the target; None when they are independent.
    """

    here: Array
    there: Array
    weights: Array
    clusters: NDArray[np.int64] | None = None


class TargetAverage(NamedTuple):
    """An effect in the target: the part of the table and the part of the target, each with the influence of its rows.

    Attributes:
        table: Correction by the rows of the table.
        target: Average over the rows of the target.
        odds: Weights that make the rows of the table resemble the target, of mean 1.
    """

    table: Influence
    target: Influence
    odds: Array

    @property
    def effect(self) -> float:
        """The effect in the target."""
        return self.table.effect + self.target.effect

    def interval(self, level: float) -> tuple[float, float]:
        """Interval by the sum of both variances, with Satterthwaite's degrees of freedom where rows are clustered."""
        parts = [(one.standard_error**2, one.freedom) for one in (self.table, self.target)]
        variance = sum(part for part, _ in parts)
        spread = sum(part**2 / freedom for part, freedom in parts)
        return interval(self.effect, float(np.sqrt(variance)), level, variance**2 / spread if spread else np.inf)


def average_scores(scores: Array, arrays: Arrays, rows: TargetRows, *, seeds: list[int]) -> TargetAverage:
    """The average over the target of the effect whose doubly robust scores `(rows,)` are given.

    Args:
        scores: Doubly robust scores of the effect, of the rows of the table.
        arrays: Sampling weights and clusters of the table.
        rows: The carriers.
        seeds: Seeds of the splits into folds, over which the result is averaged.
    """
    both = np.vstack([rows.here, rows.there])
    basis = FlexibleBasis(both, units=min(arrays.units, independent_units(len(rows.there), rows.clusters)))
    here, there = basis(rows.here), basis(rows.there)
    found = [_one_split(scores, arrays, (here, there), rows, seed) for seed in seeds]
    fitted, predicted, odds = (np.mean(parts, axis=0) for parts in zip(*found, strict=True))
    weights = arrays.weights * odds
    weights, residual = weights / weights.mean(), scores - fitted
    correction, average = float(np.mean(weights * residual)), float(np.mean(rows.weights * predicted))
    return TargetAverage(
        Influence(correction, weights * (residual - correction), arrays.clusters),
        Influence(average, rows.weights * (predicted - average), rows.clusters),
        odds / odds.mean(),
    )


def average_curve(
    arrays: Arrays, rows: TargetRows, values: tuple[float, float], model: OutcomeModel, seed: int
) -> TargetAverage:
    """The average over the target of the contrast of a continuous treatment, by g-computation.

    Args:
        arrays: The table; its covariates are the columns of `rows`.
        rows: All covariates to adjust for, in both tables.
        values: The two values of the treatment.
        model: Unfitted regression of the outcome.
        seed: Seed of the folds.
    """
    columns = np.column_stack([arrays.treatment, rows.here])
    basis = FlexibleBasis(columns, units=arrays.units, treated=True)
    seen, under = basis(columns), [basis(np.column_stack([np.full(len(rows.there), v), rows.there])) for v in values]
    change, correction = np.zeros(len(rows.there)), np.zeros(len(columns))
    folds = list(cross_folds(len(columns), FOLDS, seed, clusters=arrays.clusters))
    for fit, score in folds:
        fitted = OutcomeModel(model.bounds).fit(seen[fit], arrays.outcome[fit], arrays.weights[fit])
        low, high = (mean_gradient(fitted, features, rows.weights) for features in under)
        coefficients, offset = fitted.representer(seen[fit], high - low, arrays.weights[fit])
        residual = arrays.outcome[score] - fitted.predict(seen[score])
        correction[score] = arrays.weights[score] * (seen[score] @ coefficients + offset) * residual
        change += (fitted.predict(under[1]) - fitted.predict(under[0])) / len(folds)
    average = float(np.mean(rows.weights * change))
    carriers = FlexibleBasis(rows.here, units=arrays.units)
    odds = _membership(carriers(rows.here), carriers(rows.there), arrays, rows)
    return TargetAverage(
        Influence(0.0, correction - correction.mean(), arrays.clusters),
        Influence(average, rows.weights * (change - average), rows.clusters),
        odds / odds.mean(),
    )


def _one_split(
    scores: Array, arrays: Arrays, features: tuple[Array, Array], rows: TargetRows, seed: int
) -> tuple[Array, Array, Array]:
    """Expected score of the rows of the table and of the target, and the odds of the former, from models of other rows."""
    here, there = features
    fitted, predicted, odds = np.zeros(len(here)), np.zeros(len(there)), np.zeros(len(here))
    own = cross_folds(len(here), FOLDS, seed, clusters=arrays.clusters)
    others = cross_folds(len(there), FOLDS, seed, clusters=rows.clusters)
    for (fit, score), (fit_there, score_there) in zip(own, others, strict=True):
        known = None if arrays.clusters is None else arrays.clusters[fit]
        model = OutcomeModel(penalty=None).fit(here[fit], scores[fit], arrays.weights[fit], known)
        fitted[score], predicted[score_there] = model.predict(here[score]), model.predict(there[score_there])
        part = rows._replace(weights=rows.weights[fit_there])
        odds[score] = _membership(
            here[fit], there[fit_there], arrays._replace(weights=arrays.weights[fit]), part, here[score]
        )
    return fitted, predicted, odds


def _membership(here: Array, there: Array, arrays: Arrays, rows: TargetRows, scored: Array | None = None) -> Array:
    """The odds that a row of the table, given its carriers, is one of the target."""
    member = np.repeat([0.0, 1.0], [len(here), len(there)])
    weights = np.concatenate([arrays.weights, rows.weights])
    model = OutcomeModel((0.0, 1.0), penalty=None).fit(np.vstack([here, there]), member, weights)
    share = model.predict(here if scored is None else scored)
    return share / np.maximum(1 - share, LEAST_SHARE)
