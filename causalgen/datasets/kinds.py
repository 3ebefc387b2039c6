"""The typing rule: the kind of a column, for every function that reads a table.

- Truth values, words, and whole numbers with at most ten different values are labels: binary with two, categorical with
  more. A pandas categorical is categorical, or ordinal if it is ordered; categories without rows are left out.
- Two different numbers are labels as well, whole or not. Labels ascend, but of two words the negative or
  smaller one comes first.
- All other numbers are continuous. Text that spells numbers counts as numbers.
- Ages as DICOM writes them (058Y, 003M) are years, if every cell of the column is one; if only most are, the others
  are faults.
- Dates, times, complex numbers and nested values are refused, and so are words that identify the rows.

Declarations override the rule. Whole numbers with more than ten but few different values might be codes
nevertheless: `Reading.notes` has a hint, with the declaration of the column.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataWarning, warn
from ..graph import Variable
from .ages import ages_in_years, not_ages
from .hints import ages_note, alike, maybe_codes
from .label_order import negative_first

__all__ = [
    "BEYOND_INT64",
    "FEW_NUMBERS",
    "MOST_LABELS",
    "Reading",
    "ReadingFault",
    "cell_numbers",
    "columns_line",
    "describe",
    "plain",
    "read_values",
    "refused",
]

Array = NDArray[np.float64]

FEW_NUMBERS = 10
"""Whole numbers with at most this many different values are read as labels."""
FEW_LABELS = 50
"""Up to this many words are labels, even with few rows for each."""
ROWS_PER_LABEL = 10
"""More words than that are labels if each has this many rows on average; otherwise they identify the rows."""
MOST_LABELS = 1_000
"""Maximum number of labels of a column without declared labels."""
MOSTLY = 0.8
"""Share of the cells that must be numbers (dates) for a column to be read as numbers (dates)."""
SHOWN = 8
"""Labels that a message lists."""
LOOKED_AT = 1_000
"""Different words that are examined to recognise dates."""
BEYOND_INT64 = 2.0**63
"""Whole numbers from this value on do not fit into signed 64 bits."""
EXACT = 2**53
"""Above this, double precision does not represent every whole number."""
DATE = re.compile(
    r"\d{4}[-/.](0?[1-9]|1[0-2])([-/.](0?[1-9]|[12]\d|3[01]))?([T ].*)?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4})([T ].*)?|\d{1,2}[ -][A-Za-z]{3,9}[ ,-]+\d{2,4}|\d{1,2}:\d{2}(:\d{2})?"
)
NO_DATES = "turn dates into a number, such as years since a day of reference, and durations into hours or days"
SPREAD = "spread them over columns"
AN_AGE = "an age such as 060Y, 018M or 003W"
ONE_FORM = (
    "write every age in this form, or as a number of years, and leave missing ones empty; if they are labels, declare the "
    "column categorical"
)


@dataclass(frozen=True)
class ReadingFault:
    """The reason why a column, or some of its cells, cannot be read.

    Args:
        found: The contents; for cells, those of the first one.
        expected: The expected contents.
        remedy: An instruction to the user; may be empty.
        rows: Positions of the cells; empty for a fault of the whole column.
    """

    found: str
    expected: str
    remedy: str = ""
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A column, read.

    Args:
        kind: continuous, binary, categorical or ordinal; None if the column cannot be read.
        labels: Labels in code order; None for numbers.
        values: `(rows,)` float64: numbers, or codes into the labels; NaN where missing or faulty.
        missing: `(rows,)` bool.
        faults: All faults.
        notes: Remarks on the choice for a reader of results.
        unit: Unit of the numbers, if their form implies it; else empty.
    """

    kind: str | None
    labels: tuple[Hashable, ...] | None
    values: Array
    missing: NDArray[np.bool_]
    faults: tuple[ReadingFault, ...] = ()
    notes: tuple[str, ...] = ()
    unit: str = ""

    @property
    def constant(self) -> bool:
        """Whether all present values are equal."""
        present = self.values[~self.missing]
        return bool(len(present)) and bool((present == present[0]).all())


