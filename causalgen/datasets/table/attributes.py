"""Columns of a table as variables: the kind of each, and the faults of its cells."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import GraphError
from ...graph import Variable
from ..kinds import Reading, ReadingFault, plain, read_values
from ..precision import out_of_reach
from .declare import Declaration
from .faults import Faults

__all__ = ["Attribute", "read_attribute"]


@dataclass(frozen=True)
class Attribute:
    """One column, read.

    Args:
        variable: The variable of the column.
        values: `(N,)` float64 numbers, or int64 codes with -1 for a missing label.
        missing: `(N,)` bool.
        guessed: The inferred fields, among kind and labels.
        notes: Remarks on the inferred fields for the reader.
    """

    variable: Variable
    values: NDArray[Any]
    missing: NDArray[np.bool_]
    guessed: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Labels, or the range of the numbers."""
        if self.variable.labels is not None:
            shown = ", ".join(map(str, self.variable.labels[:6]))
            return shown + (f", ... ({len(self.variable.labels)} labels)" if len(self.variable.labels) > 6 else "")
        present = self.values[~self.missing]
        return f"{present.min():.4g} to {present.max():.4g}" if len(present) else ""


def read_attribute(name: str, column: pd.Series, declared: Declaration, faults: Faults) -> Attribute | None:
    """Read a column as the variable `name`; faults are recorded, and a column that cannot be read gives None."""
    title = str(column.name)
    column = column.reset_index(drop=True)
    reading = read_values(column, kind=declared.kind, labels=declared.labels)
    for fault in reading.faults:
        _note(title, column, fault, faults)
    if reading.kind is None or not _varies(title, column, reading, declared, faults):
        return None
    try:
        unit = declared.unit or reading.unit or None
        variable = Variable(name, reading.kind, labels=reading.labels, support=declared.support, unit=unit)  # type: ignore[arg-type]
    except GraphError as error:
        faults.column(title, "a declaration that does not fit", str(error))
        return None
    if variable.is_discrete:
        guessed = tuple(word for word in ("kind", "labels") if getattr(declared, word) is None)
        codes = np.where(np.isnan(reading.values), -1, reading.values).astype(np.int64)
        return Attribute(variable, codes, reading.missing, guessed, reading.notes)
    return Attribute(variable, reading.values, reading.missing, () if declared.kind else ("kind",), reading.notes)


def _note(title: str, column: pd.Series, fault: ReadingFault, faults: Faults) -> None:
    expected = f"{fault.expected}; {fault.remedy}" if fault.remedy else fault.expected
    if fault.rows:
        faults.rows(title, fault.rows, lambda row: repr(plain(column.iloc[row])), expected)
    else:
        faults.column(title, fault.found, expected)


def _varies(title: str, column: pd.Series, reading: Reading, declared: Declaration, faults: Faults) -> bool:
    """Whether a model can learn from the values; faults are recorded."""
    present = ~np.isnan(reading.values)
    values = reading.values[present]
    if reading.kind == "continuous":
        values = values[np.isfinite(values)]
        _check_support(title, column, reading, declared, faults)
    if not len(values):
        return False
    if (values == values[0]).all():
        if any(not fault.rows for fault in reading.faults):  # the column cannot be read at all
            return False
        first = plain(column[present].iloc[0])
        shown = f"{values[0]:g}" if reading.kind == "continuous" else repr(first)
        faults.column(title, f"the same value ({shown}) in every row", "values that vary")
        return False
    if reading.kind == "continuous" and not reading.faults and (fault := out_of_reach(values, np.float32)) is not None:
        _note(title, column, fault, faults)
    return True


def _check_support(title: str, column: pd.Series, reading: Reading, declared: Declaration, faults: Faults) -> None:
    if declared.support is None:
        return
    low, high = declared.support
    outside = np.isfinite(reading.values) & ((reading.values < low) | (reading.values > high))
    if outside.any():
        rows = np.flatnonzero(outside).tolist()
        faults.rows(title, rows, lambda row: repr(plain(column.iloc[row])), f"a value from {low:g} to {high:g}")
