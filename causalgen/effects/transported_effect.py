"""The effect in the table and in the target, with the formula that transports it."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ..graph import TransportFormula
from .report import Estimate

__all__ = ["TransportedEffect"]


@dataclass(frozen=True, repr=False)
class TransportedEffect:
    """The effect of one contrast in the population of a table, and in that of the target.

    Attributes:
        treatment: Name of the treatment.
        outcome: Name of the outcome.
        contrast: (a, b): the effect is of do(treatment=b) against do(treatment=a).
        outcome_unit: Unit of the effect.
        formula: The transport formula, with its assumptions.
        source: The effect in the table, by the same adjustment.
        target: The effect in the target.
        rows_used: Rows of the table.
        target_rows: Rows of the target.
        effective: Effective sample size of the table once its rows are weighted to resemble the target; None if the
            effect is the same in both.
        level: Level of the intervals.
        warnings: What a reader must know before using the estimates.
    """

    treatment: str
    outcome: str
    contrast: tuple[Any, Any]
    outcome_unit: str
    formula: TransportFormula
    source: Estimate
    target: Estimate
    rows_used: int
    target_rows: int
    effective: float | None
    level: float
    warnings: tuple[str, ...] = ()

    @property
    def overlap(self) -> str:
        """How much the table resembles the target, as text."""
        rows = f"{self.rows_used:,} rows in the table, {self.target_rows:,} in the target."
        if self.effective is None:
            return rows
        weighted = "Weighted to resemble the target, those of the table have an effective sample size of"
        return f"{rows} {weighted} {self.effective:,.0f}."

    def to_frame(self) -> pd.DataFrame:
        """One row for the table and one for the target: source, estimate, low, high, note."""
        rows = [(row.source, row.value, row.low, row.high, row.note) for row in (self.source, self.target)]
        return pd.DataFrame(rows, columns=["source", "estimate", "low", "high", "note"])

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        fields = asdict(self) | {"overlap": self.overlap}
        for name in ("text", "formula", "latex", "assumptions"):
            fields["formula"][name] = getattr(self.formula, name)
        return json.loads(json.dumps(fields, default=str))

    def describe(self, known: Collection[str] = ()) -> str:
        """The result as text, without the warnings that the report already shows."""
        unit = f" [{self.outcome_unit}]" if self.outcome_unit else ""
        first, second = (f"{self.treatment}={value}" for value in self.contrast)
        rows = [f"Effect of do({second}) against do({first}) on {self.outcome}{unit}, transported"]
        rows += [f"  {self.target}", f"  {self.source}", f"  {self.formula.text}", f"  {self.overlap}"]
        rows += [f"  only if: {text}" for text in self.formula.assumptions]
        return "\n".join(rows + [f"  warning: {text}" for text in self.warnings if text not in known])

    def __str__(self) -> str:
        return self.describe()

    def __repr__(self) -> str:
        return f"TransportedEffect({self.target}; {self.source})"