def read_values(column: pd.Series, *, kind: str | None = None, labels: Sequence[Hashable] | None = None) -> Reading:
    """The kind of a column, and its values.

    Args:
        column: The column of a table.
        kind: Declared kind; None to use the typing rule.
        labels: Declared labels in code order; None for those of the column.

    >>> read_values(pd.Series([0, 1, 2, 1], name="clinic")).kind
    'categorical'
    >>> read_values(pd.Series([0, 1, 2, 1], name="visits"), kind="continuous").kind
    'continuous'
    """
    column = _dense(column)
    if labels is None and kind in (None, "continuous") and (years := ages_in_years(column)) is not None:
        read = read_values(years, kind="continuous")
        return replace(read, notes=(*read.notes, ages_note(column.name, column.dropna().iloc[0])), unit="years")
    if labels is None and isinstance(column.dtype, pd.CategoricalDtype):
        column = _without_unused(column)
    nothing = np.full(len(column), np.nan)
    missing = column.isna().to_numpy(dtype=bool)
    fault = refused(column)
    if fault is None and missing.all():
        fault = ReadingFault("missing values only", "values")
    if fault is None and labels is None and kind in (None, "continuous") and (rows := not_ages(column)):
        fault = ReadingFault(repr(plain(column.iloc[rows[0]])), AN_AGE, ONE_FORM, tuple(rows))
    if fault is not None:
        return Reading(None, None, nothing, missing, (fault,))
    exact = _exact(column[~missing])
    numbers = nothing.copy()
    numbers[~missing] = _floats(exact)
    if pd.api.types.is_numeric_dtype(column) and not _is_truth(column[~missing]):
        missing = missing | np.isnan(numbers)  # Arrow distinguishes NaN from a missing value
        exact = exact[~np.isnan(_floats(exact))]
    if missing.all():
        return Reading(None, None, nothing, missing, (ReadingFault("missing values only", "values"),))
    guessed = kind is None and labels is None
    if guessed and _are_dates(column[~missing], numbers[~missing]):
        return Reading(None, None, nothing, missing, (_dates(),))
    kind = kind or ("categorical" if labels is not None else _decide(column, exact))
    if kind == "continuous":
        return _numbers(column, numbers, missing, exact, guessed)
    return _labels(column, kind, numbers, missing, exact, labels, guessed)


def describe(variable: Variable) -> str:
    """The kind as text, with the labels.

    >>> describe(Variable("clinic", "categorical", labels=(0, 1, 2)))
    'categorical (3 whole-number codes)'
    """
    labels = variable.labels or ()
    if variable.kind == "binary":
        return f"binary ({labels[0]}, {labels[1]})"
    if not variable.is_discrete:
        return str(variable.kind or "of no kind")
    codes = all(isinstance(label, int) and not isinstance(label, bool) for label in labels)
    return f"{variable.kind} ({len(labels)} {'whole-number codes' if codes else 'labels'})"


def cell_numbers(column: pd.Series) -> Array:
    """Numbers of the cells, `(rows,)`; NaN if a cell is missing or holds no number."""
    missing = column.isna().to_numpy(dtype=bool)
    numbers = np.full(len(column), np.nan)
    numbers[~missing] = _floats(_exact(column[~missing]))
    return numbers


def columns_line(variables: Sequence[Variable]) -> str:
    """The kinds of columns, in one line; empty without columns.

    >>> columns_line([Variable("t", "binary", labels=("no", "yes")), Variable("y", "continuous")])
    'Columns: t binary (no, yes), y continuous.'
    """
    listed = ", ".join(f"{variable.name} {describe(variable)}" for variable in variables)
    return f"Columns: {listed}." if listed else ""


def plain(item: Any) -> Any:
    """A label as plain Python: a number unchanged, everything else as text without surrounding spaces."""
    item = item.item() if isinstance(item, np.generic) else item
    return item if isinstance(item, bool | int | float | Decimal) else str(item).strip()


def _dense(column: pd.Series) -> pd.Series:
    column = column.reset_index(drop=True)
    return column.astype(column.dtype.subtype) if isinstance(column.dtype, pd.SparseDtype) else column


def _without_unused(column: pd.Series) -> pd.Series:
    """A pandas categorical without unused categories, such as those that a filter left."""
    kept = column.cat.remove_unused_categories()
    unused = [str(item) for item in column.cat.categories.difference(kept.cat.categories, sort=False)]
    if unused and len(kept.cat.categories):
        warn(
            f"Column '{column.name}' has categories that no row has: {', '.join(unused[:SHOWN])}"
            f"{', ...' * (len(unused) > SHOWN)}. They are left out; declare its labels to keep them.",
            DataWarning,
        )
    return kept


def _dates() -> ReadingFault:
    return ReadingFault("dates or times", "numbers or labels", NO_DATES)


