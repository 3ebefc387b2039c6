"""Estimates or bounds of nested counterfactuals."""

from dataclasses import dataclass

import pandas as pd

from ..datasets.kinds import columns_line
from ..graph import NestedEstimand, Variable
from .report import Estimate

__all__ = ["CausationBounds", "CausationReport", "NestedReport"]


@dataclass(frozen=True, repr=False)
class NestedReport:
    """Effects of do(treatment=b) against do(treatment=a) that compare nested counterfactuals.

    Attributes:
        question: What was asked.
        estimand: How the effects are identified, with the assumptions.
        estimates: One entry for each effect; also by name: `report["natural direct"]`.
        outcome_unit: Unit of every number.
        rows_used: Rows that the estimates use.
        rows_dropped: Rows left out because a used column is missing.
        level: Level of the intervals.
        seed: Seed of folds and bootstrap.
        warnings: What a reader must know before using the numbers.
        variables: Every used variable with the kind its column was read as.
    """

    question: str
    estimand: NestedEstimand
    estimates: tuple[Estimate, ...]
    outcome_unit: str
    rows_used: int
    rows_dropped: int
    level: float
    seed: int
    warnings: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()

    @property
    def columns(self) -> str:
        """The kind that each used column was read as, as text."""
        return columns_line(self.variables)

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of that name."""
        rows = {row.source: row for row in self.estimates}
        if name not in rows:
            raise KeyError(f"Expected an effect among {', '.join(rows)}; got {name!r}.")
        return rows[name]

    def to_frame(self) -> pd.DataFrame:
        """One row for each effect: columns effect, estimate, low, high, note."""
        return pd.DataFrame(
            [
                {"effect": row.source, "estimate": row.value, "low": row.low, "high": row.high, "note": row.note}
                for row in self.estimates
            ]
        )

    @property
    def reading(self) -> str:
        """The findings and their assumptions, as text."""
        found = "; ".join(map(str, self.estimates))
        return f"{self.question}: {found}. It rests on: {' '.join(self.estimand.assumptions)}"

    def __str__(self) -> str:
        rows = [self.question, f"  {self.estimand.text}", f"  {self.rows_used} rows used, {self.rows_dropped} dropped"]
        rows += [f"  {self.columns}"] if self.columns else []
        return "\n".join([*rows, *(f"  {row}" for row in self.estimates), *(f"  warning: {w}" for w in self.warnings)])

    __repr__ = __str__


@dataclass(frozen=True)
class CausationBounds:
    """Bounds of one probability of causation.

    Attributes:
        name: "PN", "PS" or "PNS".
        low: Estimated lower bound.
        high: Estimated upper bound.
        monotone: Value if the treatment never prevents the outcome; below 0 it contradicts that.
        interval: Covers both bounds.
        monotone_interval: Interval of `monotone`.
        definition: Its definition, as text.
    """

    name: str
    low: float
    high: float
    monotone: float
    interval: tuple[float, float]
    monotone_interval: tuple[float, float]
    definition: str

    def __str__(self) -> str:
        least, most = self.interval
        low, high = self.monotone_interval
        return (
            f"{self.name}: between {self.low:.4g} and {self.high:.4g} [{least:.4g}, {most:.4g}]; "
            f"under monotonicity {self.monotone:.4g} [{low:.4g}, {high:.4g}]"
        )


@dataclass(frozen=True, repr=False)
class CausationReport:
    """Bounds of the probabilities of necessity, sufficiency and both.

    Attributes:
        question: What was asked.
        estimand: How the bounds are identified, with the assumptions.
        bounds: PN, PS and PNS; also by name: `report["PN"]`.
        rows_used: Rows that the estimates use.
        rows_dropped: Rows left out because a used column is missing.
        level: Level of the intervals.
        seed: Seed of folds and bootstrap.
        warnings: What a reader must know before using the numbers.
        variables: Every used variable with the kind its column was read as.
    """

    question: str
    estimand: NestedEstimand
    bounds: tuple[CausationBounds, ...]
    rows_used: int
    rows_dropped: int
    level: float
    seed: int
    warnings: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()

    @property
    def columns(self) -> str:
        """The kind that each used column was read as, as text."""
        return columns_line(self.variables)

    def __getitem__(self, name: str) -> CausationBounds:
        """The bounds of that name."""
        rows = {row.name: row for row in self.bounds}
        if name not in rows:
            raise KeyError(f"Expected one of {', '.join(rows)}; got {name!r}.")
        return rows[name]

    def to_frame(self) -> pd.DataFrame:
        """One row for each probability, with its bounds, their interval, and the value under monotonicity."""
        return pd.DataFrame(
            [
                {
                    "probability": row.name,
                    "low": row.low,
                    "high": row.high,
                    "interval_low": row.interval[0],
                    "interval_high": row.interval[1],
                    "monotone": row.monotone,
                    "monotone_low": row.monotone_interval[0],
                    "monotone_high": row.monotone_interval[1],
                    "definition": row.definition,
                }
                for row in self.bounds
            ]
        )

    @property
    def reading(self) -> str:
        """The findings and their assumptions, as text."""
        found = "; ".join(map(str, self.bounds))
        return f"{self.question}: {found}. It rests on: {' '.join(self.estimand.assumptions)}"

    def __str__(self) -> str:
        return "\n".join(
            [self.question, *(f"  {row}" for row in self.bounds), *(f"  warning: {w}" for w in self.warnings)]
        )

    __repr__ = __str__
