"""One value per unit: columns `(N,)`, also where a library hands them out as `(N, 1)`, and series with row labels."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .errors import DataError

__all__ = ["as_column", "check_rows", "disagree", "indexes", "is_numbered"]


def as_column(name: str, values: Any) -> Any:
    """An array or tensor `(N,)` of one that is `(N,)` or `(N, 1)`; a single value stays one.

    Args:
        name: What the values are, for the message.
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
    """Refuse series whose indexes name other rows, or the same rows in another order.

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
    """The index of every series in a mapping."""
    if not isinstance(values, Mapping):
        return {}
    return {str(name): column.index for name, column in values.items() if isinstance(column, pd.Series)}


def is_numbered(index: pd.Index) -> bool:
    """Whether rows are numbered from 0, as those of a series of a plain list are."""
    return index.equals(pd.RangeIndex(len(index)))


def disagree(index: pd.Index, other: pd.Index) -> bool:
    """Whether two indexes of one length name other rows, or the same rows in another order.

    Rows that are numbered from 0 may have no names, and then agree with any others.
    """
    if len(index) != len(other) or index.equals(other):
        return False
    return not (is_numbered(index) or is_numbered(other)) or set(index) == set(other)