def refused(column: pd.Series) -> ReadingFault | None:
    """The reason why no variable can be read from a column of this type."""
    if isinstance(column.dtype, pd.ArrowDtype):
        import pyarrow as pa

        kind = column.dtype.pyarrow_dtype
        if pa.types.is_nested(kind):
            return ReadingFault(f"lists or records ({kind})", "one value per cell", SPREAD)
        return _dates() if pa.types.is_temporal(kind) else None
    dtype = column.dtype.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    if dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype | pd.DatetimeTZDtype):
        return _dates()
    if dtype.kind == "c":
        return _complex()
    if column.dtype == object:
        for item in column:
            if isinstance(item, list | dict | tuple | set | np.ndarray):
                return ReadingFault(f"a {type(item).__name__} per cell", "one value per cell", SPREAD)
            if hasattr(item, "isoformat") or isinstance(item, timedelta | np.datetime64 | np.timedelta64):
                return _dates()
            if isinstance(item, complex | np.complexfloating):
                return _complex()
    return None


def _complex() -> ReadingFault:
    return ReadingFault("complex numbers", "numbers or labels", "give their parts, or size and angle, a column each")


def _exact(present: pd.Series) -> NDArray[Any]:
    """Present cells as numbers, whole ones exact; NaN if a cell holds no number. Truth values are labels, not numbers."""
    if _is_truth(present):
        return np.full(len(present), np.nan)
    if present.dtype == object and pd.api.types.infer_dtype(present) == "integer":
        return np.array([int(number) for number in present], dtype=object)  # which pandas 2 converts to floats
    read = pd.to_numeric(present, errors="coerce")
    if len(read) and pd.api.types.is_integer_dtype(read) and not read.isna().any():
        return read.to_numpy(dtype=np.uint64 if read.min() >= 0 else np.int64)
    if pd.api.types.is_string_dtype(present) and (read.abs() >= BEYOND_INT64).any():
        texts = present.astype(str).str.strip()
        if texts.str.fullmatch(r"[-+]?[0-9]+").all():
            return texts.map(int).to_numpy(dtype=object)
    with np.errstate(over="ignore"):
        return read.to_numpy(dtype=np.float64, na_value=np.nan)


def _floats(exact: NDArray[Any]) -> Array:
    """Numbers in double precision; whole numbers beyond its range become infinite."""
    if exact.dtype != object:
        return exact.astype(float)
    return np.array([float(item) if abs(item) < 10**308 else (np.inf if item > 0 else -np.inf) for item in exact])


def _is_truth(present: pd.Series) -> bool:
    return pd.api.types.is_bool_dtype(present) or pd.api.types.infer_dtype(present, skipna=True) == "boolean"


def _are_dates(present: pd.Series, numbers: Array) -> bool:
    """Whether most cells are dates or times written as text."""
    if not np.isnan(numbers).mean() > 1 - MOSTLY or _is_truth(present):
        return False
    words = [str(word).strip() for word in present.unique()[:LOOKED_AT]]
    return sum(DATE.fullmatch(word) is not None for word in words) >= MOSTLY * len(words)


