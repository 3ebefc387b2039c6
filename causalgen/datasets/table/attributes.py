"""Columns of a table as variables: what kind of thing is it, and does every cell fit?"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import GraphError
from ...graph import Variable
from .declare import Declaration
from .faults import Faults

__all__ = ["MOST_LABELS", "Attribute", "read_attribute"]

MOST_LABELS = 50
"""More different words in a column are taken for names of the rows, not for labels."""
FEW_NUMBERS = 10
"""Up to so many different whole numbers are taken for labels."""
MOSTLY = 0.8
"""Share of the cells that have to be numbers where the other ones are taken for faults."""
FINEST = 0.01
"""Single precision, in which models compute, must tell numbers apart that differ by so much of their spread."""
DATES = "numbers or labels; turn dates into a number, such as years since a day of reference"
SPREAD = "one value per cell; spread them over columns"


@dataclass(frozen=True)
class Attribute:
    """One column, read.

    Args:
        variable: What it measures.
        values: `(N,)` float64 numbers, or int64 codes with -1 for a missing label.
        missing: `(N,)` bool.
        guessed: What was inferred rather than declared, among kind and labels.
    """

    variable: Variable
    values: NDArray[Any]
    missing: NDArray[np.bool_]
    guessed: tuple[str, ...]

    def summary(self) -> str:
        """Labels, or the range of the numbers."""
        if self.variable.labels is not None:
            shown = ", ".join(map(str, self.variable.labels[:6]))
            return shown + (f", ... ({len(self.variable.labels)} labels)" if len(self.variable.labels) > 6 else "")
        present = self.values[~self.missing]
        return f"{present.min():.4g} to {present.max():.4g}" if len(present) else ""


def read_attribute(name: str, column: pd.Series, declared: Declaration, faults: Faults) -> Attribute | None:
    """Read a column as the variable `name`; faults are noted, and a column that cannot be read gives None."""
    title = str(column.name)
    column = column.reset_index(drop=True)
    refused = _refused(column)
    if refused is not None:
        faults.column(title, *refused)
        return None
    missing = column.isna().to_numpy(dtype=bool)
    if missing.all():
        faults.column(title, "missing values only", "values")
        return None
    numbers = _numbers(column)
    kind = declared.kind or ("categorical" if declared.labels is not None else _guess(column, numbers, missing))
    if kind == "continuous":
        return _continuous(name, column, numbers, missing, declared, faults)
    return _discrete(name, kind, column, numbers, missing, declared, faults)


def _refused(column: pd.Series) -> tuple[str, str] | None:
    """What was found and expected, in a column that no variable can be read from."""
    import pyarrow as pa

    if isinstance(column.dtype, pd.ArrowDtype):
        kind = column.dtype.pyarrow_dtype
        if pa.types.is_nested(kind):
            return f"lists or records ({kind})", SPREAD
        if pa.types.is_temporal(kind):
            return "dates or times", DATES
    elif column.dtype.kind in "mM" or isinstance(column.dtype, pd.PeriodDtype | pd.DatetimeTZDtype):
        return "dates or times", DATES
    elif column.dtype.kind == "c":
        return "complex numbers", "numbers or labels; give their parts, or size and angle, a column each"
    elif column.dtype == object:
        for item in column:
            if isinstance(item, list | dict | tuple | set | np.ndarray):
                return f"a {type(item).__name__} per cell", SPREAD
            if hasattr(item, "isoformat"):
                return "dates or times", DATES
    return None


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    """Numbers `(N,)`; NaN where a cell holds none. Truth values are labels, not numbers."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        return np.full(len(column), np.nan)
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _guess(column: pd.Series, numbers: NDArray[np.float64], missing: NDArray[np.bool_]) -> str:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "ordinal" if column.dtype.ordered else "categorical"
    present = numbers[~missing]
    if np.isnan(present).mean() > 1 - MOSTLY:
        return "categorical"
    finite = np.unique(present[np.isfinite(present)])
    whole = bool((finite == np.round(finite)).all())
    clean = not np.isnan(present).any()
    return "categorical" if clean and whole and len(finite) <= FEW_NUMBERS else "continuous"


