"""Missing values in a report: which cells, how they were handled, and under which assumption."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["WAYS", "MissingValues", "Way", "remedy"]

Way = Literal["drop", "impute", "weight"]
WAYS = ("drop", "impute", "weight")
SHOWN = 6
"""Maximum number of columns that a sentence names."""


def remedy(way: Way) -> str:
    """How to request a way in Python, on the command line and in a study.

    >>> remedy("impute")
    "missing='impute' in Python, --missing impute on the command line, `missing: impute` under the effect of a study"
    """
    return (
        f"missing={way!r} in Python, --missing {way} on the command line, `missing: {way}` under the effect of a study"
    )


@dataclass(frozen=True)
class MissingValues:
    """Missing values that were imputed, or whose rows are represented by others.

    Attributes:
        way: "impute" or "weight".
        holes: By used column: its missing cells.
        incomplete: Rows with a missing cell.
        rows: All rows.
        given: Columns by which values were imputed, or by which the probability of a complete row was fitted.
        imputations: Number of completed tables; 0 for weights.
        fraction: Fraction of missing information of the recommended estimate: the share of its variance that the
            missing values cause; None if unknown.
        effective: Effective sample size of the weighted complete rows; None for imputations.
        unpooled: Sources with an estimate in too few of the completed tables, which are left out.
        compared: How the estimate from complete rows alone compares, as a sentence.
    """

    way: Way
    holes: Mapping[str, int]
    incomplete: int
    rows: int
    given: tuple[str, ...]
    imputations: int = 0
    fraction: float | None = None
    effective: float | None = None
    unpooled: tuple[str, ...] = ()
    compared: str = ""

    @property
    def assumption(self) -> str:
        """What must hold for the estimate to be right, as a condition to tick."""
        if self.way == "impute":
            return (
                "Missing at random: whether a cell is missing does not depend on its own value, given the values that the "
                f"row has of {', '.join(self.given)}; and the imputation models fit."
            )
        return (
            "Missing at random: whether a row is complete does not depend on its missing values, given "
            f"{', '.join(self.given)}; and the logistic model of that probability fits."
        )

    @property
    def text(self) -> str:
        """Cells, way and fraction of missing information, with the comparison with complete rows."""
        where = [f"{name} {count:,}" for name, count in self.holes.items() if count]
        named = ", ".join(where[:SHOWN]) + (f" and {len(where) - SHOWN} more columns" if len(where) > SHOWN else "")
        rows = f"{self.incomplete:,} of {self.rows:,} rows lack a value ({named})"
        if self.way == "impute":
            lost = "" if self.fraction is None else f"; {self.fraction:.0%} of the information on the effect is missing"
            told = (
                f"{rows}. {sum(self.holes.values()):,} cells were imputed {self.imputations} times by chained equations "
                f"from {', '.join(self.given)}, and the estimates are pooled by Rubin's rules{lost}."
            )
        else:
            told = (
                f"{rows}. The complete rows are weighted by the inverse of their probability of being complete, "
                "fitted on "
                f"{', '.join(self.given)}; their effective sample size is {self.effective:,.0f}."
            )
        if self.unpooled:
            told += f" Left out, since estimates exist in too few completed tables: {', '.join(self.unpooled)}."
        return f"{told} {self.compared}".strip()