def _decide(column: pd.Series, exact: NDArray[Any]) -> str:
    """Kind of a column without declarations; `exact` holds its present cells as numbers."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "ordinal" if column.dtype.ordered else "categorical"
    present = _floats(exact)
    wordy = np.isnan(present)
    if wordy.mean() > 1 - MOSTLY:
        return "categorical"
    if wordy.any() or not np.isfinite(present).all():
        return "continuous"
    different = np.unique(exact)
    whole = bool((present == np.round(present)).all())
    if len(different) == 1:
        return "continuous"  # each caller handles a constant in its own way
    return "categorical" if len(different) == 2 or (whole and len(different) <= FEW_NUMBERS) else "continuous"


def _numbers(
    column: pd.Series, numbers: Array, missing: NDArray[np.bool_], exact: NDArray[Any], guessed: bool
) -> Reading:
    if _is_truth(column[~missing]):
        numbers = numbers.copy()
        numbers[~missing] = column[~missing].astype(float)
    faults = []
    for wrong, expected in ((np.isnan(numbers) & ~missing, "a number"), (np.isinf(numbers), "a finite number")):
        if wrong.any():
            rows = np.flatnonzero(wrong)
            faults.append(ReadingFault(repr(plain(column.iloc[rows[0]])), expected, rows=tuple(rows.tolist())))
    present = numbers[~missing]
    if not faults and np.abs(present).max() > EXACT and len(np.unique(exact)) > len(np.unique(present)):
        faults.append(
            ReadingFault(
                f"whole numbers up to {max(exact.tolist(), key=abs)}, of which double precision cannot distinguish "
                f"{len(np.unique(exact)) - len(np.unique(present))} from others",
                f"numbers up to {EXACT}",
                "declare the column categorical if its numbers are names, or subtract the smallest number from all",
            )
        )
    note = maybe_codes(column.name, present, FEW_NUMBERS, FEW_LABELS) if guessed and not faults else ""
    return Reading("continuous", None, numbers, missing, tuple(faults), (note,) if note else ())


def _labels(
    column: pd.Series,
    kind: str,
    numbers: Array,
    missing: NDArray[np.bool_],
    exact: NDArray[Any],
    declared: Sequence[Hashable] | None,
    guessed: bool,
) -> Reading:
    """A column of labels; `exact` holds its present cells as numbers."""
    present, values = column[~missing], np.full(len(column), np.nan)
    numeric = not np.isnan(numbers[~missing]).any()
    what, nothing = "numbers" if numeric else "words", Reading(None, None, values, missing)
    if declared is None and (raw := present.nunique()) > 10 * MOST_LABELS:  # spares a million conversions to text
        return _with(nothing, _too_many(raw, len(present), what, guessed))
    codes, found = pd.factorize(present)
    written = [plain(item) for item in found.tolist()]
    words = [_number(exact[row]) for row in np.unique(codes, return_index=True)[1]] if numeric else written
    if numeric and not np.isfinite(numbers[~missing]).all():
        rows = np.flatnonzero(np.isinf(numbers))
        return _with(
            nothing, ReadingFault(repr(plain(column.iloc[rows[0]])), "a finite number", rows=tuple(rows.tolist()))
        )
    ordered = isinstance(column.dtype, pd.CategoricalDtype)
    if declared is None and kind == "ordinal" and not numeric and not ordered:
        return _with(
            nothing, ReadingFault("words whose order is not known", "`labels: [...]` from the lowest to the highest")
        )
    labels = list(declared) if declared is not None else _in_order(column, words)
    if declared is None and (fault := _too_many(len(labels), len(present), what, guessed)):
        return _with(nothing, fault)
    place = {key: code for code, label in enumerate(labels) for key in (str(label), label)}
    spellings = [(word, str(word), str(raw)) for word, raw in zip(words, written, strict=True)]
    table = [next((place[key] for key in keys if key in place), np.nan) for keys in spellings]
    values[~missing] = np.array([*table, np.nan])[codes]
    faults: tuple[ReadingFault, ...] = ()
    unknown = np.flatnonzero(np.isnan(values) & ~missing)
    if len(unknown):
        shown = ", ".join(map(str, labels[:SHOWN])) + (", ..." if len(labels) > SHOWN else "")
        faults = (ReadingFault(repr(plain(column.iloc[unknown[0]])), f"one of {shown}", rows=tuple(unknown.tolist())),)
    if len(labels) == 2 and kind in ("categorical", "ordinal") and guessed:
        kind = "binary"
    note = alike(column.name, labels) if guessed and not numeric else ""
    return Reading(kind, tuple(labels), values, missing, faults, (note,) if note else ())


def _with(reading: Reading, fault: ReadingFault | None) -> Reading:
    return replace(reading, faults=() if fault is None else (fault,))


def _number(value: Any) -> int | float:
    """A whole number as int, exactly."""
    return int(value) if isinstance(value, int) or float(value).is_integer() else float(value)


def _in_order(column: pd.Series, words: Sequence[Any]) -> list[Any]:
    """The categories of a pandas categorical; else numbers before words, each ascending, but 'nein' before 'ja'."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [_number(item) if _is_number(item) else plain(item) for item in column.dtype.categories]
    labels = sorted(dict.fromkeys(words), key=lambda word: (isinstance(word, str), word))
    return list(negative_first(*labels)) if len(labels) == 2 else labels


def _is_number(item: Any) -> bool:
    return isinstance(item, int | float | np.number) and not isinstance(item, bool) and bool(np.isfinite(item))


def _too_many(labels: int, rows: int, what: str, guessed: bool) -> ReadingFault | None:
    if guessed and labels > FEW_LABELS and rows < ROWS_PER_LABEL * labels:
        return ReadingFault(
            f"{labels:,} different {what} in {rows:,} rows, as in a column of row names",
            f"at most {FEW_LABELS} labels, or {ROWS_PER_LABEL} rows for each",
            "leave the column out (an effect takes it as cluster=), merge rare labels, or declare it categorical",
        )
    if labels > MOST_LABELS:
        return ReadingFault(
            f"{labels:,} different {what}", f"at most {MOST_LABELS:,} labels", "list its labels to allow more"
        )
    return None
