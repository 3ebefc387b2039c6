"""Overlap and balance: are the compared rows comparable, and are there enough of them?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from ...graph.notation import spell_value
from ..effective_size import effective_size
from ..estimators.weighting import balancing_weights
from ..overlap import cross_fitted_means, population_weights, propensities, weighting_propensities
from ..table import EncodedTable
from .columns import covariate_columns
from .words import percent

__all__ = ["Arm", "Balance", "BalanceRow", "balance"]

Array = NDArray[np.float64]

BINS = 20
RARE = 0.05
BALANCED = 0.1
CHANCE = 0.01
"""Share of balanced tables in which a covariate exceeds its limit by chance."""


@dataclass(frozen=True)
class BalanceRow:
    """One column of a covariate, as a row of a love plot.

    Attributes:
        covariate: Name of the column; "name=label" for one label of a categorical covariate.
        before: Standardised mean difference of the arms (discrete treatment), or correlation with the treatment.
        after: The same after weighting, or the correlation with what the covariates leave of the treatment.
        limit: Threshold of imbalance: the larger of 0.1 and the chance level of `after`, chosen so that some covariate
            exceeds its limit in 1 of 100 balanced tables. It grows with the number of covariates and falls with the
            effective sample size.
    """

    covariate: str
    before: float
    after: float
    limit: float = BALANCED

    @property
    def unbalanced(self) -> bool:
        """Whether the covariate remains unbalanced."""
        return abs(self.after) > self.limit


@dataclass(frozen=True)
class Arm:
    """One compared value of the treatment.

    Attributes:
        value: The value of the contrast.
        rows: Rows with it (discrete treatment), or all rows.
        effective: Effective sample size after weighting (sampling weights included); None for a continuous treatment.
        share_outside: Share of the population for which the value is rare given the covariates: its propensity is below
            0.05, or it lies outside 99 % of the treatment's spread around the conditional mean.
        histogram: Counts of the arm's rows by their propensity of the second value, in 20 bins over [0, 1]; empty for
            a continuous treatment.
    """

    value: object
    rows: int
    effective: float | None
    share_outside: float
    histogram: tuple[int, ...] = ()


@dataclass(frozen=True)
class Balance:
    """Overlap and balance of the contrast.

    Attributes:
        treatment: Name of the treatment.
        kind: "standardised mean difference" (discrete treatment) or "correlation" (continuous).
        rows: The love plot.
        arms: The two compared values.
        population: Population that the weights make both arms resemble.
    """

    treatment: str
    kind: str
    rows: tuple[BalanceRow, ...]
    arms: tuple[Arm, Arm]
    population: str = "whole"

    @property
    def worst(self) -> BalanceRow | None:
        """The covariate that is least balanced after weighting, by its limit."""
        return max(self.rows, key=lambda row: abs(row.after) / row.limit, default=None)

    @property
    def doubtful(self) -> bool:
        """Whether a covariate remains unbalanced, or more than a twentieth of the population lacks overlap."""
        return self.unbalanced or max(arm.share_outside for arm in self.arms) > RARE

    @property
    def unbalanced(self) -> bool:
        """Whether a covariate remains unbalanced."""
        return self.worst is not None and self.worst.unbalanced

    @property
    def flaw(self) -> str:
        """The problem with overlap or balance, in a few words."""
        if self.unbalanced:
            assert self.worst is not None
            return f"{self.worst.covariate} stays out of balance ({self.kind} {self.worst.after:.2f})"
        arm = max(self.arms, key=lambda arm: arm.share_outside)
        return f"poor overlap at {self.treatment} = {arm.value} for {percent(arm.share_outside)} of the rows"

    @property
    def reading(self) -> str:
        """Overlap and balance as text, and what they cannot show."""
        parts = [self._arm_reading(arm) for arm in self.arms]
        if self.worst is None:
            parts.append("There are no covariates to balance.")
        else:
            before = max(self.rows, key=lambda row: abs(row.before))
            parts.append(
                f"Largest {self.kind}: {before.before:z.2f} ({before.covariate}) before, {self.worst.after:z.2f} "
                f"({self.worst.covariate}) after; beyond {self.worst.limit:.2g} the arms still differ by more than chance."
            )
        return " ".join(parts) + " It cannot show the balance of unobserved covariates."

    def _arm_reading(self, arm: Arm) -> str:
        shown = f"{self.treatment} = {spell_value(arm.value)}"
        if arm.effective is None:
            return f"{shown} lies outside what is seen among similar rows for {percent(arm.share_outside)} of the rows."
        among = "all rows" if self.population == "whole" else f"the {self.population} population"
        return (
            f"{shown} has {arm.rows} rows, an effective sample size of {arm.effective:.0f} after weighting, and a "
            f"propensity below {RARE:.0%} for {percent(arm.share_outside)} of {among}."
        )

    def to_frame(self) -> pd.DataFrame:
        """The love plot's table: covariate, before, after and a sentence that reads them."""
        rows = [(row.covariate, row.before, row.after, self._row_reading(row)) for row in self.rows]
        return pd.DataFrame(rows, columns=["covariate", "before", "after", "reading"])

    def _row_reading(self, row: BalanceRow) -> str:
        state = "out of balance" if row.unbalanced else "balanced"
        return (
            f"{row.covariate}: {self.kind} {row.before:.2f} before and {row.after:.2f} after, {state} in its mean; "
            "this cannot show whether its joint distribution with the others is."
        )

    def histogram_frame(self) -> pd.DataFrame:
        """Propensity histogram: columns low, high, value, rows; empty for a continuous treatment."""
        edges = np.linspace(0, 1, BINS + 1)
        rows = [
            (low, high, arm.value, count)
            for arm in self.arms
            for low, high, count in zip(edges, edges[1:], arm.histogram)
        ]
        return pd.DataFrame(rows, columns=["low", "high", "value", "rows"])