def _continuous(
    name: str,
    column: pd.Series,
    numbers: NDArray[np.float64],
    missing: NDArray[np.bool_],
    declared: Declaration,
    faults: Faults,
) -> Attribute | None:
    title = str(column.name)

    def cell(row: int) -> str:
        return repr(_plain(column.iloc[row]))

    unreadable = np.isnan(numbers) & ~missing
    if unreadable.any():
        faults.rows(title, np.flatnonzero(unreadable).tolist(), cell, "a number")
    if np.isinf(numbers).any():
        faults.rows(title, np.flatnonzero(np.isinf(numbers)).tolist(), cell, "a finite number")
    if declared.support is not None:
        low, high = declared.support
        outside = np.isfinite(numbers) & ((numbers < low) | (numbers > high))
        if outside.any():
            faults.rows(title, np.flatnonzero(outside).tolist(), cell, f"a value from {low:g} to {high:g}")
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return None
    if (finite == finite[0]).all():
        faults.column(title, f"the same value ({finite[0]:g}) in every row", "values that vary")
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.spacing(np.abs(finite).max().astype(np.float32))
    if not step <= FINEST * finite.std():
        found = f"{finite.min():.15g} to {finite.max():.15g}, too large for how little they differ"
        faults.column(
            title, found, "numbers that single precision tells apart; subtract one number from all, or rescale"
        )
    variable = _variable(name, title, "continuous", None, declared, faults)
    guessed = () if declared.kind else ("kind",)
    return None if variable is None else Attribute(variable, numbers, missing, guessed)


def _discrete(
    name: str,
    kind: str,
    column: pd.Series,
    numbers: NDArray[np.float64],
    missing: NDArray[np.bool_],
    declared: Declaration,
    faults: Faults,
) -> Attribute | None:
    title = str(column.name)
    codes, found = pd.factorize(column, use_na_sentinel=True)
    written = words = [_plain(word) for word in found]
    numeric = not np.isnan(numbers[~missing]).any()
    if numeric:
        words = [int(float(word)) if float(word).is_integer() else float(word) for word in words]
    if declared.labels is not None:
        labels = list(declared.labels)
    elif isinstance(column.dtype, pd.CategoricalDtype):
        labels = [_plain(word) for word in column.dtype.categories]
    else:
        labels = sorted(set(words), key=lambda word: (isinstance(word, str), word))
    if (
        kind == "ordinal"
        and not numeric
        and declared.labels is None
        and not isinstance(column.dtype, pd.CategoricalDtype)
    ):
        faults.column(title, "words whose order is not known", "`labels: [...]` from the lowest to the highest")
        return None
    if len(labels) > MOST_LABELS and declared.labels is None:
        what = "numbers" if numeric else "words"
        faults.column(
            title, f"{len(labels):,} different {what}", f"at most {MOST_LABELS} labels; declare them to have more"
        )
        return None
    if len(set(words)) == 1:
        faults.column(title, f"the same value ({words[0]!r}) in every row", "values that vary")
        return None
    place = {key: code for code, label in enumerate(labels) for key in (str(label), label)}
    spellings = [(word, str(word), str(raw)) for word, raw in zip(words, written)]
    table = [next((place[key] for key in keys if key in place), -2) for keys in spellings]
    values = np.array([*table, -1])[codes]
    unknown = np.flatnonzero(values == -2)
    if len(unknown):
        shown = ", ".join(map(str, labels[:8])) + (", ..." if len(labels) > 8 else "")
        faults.rows(title, unknown.tolist(), lambda row: repr(_plain(column.iloc[row])), f"one of {shown}")
    if kind == "categorical" and len(labels) == 2 and declared.kind is None:
        kind = "binary"
    variable = _variable(name, title, kind, tuple(labels), declared, faults)
    guessed = tuple(word for word in ("kind", "labels") if getattr(declared, word) is None)
    return None if variable is None else Attribute(variable, values, missing, guessed)


def _variable(
    name: str, title: str, kind: str, labels: tuple | None, declared: Declaration, faults: Faults
) -> Variable | None:
    try:
        return Variable(name, kind, labels=labels, support=declared.support, unit=declared.unit)  # type: ignore[arg-type]
    except GraphError as error:
        faults.column(title, "a declaration that does not fit", str(error))
        return None


def _plain(item: Any) -> Any:
    """A label as plain Python; words without the spaces around them, what else there is as it shows itself."""
    item = item.item() if isinstance(item, np.generic) else item
    return item if isinstance(item, bool | int | float | Decimal) else str(item).strip()
