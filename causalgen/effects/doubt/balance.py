"""Overlap and balance: are the compared rows comparable, and are there enough of them?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict

from ..estimators.basis import FlexibleBasis
from ..estimators.outcome_model import OutcomeModel
from ..table import EncodedTable
from .columns import covariate_columns
from .words import percent

__all__ = ["Arm", "Balance", "BalanceRow", "balance"]

Array = NDArray[np.float64]

BINS = 20
LEAST_PROPENSITY = 0.01
RARE = 0.05
BALANCED = 0.1


@dataclass(frozen=True)
class BalanceRow:
    """One column of a covariate, as a row of a love plot.

    Attributes:
        covariate: Name of the column; "name=label" for one label of a categorical covariate.
        before: Standardised mean difference of the arms (discrete treatment), or correlation with the treatment.
        after: The same after weighting, or the correlation with what the covariates leave of the treatment.
    """

    covariate: str
    before: float
    after: float


@dataclass(frozen=True)
class Arm:
    """One compared value of the treatment.

    Attributes:
        value: The value of the contrast.
        rows: Rows with it (discrete treatment), or all rows.
        effective: Effective sample size after weighting; None for a continuous treatment.
        share_outside: Share of all rows among whose likes the value is rare: propensity below 0.05, or the value
            outside 99 % of the treatment's spread around its mean given the covariates.
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
    """

    treatment: str
    kind: str
    rows: tuple[BalanceRow, ...]
    arms: tuple[Arm, Arm]

    @property
    def worst(self) -> BalanceRow | None:
        """The covariate that is least balanced after weighting."""
        return max(self.rows, key=lambda row: abs(row.after), default=None)

    @property
    def doubtful(self) -> bool:
        """Whether a covariate stays out of balance (0.1), or a twentieth of the rows lacks likes in an arm."""
        out = self.worst is not None and abs(self.worst.after) > BALANCED
        return out or max(arm.share_outside for arm in self.arms) > RARE

    @property
    def reading(self) -> str:
        """Overlap and balance in words, and what they cannot show."""
        parts = [self._arm_reading(arm) for arm in self.arms]
        if self.worst is None:
            parts.append("There are no covariates to balance.")
        else:
            before = max(self.rows, key=lambda row: abs(row.before))
            parts.append(
                f"Largest {self.kind}: {before.before:.2f} ({before.covariate}) before, {self.worst.after:.2f} "
                f"({self.worst.covariate}) after; beyond {BALANCED} the arms still differ."
            )
        return " ".join(parts) + " It cannot show balance of what was not observed."

    def _arm_reading(self, arm: Arm) -> str:
        shown = (
            f"{self.treatment} = {arm.value:g}" if isinstance(arm.value, float) else f"{self.treatment} = {arm.value}"
        )
        if arm.effective is None:
            return f"{shown} lies outside what is seen among similar rows for {percent(arm.share_outside)} of the rows."
        return (
            f"{shown} has {arm.rows} rows, after weighting worth {arm.effective:.0f}, and a propensity below {RARE:.0%} "
            f"for {percent(arm.share_outside)} of all rows."
        )

    def to_frame(self) -> pd.DataFrame:
        """The love plot's table: covariate, before, after, with a reading in words."""
        rows = [(row.covariate, row.before, row.after, self._row_reading(row)) for row in self.rows]
        return pd.DataFrame(rows, columns=["covariate", "before", "after", "reading"])

    def _row_reading(self, row: BalanceRow) -> str:
        state = "balanced" if abs(row.after) <= BALANCED else "out of balance"
        return (
            f"{row.covariate}: {self.kind} {row.before:.2f} before and {row.after:.2f} after, {state} in its mean; "
            "whether its joint distribution with the others is, this cannot show."
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


def balance(table: EncodedTable, *, seed: int = 0) -> Balance:
    """Overlap and balance of the table's contrast given its covariates.

    For a discrete treatment the propensities are cross-fitted by logistic regression on splines and products, and
    rows are weighted by their inverse (clipped at 0.01). For a continuous one the treatment is regressed on them.
    """
    columns = covariate_columns(table)
    numbers = columns.to_numpy(dtype=float)
    treatment = table.data[table.names[0]].to_numpy(dtype=float)
    features = FlexibleBasis(numbers)(numbers)
    discrete = table.kind != "continuous"
    build: Callable[..., Balance] = _of_arms if discrete else _of_residual
    return build(table, columns, features, treatment, seed)


def _of_arms(table: EncodedTable, columns: pd.DataFrame, features: Array, treatment: Array, seed: int) -> Balance:
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    model = LogisticRegression(solver="newton-cholesky")
    codes, arm = np.unique(treatment, return_inverse=True)
    propensity = cross_val_predict(model, features, arm, cv=folds, method="predict_proba")
    of = {value: propensity[:, int(np.flatnonzero(codes == value)[0])] for value in (table.control, table.treated)}
    arms, weighted, plain = [], [], []
    for value, shown in zip(of, table.contrast, strict=True):
        inside = treatment == value
        weights = 1 / np.maximum(of[value][inside], LEAST_PROPENSITY)
        effective = float(weights.sum() ** 2 / (weights**2).sum())
        counts = np.histogram(of[table.treated][inside], bins=BINS, range=(0, 1))[0]
        rare = float(np.mean(of[value] < RARE))
        arms.append(Arm(shown, int(inside.sum()), effective, rare, tuple(counts.tolist())))
        numbers = columns[inside].to_numpy(dtype=float)
        plain.append((numbers.mean(axis=0), numbers.var(axis=0)))
        weighted.append(weights @ numbers / weights.sum())
    spread = np.sqrt((plain[0][1] + plain[1][1]) / 2)
    spread[spread == 0] = np.inf  # a column that varies in neither arm
    before, after = (plain[1][0] - plain[0][0]) / spread, (weighted[1] - weighted[0]) / spread
    return Balance(table.names[0], "standardised mean difference", _rows(columns, before, after), (arms[0], arms[1]))


def _of_residual(table: EncodedTable, columns: pd.DataFrame, features: Array, treatment: Array, seed: int) -> Balance:
    folds = KFold(5, shuffle=True, random_state=seed)
    expected = cross_val_predict(OutcomeModel(), features, treatment, cv=folds)
    left = treatment - expected
    low, high = np.quantile(left, [0.005, 0.995])
    shares = [float(np.mean((v - expected < low) | (v - expected > high))) for v in (table.control, table.treated)]
    arms = [Arm(shown, len(left), None, share) for shown, share in zip(table.contrast, shares, strict=True)]
    before, after = (np.array([np.corrcoef(columns[c], v)[0, 1] for c in columns]) for v in (treatment, left))
    return Balance(table.names[0], "correlation", _rows(columns, before, after), (arms[0], arms[1]))


def _rows(columns: pd.DataFrame, before: Array, after: Array) -> tuple[BalanceRow, ...]:
    return tuple(BalanceRow(str(name), float(b), float(a)) for name, b, a in zip(columns, before, after, strict=True))