def balance(table: EncodedTable, *, population: str = "whole", seed: int = 0) -> Balance:
    """Overlap and balance of the table's contrast given its covariates.

    For a discrete treatment, the propensities that measure overlap are cross-fitted by logistic regression on splines
    and products. Rows are weighted as in the weighting estimator, so that both arms resemble the population: its
    propensities are fitted on all rows, since cross-fitted ones, shrunken for prediction, would leave imbalance that
    affects no estimate. A continuous treatment is regressed on the covariates. Sampling weights are used throughout,
    and clusters stay together in the folds.

    Args:
        table: Treatment, outcome and covariates.
        population: "whole", "overlap", "treated" or "control".
        seed: Seed of the folds.
    """
    columns = covariate_columns(table)
    if table.kind == "continuous":
        return _of_residual(table, columns, seed)
    return _of_arms(table, columns, population, seed)


def _of_arms(table: EncodedTable, columns: pd.DataFrame, population: str, seed: int) -> Balance:
    treatment, numbers = table.data[table.names[0]].to_numpy(), columns.to_numpy(dtype=float)
    propensity = propensities(table, seed=seed)
    shares = population_weights(table, population, propensity)
    balancing = balancing_weights(weighting_propensities(table), population)
    arms, weighted, plain, variance = [], [], [], np.zeros(numbers.shape[1])
    values = (table.control, table.treated)
    for own, balanced, value, shown in zip(propensity, balancing, values, table.contrast, strict=True):
        inside = treatment == value
        sampled = table.weights[inside]
        weights = sampled * balanced[inside]
        effective = float(effective_size(weights))
        counts = np.histogram(propensity[1][inside], bins=BINS, range=(0, 1))[0]
        rare = float(np.average(own < RARE, weights=shares))
        arms.append(Arm(shown, int(inside.sum()), effective, rare, tuple(counts.tolist())))
        mean = np.average(numbers[inside], axis=0, weights=sampled)
        plain.append((mean, np.average((numbers[inside] - mean) ** 2, axis=0, weights=sampled)))
        weighted.append(weights @ numbers[inside] / weights.sum())
        variance += (weights**2) @ (numbers[inside] - weighted[-1]) ** 2 / weights.sum() ** 2
    spread = np.sqrt((plain[0][1] + plain[1][1]) / 2)
    spread[spread == 0] = np.inf  # a column that varies in neither arm
    before, after = (plain[1][0] - plain[0][0]) / spread, (weighted[1] - weighted[0]) / spread
    rows = _rows(columns, before, after, np.sqrt(variance) / spread)
    return Balance(table.names[0], "standardised mean difference", rows, (arms[0], arms[1]), population)


def _of_residual(table: EncodedTable, columns: pd.DataFrame, seed: int) -> Balance:
    treatment = table.data[table.names[0]].to_numpy()
    seen, expected = cross_fitted_means(table, seed=seed)
    left = treatment - seen
    low, high = np.quantile(left, [0.005, 0.995])
    shares = [
        float(np.average((v - expected < low) | (v - expected > high), weights=table.weights))
        for v in (table.control, table.treated)
    ]
    arms = [Arm(shown, len(left), None, share) for shown, share in zip(table.contrast, shares, strict=True)]
    before, after = (
        np.array([_correlation(columns[c].to_numpy(), v, table.weights) for c in columns]) for v in (treatment, left)
    )
    error = np.full(len(before), len(left) ** -0.5)
    return Balance(table.names[0], "correlation", _rows(columns, before, after, error), (arms[0], arms[1]))


def _correlation(one: Array, other: Array, weights: Array) -> float:
    covariance = np.cov(one, other, aweights=weights)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def _rows(columns: pd.DataFrame, before: Array, after: Array, error: Array) -> tuple[BalanceRow, ...]:
    reach = norm.isf(CHANCE / (2 * max(1, len(error))))  # Bonferroni's correction
    limits = np.maximum(BALANCED, reach * error)
    rows = zip(columns, before, after, limits, strict=True)
    return tuple(BalanceRow(str(name), *map(float, numbers)) for name, *numbers in rows)
