"""One value per unit: columns `(N,)`, also from libraries that return them as `(N, 1)`, and series with row labels."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .errors import DataError

__all__ = ["as_column", "check_rows", "disagree", "indexes", "is_numbered"]


def as_column(name: str, values: Any) -> Any:
    """Return an array or tensor `(N,)` from one that is `(N,)` or `(N, 1)`; a single value is returned unchanged.

    Args:
        name: Name of the values, for the message.
        values: An array or tensor.

    Raises:
        DataError: It has several values per unit.
    """
    if values.ndim < 2:
        return values
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    raise DataError(
        f"Expected one value of '{name}' for each unit, (N,) or (N, 1); got the shape {tuple(values.shape)}. "
        "Give every column a name."
    )


def check_rows(values: Any) -> None:
    """Raise an error for series whose indexes name different rows, or the same rows in a different order.

    Raises:
        DataError: Two series disagree; the message names them.
    """
    found = list(indexes(values).items())
    for name, index in found[1:]:
        first, other = found[0]
        if disagree(index, other):
            raise DataError(
                f"Expected series of the same rows in the same order; got other row labels in '{name}' than in '{first}'. "
                "Take them from one data frame, or give numbers without labels: .to_numpy()."
            )


def indexes(values: Any) -> dict[str, pd.Index]:
    """Return the index of every series in a mapping."""
    if not isinstance(values, Mapping):
        return {}
    return {str(name): column.index for name, column in values.items() if isinstance(column, pd.Series)}


def is_numbered(index: pd.Index) -> bool:
    """Whether rows are numbered from 0, as in a series made from a plain list."""
    return index.equals(pd.RangeIndex(len(index)))


def disagree(index: pd.Index, other: pd.Index) -> bool:
    """Whether two indexes of equal length name different rows, or the same rows in a different order.

    Rows that are numbered from 0 may be unnamed, and are therefore compatible with any other rows.
    """
    if len(index) != len(other) or index.equals(other):
        return False
    return not (is_numbered(index) or is_numbered(other)) or set(index) == set(other)
