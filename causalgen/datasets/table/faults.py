"""All faults of a table in one listing: row, column, found, expected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DataError

__all__ = ["DataFaultsError", "Fault", "Faults"]

KEPT = 100
"""Number of rows listed for one fault of a column; the others are counted."""
SHOWN = 5
"""Number of rows that the message shows for one fault of a column."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Args:
        column: Column of the table.
        row: Row from 0, the first below the header, or its label in a data frame's own index; None for a fault of the whole
            column.
        found: The contents.
        expected: The expected contents.
        more: Number of further rows with the same fault that are not listed.
    """

    column: str
    row: int | str | None
    found: str
    expected: str
    more: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return vars(self).copy()


class DataFaultsError(DataError):
    """A table with faults; `faults` holds them.

    Args:
        faults: At least one.
        source: Name of the table.
        numbered: Whether rows are named by their numbers; else by the table's index.
    """

    def __init__(self, faults: Sequence[Fault], source: str, *, numbered: bool = True) -> None:
        self.faults = tuple(faults)
        count = sum(1 + fault.more for fault in faults)
        called = "row 0 is the first below the header" if numbered else "rows by the table's index"
        lines = [line for _, group in groupby(faults, _reason) for line in _lines(list(group))]
        super().__init__(
            f"Expected data without faults in {source}; got {count:,} ({called}):\n  "
            + "\n  ".join(lines)
            + "\nFix them, or leave the columns out of the graph; `missing: drop` removes rows with missing "
            "values, and `missing: model` infers missing attributes in training."
        )


class Faults:
    """Collects faults, so that a user sees all of them at once.

    Args:
        source: Name of the table.
        labels: Labels of the rows; None for 0, 1, 2, ...
    """

    def __init__(self, source: str, labels: pd.Index | None = None) -> None:
        self.source, self.labels = source, labels
        self.found: list[Fault] = []

    def column(self, column: str, found: str, expected: str) -> None:
        """Record a fault of a whole column."""
        self.found.append(Fault(column, None, found, expected))

    def rows(self, column: str, rows: Sequence[int], found: Callable[[int], str], expected: str) -> None:
        """Record faults of rows at some positions; `found` returns the contents of one as text."""
        named = [Fault(column, self._label(int(row)), _short(found(int(row))), expected) for row in rows[:KEPT]]
        if len(rows) > KEPT:
            named[-1] = replace(named[-1], more=len(rows) - KEPT)
        self.found += named

    @property
    def _numbered(self) -> bool:
        return self.labels is None or self.labels.equals(pd.RangeIndex(len(self.labels)))

    def _label(self, row: int) -> int | str:
        label = row if self.labels is None else self.labels[row]
        return int(label) if isinstance(label, int | np.integer) else str(label)

    def refuse(self) -> None:
        """Raise the collected faults.

        Raises:
            DataFaultsError: There is a fault.
        """
        if self.found:
            raise DataFaultsError(self.found, self.source, numbered=self._numbered)


def _reason(fault: Fault) -> tuple[str, str, bool]:
    return fault.column, fault.expected, fault.row is None


def _lines(group: list[Fault]) -> list[str]:
    lines = [
        f"{'' if fault.row is None else f'row {fault.row}, '}column '{fault.column}': found {fault.found}, "
        f"expected {fault.expected}"
        for fault in group[:SHOWN]
    ]
    more = len(group) - len(lines) + sum(fault.more for fault in group)
    return [*lines, f"... and {more:,} more rows of '{group[0].column}' for this reason"] if more else lines


def _short(text: str) -> str:
    return text if len(text) < 80 else text[:77] + "..."
